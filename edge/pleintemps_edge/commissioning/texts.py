"""Every word of the self test in French and English: instructions, findings, what to do about them. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from pleintemps_contract.commissioning import Ask, DeviceResult, Finding, Verdict

from .findings import FINDINGS
from .steps import Bench, Problem
from .words import INSTRUCTIONS, SOURCES, WORDS, Text

LANGUAGES: Final = ("fr", "en")


def say(language: str, text: Text) -> str:
    return text[0] if language == "fr" else text[1]


def word(language: str, name: str) -> str:
    """One of :data:`WORDS`; a name without one stands for itself."""
    return say(language, WORDS[name]) if name in WORDS else name


def instruction(language: str, ask: Ask, step: str, values: Mapping[str, object]) -> str:
    """What somebody is to do now."""
    return say(language, INSTRUCTIONS.get(step) or INSTRUCTIONS[ask.value]).format_map(dict(values))


def finding(language: str, problem: Problem, bench: Bench) -> Finding:
    """A problem in words, with what to do about it."""
    what, advice = FINDINGS[problem.code]
    values: dict[str, object] = {"device": bench.device, "wiring": bench.wiring or bench.device}
    values |= {name: _plain(value) for name, value in problem.values.items()}
    doubt = problem.verdict in (Verdict.FAIL, Verdict.WARN)
    return Finding(
        code=problem.code,
        verdict=problem.verdict,
        text=say(language, what).format_map(values),
        advice=say(language, advice).format_map(values) if doubt else "",
    )


def translated(language: str, result: DeviceResult) -> DeviceResult:
    """``result`` with the sources of its limits in ``language``; by themselves they are in English."""
    if language != "fr":
        return result
    measurements = [
        msgspec.structs.replace(each, source=SOURCES[each.name]) if each.source else each
        for each in result.measurements
    ]
    return msgspec.structs.replace(result, measurements=measurements)


def _plain(value: object) -> object:
    """A text from outside, on one line and short."""
    if not isinstance(value, str):
        return value
    return "".join(letter if letter.isprintable() else " " for letter in value)[:200]
