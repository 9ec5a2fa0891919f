"""Expectations beside facts, one kind after the other."""

from pathlib import Path

import pytest

from pleintemps_firmware_sim.scenario.facts import Fact, FactKind, Scalar, Verdict
from pleintemps_firmware_sim.scenario.judging import judge
from pleintemps_firmware_sim.scenario.loading import parse

BEGIN = 1_795_449_600_000
END = BEGIN + 100_000
HEAD = """\
scenario: x
title: x
lasts: 100s
bookings: [{booking: choir, space: hall, from: +10s, to: +60s}]
acts: [{do: push, name: pushed, at: +20s, door: hall}]
expect:
"""
K = FactKind


def fact(at_s: float, kind: FactKind, where: str, value: Scalar, name: str = "", **detail: Scalar) -> Fact:
    at = BEGIN + int(at_s * 1_000)
    return Fact(at=at, kind=kind, where=where, value=value, name=name, detail=detail)


FACTS = [
    fact(1, K.BOOKING, "hall", "added", "choir", uid="u1", start=BEGIN + 10_000, end=BEGIN + 60_000),
    fact(5, K.PEOPLE, "hall", 3),
    fact(6, K.STATE, "hall", "occupied"),
    fact(15, K.PEOPLE, "hall", 0),
    fact(17, K.STATE, "hall", "vacant"),
    fact(20, K.ACT, "hall", "push", "tester", mark="pushed"),
    fact(21, K.CODE, "hall", "unknown-credential"),
    fact(22, K.MODE, "hall", "Accessed"),
    fact(22.1, K.LOCK, "hall", "released"),
    fact(25, K.LOCK, "hall", "holds"),
    fact(25, K.MODE, "hall", "Locked"),
    fact(30, K.ALERT, "hall", "opened", "noise"),
    fact(40, K.ALERT, "hall", "resolved", "noise"),
    fact(50, K.ACT, "hall", "push", "tester", mark="pushed"),
    fact(51, K.EVENT, "hall", "silent", "device-health", device="hall-radar"),
    fact(99, K.USAGE, "hall", "ended", "u1", occupied_ms=600_000),
    fact(99, K.REFUSED, "pleintemps/v1/x", 3, "bad signature"),
    *(
        fact(99, K.BOOKS, agent, count, name)
        for agent in ("entrance", "hall")
        for name, count in (("made", 9), ("stored", 9), ("held", 0), ("lost", 0), ("differing", 0))
    ),
]


def verdict(expected: str, facts: list[Fact] | None = None) -> Verdict:
    scenario = parse("x.yaml", f"{HEAD}  - {{name: e, {expected}}}\n".encode(), Path("/nowhere"))
    (found,) = judge(scenario, FACTS if facts is None else facts, BEGIN, END)
    assert found.line == 7
    return found


@pytest.mark.parametrize(
    "expected",
    [
        "that: door, door: hall, is: Accessed, after: +20s, within: 3s",
        "that: lock, door: hall, is: holds, after: begin, within: 22s, throughout: true",
        "that: lock, door: hall, is: released, after: +23s, within: 1s",
        "that: leaf, door: hall, is: shut, throughout: true",
        "that: state, space: hall, is: occupied, after: +10s, within: 1s",
        "that: agent, agent: hall, is: online, throughout: true",
        "that: code, door: hall, is: refused, after: +20s, within: 2s",
        "that: code, door: hall, is: unknown-credential, at_most: 1",
        "that: code, door: hall, is: accepted, at_most: 0",
        "that: alert, kind: noise, where: hall, after: +20s, within: 10s",
        "that: alert, kind: noise, is: resolved",
        "that: no-alert, kind: noise, after: +31s",
        "that: no-alert, except: [noise]",
        "that: event, agent: hall, type: device-health, is: silent, device: hall-radar",
        "that: usage, booking: choir, is: ended, minutes: [9, 11]",
        "that: journal-equals-store",
        "that: books, agent: hall, figure: made, at_least: 9, at_most: 9",
        "that: refused, source: v1, reason: signature, at_least: 3",
        "that: truth, space: hall, at_least: 0.92",
        "that: alert, kind: noise, after: pushed-10s, within: 40s, at_most: 1",
    ],
)
def test_what_came_true(expected: str) -> None:
    found = verdict(expected)
    assert found.met, found.why
    assert found.why == ""


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        (
            "that: door, door: hall, is: Accessed, after: +30s, within: 3s",
            "hall was Locked from +30.0 to +33.0 s",
        ),
        ("that: lock, door: hall, is: holds, throughout: true", "hall was released at +22.1 s"),
        ("that: lock, door: gate, is: released", "gate was holds from +0.0 to +100.0 s"),
        ("that: state, space: yard, is: vacant", "yard was unknown from +0.0 to +100.0 s"),
        ("that: door, door: hall, is: Accessed, after: pushed, within: 3s", "hall was Locked from +50.0 to"),
        ("that: code, door: hall, is: accepted", "code at hall accepted: 0 times"),
        ("that: alert, kind: noise, within: 20s", "alert noise opened: 0 times from +0.0 to +20.0 s"),
        ("that: no-alert", "alert noise at hall at +30.0 s"),
        ("that: event, agent: hall, type: device-health, device: hall-pir", "record device-health of hall"),
        ("that: usage, booking: choir, is: no-show", "u1 is ended"),
        ("that: usage, booking: choir, is: ended, minutes: [11, 12]", "u1 was used for 10.0 min"),
        ("that: books, agent: hall, figure: duplicates, at_least: 1", "nothing is known of the journal"),
        ("that: refused, at_most: 2", "messages refused: 3 times"),
        ("that: truth, space: hall, at_least: 0.93", "hall: right for 0.920 of the time"),
    ],
)
def test_what_did_not_says_what_was_seen(expected: str, why: str) -> None:
    found = verdict(expected)
    assert not found.met
    assert found.why.startswith(why)


@pytest.mark.parametrize(("name", "count"), [("held", 1), ("lost", 1), ("differing", 1), ("stored", 8)])
def test_a_journal_that_is_not_the_store(name: str, count: int) -> None:
    wrong = [*FACTS, fact(99, K.BOOKS, "hall", count, name)]
    found = verdict("that: journal-equals-store", wrong)
    assert not found.met
    assert f"{name} {count}" in found.why


def test_a_moment_that_never_came_is_not_met() -> None:
    assert verdict("that: no-alert, after: pushed", []).why == "pushed never came"
