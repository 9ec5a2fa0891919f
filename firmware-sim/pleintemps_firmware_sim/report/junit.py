"""JUnit XML of runs: a suite for each scenario, a case for each expectation."""

import re
from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as Xml

from pleintemps_firmware_sim.scenario.facts import RunResult

# what XML 1.0 cannot hold, however it is escaped
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def repeat_with(result: RunResult) -> str:
    """The command line that plays this run again."""
    if result.again:
        return result.again
    virtual = " --virtual-time" if result.mode == "virtual" else ""
    return f"pleintemps-sim run {result.scenario} --seed {result.seed}{virtual}"


def junit(results: Iterable[RunResult]) -> bytes:
    """The document. Times are of the simulated clock."""
    root = Xml.Element("testsuites", name="pleintemps-sim")
    for result in results:
        seconds = f"{(result.end - result.begin) / 1_000:.3f}"
        failed = sum(not verdict.met for verdict in result.verdicts)
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=_text(result.scenario),
            tests=str(len(result.verdicts)),
            failures=str(failed),
            errors="0",
            skipped=str(sum(verdict.skipped for verdict in result.verdicts)),
            time=seconds,
        )
        properties = Xml.SubElement(suite, "properties")
        for name, value in (
            ("seed", str(result.seed)),
            ("mode", result.mode),
            ("digest", result.digest),
            ("rate", str(result.rate)),
        ):
            Xml.SubElement(properties, "property", name=name, value=value)
        for verdict in result.verdicts:
            case = Xml.SubElement(
                suite,
                "testcase",
                classname=_text(result.scenario),
                name=_text(verdict.name),
                line=str(verdict.line),
                time="0",
            )
            if verdict.skipped:
                Xml.SubElement(case, "skipped", message=_text(verdict.why))
            elif not verdict.met:
                failure = Xml.SubElement(case, "failure", type="expectation", message=_text(verdict.why))
                failure.text = _text(f"{verdict.text}\n{verdict.why}\nagain: {repeat_with(result)}")
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
