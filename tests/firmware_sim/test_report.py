"""What is left of a run: JUnit XML that parses, a page that loads nothing."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as Xml

from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_firmware_sim.report.junit import junit
from pleintemps_firmware_sim.report.lanes import lanes
from pleintemps_firmware_sim.report.page import page
from pleintemps_firmware_sim.scenario.facts import Fact, FactKind, RunResult, Scalar, Verdict

BEGIN = 1_795_449_600_000
EVIL = "<script src='http://x'>&\x00\ud7ff\"'"


def result(facts: list[Fact], why: str = "", digest: str = "") -> RunResult:
    verdicts = [
        Verdict(name="one", text="door: hall", line=3, met=True),
        Verdict(name="two", text="lock: hall", line=4, met=not why, why=why),
    ]
    return RunResult(
        scenario="evening",
        seed=42,
        mode="virtual",
        begin=BEGIN,
        end=BEGIN + 60_000,
        facts=facts,
        verdicts=verdicts,
        digest=digest,
        rate=1_000,
    )


def fact(at_s: float, kind: FactKind, value: Scalar, name: str = "", **detail: Scalar) -> Fact:
    at = BEGIN + int(at_s * 1_000)
    return Fact(at=at, kind=kind, where="hall", value=value, name=name, detail=detail)


FACTS = [
    fact(0, FactKind.BOOKING, "added", "choir", uid="u", start=BEGIN, end=BEGIN + 30_000),
    fact(1, FactKind.PEOPLE, 4),
    fact(1, FactKind.LEVEL, 36.0),
    fact(2, FactKind.LEVEL, 90.0),
    fact(3, FactKind.LOCK, "released"),
    fact(4, FactKind.LOCK, "holds"),
    fact(4, FactKind.FAULT, "begins", "power-cut"),
    fact(5, FactKind.ALERT, "opened", "noise"),
    fact(6, FactKind.CODE, "throttled"),
    fact(9, FactKind.FAULT, "ends", "power-cut"),
]


def test_junit_names_the_seed_and_how_to_repeat_the_run() -> None:
    root = Xml.fromstring(junit([result(FACTS, why="hall was holds"), result(FACTS)]))
    first, second = root.findall("testsuite")
    assert (first.get("tests"), first.get("failures"), second.get("failures")) == ("2", "1", "0")
    (failure,) = first.iter("failure")
    assert failure.get("message") == "hall was holds"
    assert "pleintemps-sim run evening --seed 42 --virtual-time" in (failure.text or "")


def test_lanes_are_what_lasted() -> None:
    found = {lane.title: lane for lane in lanes(result(FACTS, why="x"))}
    (lock,) = found["hall: lock"].bars
    assert (lock.begin, lock.end, lock.text) == (BEGIN + 3_000, BEGIN + 4_000, "released")
    (fault,) = found["faults"].bars
    assert fault.end - fault.begin == 5_000
    (alert,) = found["alerts"].bars
    assert alert.end == BEGIN + 60_000
    assert found["hall: level, dB"].points == ((BEGIN + 1_000, 36.0), (BEGIN + 2_000, 90.0))
    assert "hall: believed" not in found
    assert [bar.text for bar in found["not met"].bars] == ["two: x"]


class Loads(HTMLParser):
    """Everything that a browser would fetch, and how deep the tags are at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        keys = {"src", "href", "data", "srcset", "xlink:href"}
        self.found += [f"{tag} {key}" for key, _ in attrs if key in keys]
        if tag in ("script", "link", "iframe", "object", "embed"):
            self.found.append(tag)


def test_the_page_loads_nothing_whatever_the_names_are() -> None:
    evil = [fact(8, FactKind.ACT, EVIL, EVIL), fact(8, FactKind.ALERT, "opened", EVIL)]
    text = page(result(FACTS + evil, why=EVIL, digest="abc"), EVIL, "Europe/Paris")
    loads = Loads()
    loads.feed(text)
    assert loads.found == []
    assert "url(" not in text
    assert "1 not met" in text
    svg = re.search(r"<svg.*</svg>", text, re.S)
    assert svg is not None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda at, kind, value: fact(at, kind, value, "n"),
            st.floats(-10, 70),
            st.sampled_from(FactKind),
            st.none()
            | st.text(max_size=5)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.integers(0, 9),
        ),
        max_size=12,
    ),
    st.text(max_size=10),
)
def test_any_facts_make_xml_and_a_page(facts: list[Fact], why: str) -> None:
    played = result(sorted(facts, key=lambda each: each.at), why=why)
    assert Xml.fromstring(junit([played])) is not None
    svg = re.search(r"<svg.*</svg>", page(played, why, "Europe/Paris"), re.S)
    assert svg is not None
    Xml.fromstring(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", svg[0]))
