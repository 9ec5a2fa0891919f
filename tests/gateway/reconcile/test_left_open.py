"""A room that people leave with its door open: said until somebody closes it, comes, or is expected."""

import pytest

from pleintemps_contract.agent_messages import DoorPhysicalChanged
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_gateway.engine import AlertKind
from tests.gateway.rules.building import HOUR, MINUTE, NOON, RADAR, Day, booking, only

OPEN, CLOSED = DoorPhysicalState.OPEN, DoorPhysicalState.CLOSED
LEFT_OPEN = "room-left-open:hall"


def used(*later: tuple[int, int]) -> Day:
    """Half an hour of a booking of an hour; then they go, and the door stands open."""
    day = Day([RADAR])
    bookings = [booking(NOON + 10 * MINUTE, NOON + 70 * MINUTE)]
    bookings += [booking(start, end, str(name)) for name, (start, end) in enumerate(later, 2)]
    day.engine.on_bookings(bookings)
    day.say("hall-radar", 0)
    day.run(10 * MINUTE)
    door(day, OPEN)
    day.say("hall-radar", 1)
    day.run(MINUTE)
    door(day, CLOSED)
    day.run(30 * MINUTE)
    door(day, OPEN)
    day.say("hall-radar", 0)
    return day


def door(day: Day, state: DoorPhysicalState) -> None:
    day.event(DoorPhysicalChanged(door="hall", state=state))


def test_said_once_they_have_surely_gone_and_over_when_it_is_closed() -> None:
    day = used()
    day.run(3 * MINUTE)
    assert LEFT_OPEN not in day.subjects()
    day.run(4 * MINUTE)
    alert = only([a for a in day.standing() if a.kind is AlertKind.ROOM_LEFT_OPEN])
    assert (alert.space, alert.booking, alert.facts["title"]) == ("hall", "1".rjust(32, "0"), "Choir")
    assert (
        isinstance(alert.facts["left"], int) and 0 <= alert.facts["left"] - (NOON + 41 * MINUTE) <= 2 * MINUTE
    )
    day.run(10 * MINUTE)
    door(day, CLOSED)
    day.run(1000)
    assert LEFT_OPEN not in day.subjects()
    day.run(HOUR)
    assert LEFT_OPEN not in day.subjects()


def test_a_door_that_is_closed_behind_them_is_no_matter() -> None:
    day = used()
    day.run(10_000)
    door(day, CLOSED)
    day.run(2 * HOUR)
    assert all(alert.kind is not AlertKind.ROOM_LEFT_OPEN for alert in day.standing())


def test_a_door_that_is_opened_long_after_them_is_not_theirs() -> None:
    day = used()
    day.run(10_000)
    door(day, CLOSED)
    day.run(HOUR)
    door(day, OPEN)
    day.run(20 * MINUTE)
    assert LEFT_OPEN not in day.subjects()


@pytest.mark.parametrize("who", ["back", "next"])
def test_somebody_there_or_expected_answers_for_it(who: str) -> None:
    day = used(*([(NOON + 80 * MINUTE, NOON + 140 * MINUTE)] if who == "next" else []))
    day.run(7 * MINUTE)
    assert LEFT_OPEN in day.subjects()
    if who == "back":
        day.say("hall-radar", 1)
        day.run(2 * MINUTE)
    else:
        day.run(18 * MINUTE)  # the lead of the next booking has begun
    assert LEFT_OPEN not in day.subjects()
