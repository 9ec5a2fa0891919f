"""Whether a space is given back: every doubt keeps the booking."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.config import ReleaseConfig
from pleintemps_gateway.occupancy.room import Estimate
from pleintemps_gateway.reconcile.records import UsageState
from pleintemps_gateway.reconcile.release import (
    EVIDENCE_MS,
    SETTLED_MS,
    Action,
    Booked,
    Decision,
    Known,
    Sight,
    Why,
    decide,
)

from .building import HOUR, MINUTE, NOON

RULE = ReleaseConfig(exempt_groups=["council"], exempt_spaces=["vault"])
START, END = NOON, NOON + 2 * HOUR
LATER = START + 31 * MINUTE


def booked(**changes: Any) -> Booked:
    return Booked("hall", START, END, "choir")._replace(**changes)


def known(**changes: Any) -> Known:
    return Known(UsageState.NO_SHOW, reachable=True)._replace(**changes)


def estimate(now: int, **changes: Any) -> Estimate:
    vacant = Estimate(Occupancy.VACANT, 0.01, START - HOUR, "hall-radar nobody", now - 20_000, None)
    return vacant._replace(**changes)


def sight(now: int, believed: Estimate | None = None, **changes: Any) -> Sight:
    return Sight(believed or estimate(now), True, START - HOUR)._replace(**changes)


def at(minutes: int, told: Booked | None = None, also: Known | None = None) -> Decision:
    now = START + minutes * MINUTE
    return decide(RULE, told or booked(), also or known(), sight(now), now)


WARNED = booked(warned=START + 15 * MINUTE)
TOLD = known(told=START + 15 * MINUTE + 5_000)


def test_an_evening_that_nobody_comes_to() -> None:
    assert at(-1) == (Action.NOTHING, Why.NOT_ON)
    assert at(14) == (Action.NOTHING, Why.EARLY)
    assert at(15) == (Action.WARN, Why.NO_SHOW)
    assert at(16, WARNED) == (Action.NOTHING, Why.NOT_DELIVERED)
    assert at(29, WARNED, TOLD) == (Action.NOTHING, Why.WAITING)
    assert at(30, WARNED, TOLD) == (Action.NOTHING, Why.WAITING)  # told 5 s after they were warned
    assert at(31, WARNED, TOLD) == (Action.RELEASE, Why.NO_SHOW)
    assert at(106, WARNED, TOLD) == (Action.NOTHING, Why.LATE)
    assert at(120, WARNED, TOLD) == (Action.NOTHING, Why.NOT_ON)


def test_who_cannot_be_told_keeps_the_space() -> None:
    assert at(15, also=known(reachable=False)) == (Action.TELL, Why.NOBODY_TO_WARN)
    assert at(119, WARNED, known(reachable=False)).action is Action.NOTHING


def test_a_warning_that_leaves_no_time_is_not_given() -> None:
    assert at(90) == (Action.WARN, Why.NO_SHOW)
    assert at(91) == (Action.NOTHING, Why.LATE)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"group": "council"}, Why.EXEMPT),
        ({"space": "vault"}, Why.EXEMPT),
        ({"end": START + HOUR - 1}, Why.EXEMPT),
        ({"end": START + 8 * HOUR}, Why.EXEMPT),
        ({"kept": START + 16 * MINUTE}, Why.KEPT),
    ],
)
def test_bookings_that_the_rule_leaves_alone(changes: dict[str, Any], why: Why) -> None:
    told = WARNED._replace(**changes)
    assert decide(RULE, told, TOLD, sight(LATER), LATER) == (Action.NOTHING, why)


def test_a_word_about_another_time_does_not_count() -> None:
    told = booked(warned=START - 24 * HOUR, kept=START - 24 * HOUR, left=START - 24 * HOUR)
    assert decide(RULE, told, TOLD, sight(LATER), LATER) == (Action.WARN, Why.NO_SHOW)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"opened": True}, Why.OPENED),
        ({"usage": None}, Why.NOT_FOLLOWED),
        ({"usage": UsageState.ARRIVED}, Why.USED),
        ({"usage": UsageState.IN_USE}, Why.USED),
        ({"usage": UsageState.LEFT}, Why.USED),
        ({"usage": UsageState.ENDED}, Why.USED),
    ],
)
def test_a_booking_that_was_used_is_kept(changes: dict[str, Any], why: Why) -> None:
    assert decide(RULE, WARNED, TOLD._replace(**changes), sight(LATER), LATER) == (Action.NOTHING, why)


DOUBTS = [
    (None, {"estimate": None}, Why.UNKNOWN),
    ({"state": Occupancy.UNKNOWN, "probability": None}, {}, Why.UNKNOWN),
    ({"state": Occupancy.OCCUPIED, "probability": 0.9}, {}, Why.OCCUPIED),
    ({"probability": 0.05}, {}, Why.UNCERTAIN),
    ({"evidence": ""}, {}, Why.STALE),
    ({"evidence_at": None}, {}, Why.STALE),
    ({"evidence_at": LATER - EVIDENCE_MS - 1}, {}, Why.STALE),
    ({"evidence_at": LATER + 2 * MINUTE}, {}, Why.STALE),
    (None, {"sound": False}, Why.SENSOR),
    (None, {"heard_since": None}, Why.SILENT),
    (None, {"heard_since": LATER - SETTLED_MS + 1}, Why.SILENT),
]


@pytest.mark.parametrize("left", [None, START + MINUTE])
@pytest.mark.parametrize(("believed", "changes", "why"), DOUBTS)
def test_every_doubt_keeps_the_booking(
    believed: dict[str, Any] | None, changes: dict[str, Any], why: Why, left: int | None
) -> None:
    seen = sight(LATER, estimate(LATER, **(believed or {})), **changes)
    told, also = WARNED._replace(left=left), TOLD._replace(door_closed=True)
    assert decide(RULE, told, also, seen, LATER) == (Action.NOTHING, why)


def test_vacancy_counts_without_a_break() -> None:
    back = sight(LATER, estimate(LATER, since=LATER - 29 * MINUTE))  # unknown, or somebody, before
    assert decide(RULE, WARNED, TOLD, back, LATER) == (Action.NOTHING, Why.WAITING)
    leapt = sight(LATER, steady_since=LATER - MINUTE)
    assert decide(RULE, WARNED, TOLD, leapt, LATER) == (Action.NOTHING, Why.EARLY)


def test_people_who_say_that_they_have_left_give_the_rest_back_at_once() -> None:
    told, also = booked(left=START + 20 * MINUTE), known(usage=UsageState.IN_USE, opened=True)
    assert decide(RULE, told, also, sight(LATER), LATER) == (Action.NOTHING, Why.DOOR)
    also = also._replace(door_closed=True)
    assert decide(RULE, told, also, sight(LATER), LATER) == (Action.RELEASE, Why.LEFT)
    fresh = told._replace(left=LATER - 5 * MINUTE + 1)
    assert decide(RULE, fresh, also, sight(LATER), LATER) == (Action.NOTHING, Why.WAITING)
    late = END - 14 * MINUTE
    assert decide(RULE, told, also, sight(late), late) == (Action.NOTHING, Why.LATE)
    short = told._replace(end=LATER + 20 * MINUTE)
    assert decide(RULE, short, also, sight(LATER), LATER).action is Action.RELEASE
    exempt = told._replace(group="council")
    assert decide(RULE, exempt, also, sight(LATER), LATER) == (Action.NOTHING, Why.EXEMPT)


moments = st.none() | st.integers(START - HOUR, END)


@given(
    now=st.integers(START - HOUR, END + HOUR),
    warned=moments,
    kept=moments,
    told=moments,
    usage=st.none() | st.sampled_from(UsageState),
    opened=st.booleans(),
    reachable=st.booleans(),
    state=st.sampled_from(Occupancy),
    probability=st.none() | st.floats(0, 1),
    since=st.integers(START - HOUR, END),
    evidence_at=moments,
    sound=st.booleans(),
    heard=moments,
)
def test_nobody_loses_a_space_without_a_warning_and_certainty(
    now: int,
    warned: int | None,
    kept: int | None,
    told: int | None,
    usage: UsageState | None,
    opened: bool,
    reachable: bool,
    state: Occupancy,
    probability: float | None,
    since: int,
    evidence_at: int | None,
    sound: bool,
    heard: int | None,
) -> None:
    believed = Estimate(state, probability, since, "hall-radar nobody", evidence_at, None)
    seen = Sight(believed, sound, heard)
    words = booked(warned=warned, kept=kept)
    action, _ = decide(RULE, words, Known(usage, opened, reachable, told), seen, now)
    if action is not Action.NOTHING:
        assert usage in (UsageState.EXPECTED, UsageState.NO_SHOW) and not opened
        assert state is Occupancy.VACANT and probability is not None and probability < 0.05 and sound
        assert evidence_at is not None and now - evidence_at <= EVIDENCE_MS
        assert heard is not None and now - heard >= SETTLED_MS
        assert now - max(since, START) >= 15 * MINUTE
        assert kept is None or kept < START
    if action is Action.RELEASE:
        assert warned is not None and warned >= START
        assert told is not None and now - told >= 15 * MINUTE
        assert now - max(since, START) >= 30 * MINUTE
    if action is Action.WARN:
        assert reachable and (warned is None or warned < START)
