"""An intrusion panel is asked to be set once, after the last booking, and never on what is not known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleintemps_contract.agent_messages import PanelInfo, PanelState
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.config import PanelConfig
from pleintemps_gateway.engine import PanelWanted
from pleintemps_gateway.occupancy.room import Estimate
from pleintemps_gateway.reconcile.panels import OPENING_MS, SURE_BELOW, PanelRule

from .building import HOUR, MINUTE, NOON, PIR, SITE, Day, booking

CONFIG = PanelConfig(panel="alarm", agent="entrance", spaces=["hall", "class"], vacant_s=600, ahead_s=3600)
EMPTY = Estimate(Occupancy.VACANT, SURE_BELOW / 2, NOON, "hall-pir quiet", NOON, None)


def rule(state: PanelState | None = PanelState.UNSET, asked: int | None = None) -> PanelRule:
    made = PanelRule(CONFIG)
    made.bookings([booking(NOON - 2 * HOUR, NOON - HOUR)])
    if state is not None:
        made.told(state, asked)
    return made


def wanted_at(made: PanelRule, until: int = NOON + HOUR, class_: Estimate | None = EMPTY) -> list[int]:
    found = {"hall": EMPTY, "class": class_}
    return [now for now in range(NOON, until, MINUTE) if made.wants(found, now)]


def test_asked_once_after_ten_minutes_of_certainty() -> None:
    assert wanted_at(rule()) == [NOON + 10 * MINUTE]


@pytest.mark.parametrize(
    "doubt",
    [
        None,
        EMPTY._replace(state=Occupancy.UNKNOWN, probability=None),
        EMPTY._replace(state=Occupancy.OCCUPIED, probability=0.97),
        EMPTY._replace(probability=SURE_BELOW),
        EMPTY._replace(evidence=""),  # the state only stays as it was
    ],
)
def test_what_is_not_certain_is_not_empty(doubt: Estimate | None) -> None:
    made = rule()
    assert wanted_at(made, class_=doubt) == []
    assert made.wants({"hall": EMPTY, "class": EMPTY}, NOON + HOUR) is False  # the ten minutes begin anew


@pytest.mark.parametrize("state", [None, PanelState.SET, PanelState.ALARM])
def test_a_panel_that_is_set_or_was_never_heard_of_is_left_alone(state: PanelState | None) -> None:
    assert wanted_at(rule(state)) == []


@pytest.mark.parametrize(
    ("start", "end", "waits"),
    [(-HOUR, 2 * HOUR, True), (HOUR, 2 * HOUR, True), (3 * HOUR, 4 * HOUR, False)],
)
def test_a_booking_on_or_near_keeps_it_unset(start: int, end: int, waits: bool) -> None:
    made = rule()
    made.bookings([booking(NOON + start, NOON + end, "2", "class")])
    assert (wanted_at(made, NOON + 30 * MINUTE) == []) is waits


def test_after_a_later_booking_it_is_asked_again() -> None:
    made = rule()
    assert len(wanted_at(made)) == 1
    made.bookings([booking(NOON + 2 * HOUR, NOON + 3 * HOUR, "2")])
    asked = [
        now
        for now in range(NOON, NOON + 6 * HOUR, MINUTE)
        if made.wants({"hall": EMPTY, "class": EMPTY}, now)
    ]
    assert asked == [NOON + 3 * HOUR]


def test_without_a_booking_of_this_opening_others_use_the_house() -> None:
    made = PanelRule(CONFIG)
    made.told(PanelState.UNSET, None)
    assert wanted_at(made) == []
    made.bookings([booking(NOON - OPENING_MS - HOUR, NOON - OPENING_MS)])
    assert wanted_at(made) == []
    made.bookings([booking(NOON - 2 * HOUR, NOON - HOUR, "2", cancelled=True)])
    made.bookings([booking(NOON - 2 * HOUR, NOON - HOUR, "3", "yard")])
    assert wanted_at(made) == []


def test_a_clock_that_leaps_and_comes_back_forgets_no_booking() -> None:
    made = rule()
    made.bookings([booking(NOON + HOUR, NOON + 2 * HOUR, "2", "class")])
    empty: dict[str, Estimate | None] = {"hall": EMPTY, "class": EMPTY}
    for now in (NOON, NOON + 5000 * HOUR, NOON + 5001 * HOUR):
        assert not made.wants(empty, now)
    assert wanted_at(made, NOON + 30 * MINUTE) == []


def test_what_was_asked_before_a_restart_is_not_asked_again() -> None:
    assert wanted_at(rule(asked=NOON - MINUTE)) == []
    assert len(wanted_at(rule(asked=NOON - 2 * HOUR))) == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=30))
def test_never_within_the_time_after_anybody_was_there(spells: list[tuple[bool, int]]) -> None:
    made, now, last = rule(), NOON, NOON - MINUTE
    there: dict[str, Any] = {"hall": EMPTY._replace(state=Occupancy.OCCUPIED), "class": EMPTY}
    asked = 0
    for somebody, minutes in spells:
        for _ in range(minutes):
            now += MINUTE
            if somebody:
                last = now
            if made.wants(there if somebody else {"hall": EMPTY, "class": EMPTY}, now):
                asked += 1
                assert now - last >= 10 * MINUTE
    assert asked <= 1


def test_the_engine_asks_for_a_site_with_a_panel_and_does_nothing_without() -> None:
    config = replace(CONFIG, spaces=["hall"])
    for panels, count in (([config], 1), ([], 0)):
        day = Day([PIR], replace(SITE, panels=panels))
        day.engine.on_panel(
            "entrance", PanelInfo(panel="alarm", state=PanelState.UNSET, ready=True), None, NOON
        )
        day.engine.on_bookings([booking(NOON - HOUR, NOON + MINUTE)])
        day.say("hall-pir", 0)
        day.run(40 * MINUTE)
        assert len(day.of(PanelWanted)) == count
