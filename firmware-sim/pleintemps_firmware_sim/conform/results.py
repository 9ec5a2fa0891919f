"""What the suite says at the end: lines, JSON, and the reports of scenarios."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pleintemps_firmware_sim.report.junit import junit
from pleintemps_firmware_sim.report.page import page
from pleintemps_firmware_sim.scenario.facts import RunResult, Verdict

from .bench import BEGIN, SEED
from .requirement import Outcome, Requirement, Result
from .setup import Setup

_WORDS: Final = {Result.PASS: "pass", Result.FAIL: "FAIL", Result.NOT_APPLICABLE: "n/a "}


def result(outcomes: Iterable[Outcome]) -> Result:
    """Of a requirement as a whole: one that fails anywhere fails, one that applies nowhere does not apply."""
    found = {each.result for each in outcomes}
    return next((each for each in (Result.FAIL, Result.PASS) if each in found), Result.NOT_APPLICABLE)


def lines(requirement: Requirement, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """One line; what failed or does not apply is named in it, with the reason."""
    word = _WORDS[result(outcomes)]
    parts = [
        f"{each.subject}: {'' if each.result is Result.FAIL else 'not applicable: '}{each.why}"
        for each in outcomes
        if each.result is not Result.PASS
    ]
    passed = [each.subject for each in outcomes if each.result is Result.PASS]
    told = "; ".join([", ".join(passed), *parts] if passed else parts)
    yield f"{word} {requirement.id}  {requirement.text}  [{told}]"


def summary(setup: Setup, chosen: Sequence[Requirement], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What ``--json`` prints; counts are of requirements."""
    by_id = {each.id: [one for one in outcomes if one.requirement == each.id] for each in chosen}
    totals = [result(found) for found in by_id.values()]
    return {
        "config": str(setup.path),
        "site": setup.file.site,
        "agent": setup.file.agent,
        "passed": totals.count(Result.PASS),
        "failed": totals.count(Result.FAIL),
        "not_applicable": totals.count(Result.NOT_APPLICABLE),
        "requirements": [
            {
                "id": each.id,
                "text": each.text,
                "source": each.source,
                "result": result(by_id[each.id]),
                "outcomes": msgspec.to_builtins(by_id[each.id]),
            }
            for each in chosen
        ],
    }


def write(
    setup: Setup,
    chosen: Sequence[Requirement],
    outcomes: Sequence[Outcome],
    to_junit: Path | None,
    to_page: Path | None,
) -> None:
    """JUnit XML and a page, where they are wanted; raises OSError."""
    texts = {each.id: f"{each.text} ({each.source})" for each in chosen}
    verdicts = [
        Verdict(
            name=f"{each.requirement} {each.subject}",
            text=texts[each.requirement],
            line=0,
            met=each.result is not Result.FAIL,
            why=each.why,
            skipped=each.result is Result.NOT_APPLICABLE,
        )
        for each in outcomes
    ]
    run = RunResult(
        scenario=f"{setup.file.site}/{setup.file.agent}",
        seed=SEED,
        mode="virtual",
        begin=BEGIN,
        end=BEGIN,
        facts=[],
        verdicts=verdicts,
        digest="",
        rate=0,
        again=f"pleintemps-sim conform --config {shlex.quote(str(setup.path))}",
    )
    if to_junit is not None:
        to_junit.write_bytes(junit([run]))
    if to_page is not None:
        title = f"Conformance of {setup.file.agent} at {setup.file.site}"
        to_page.write_text(page(run, title, "UTC"), encoding="utf-8")
