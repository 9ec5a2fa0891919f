"""How long events last in nights that are longer or shorter, and calendars that call events off."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.bookings.sources.base import Parsed

from .test_bookings_calendars import calendar, event, ms, times, year

HOUR = 3_600_000
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("start", "duration", "hours"),
    [
        ("20260328T230000", "PT24H", 24),
        ("20260328T230000", "P1D", 23),
        ("20260328T230000", "P1DT1H", 24),
        ("20260328T230000", "PT6H", 6),
        ("20260328T230000", "P1W", 167),
        ("20260328T230000", "+PT1440M", 24),
        ("20261024T230000", "PT24H", 24),
        ("20261024T230000", "P1D", 25),
        ("20261024T230000", "P1DT0S", 25),
        ("20261024T230000", "PT6H", 6),
        ("20261025T013000", "PT2H", 2),
        ("20260624T230000", "P1D", 24),
        ("20260624T230000", "PT24H", 24),
    ],
)
@pytest.mark.parametrize("more", [(), ("RRULE:FREQ=YEARLY;COUNT=1",)])
@pytest.mark.parametrize("zone", ["", ";TZID=Europe/Paris"])
def test_days_are_of_the_wall_clock_and_hours_pass(
    start: str, duration: str, hours: int, more: tuple[str, ...], zone: str
) -> None:
    data = calendar(event("a", f"DTSTART{zone}:{start}", f"DURATION:{duration}", *more))
    ((first, last),) = times(year(data))
    assert last - first == hours * HOUR


STARTS = st.datetimes(datetime(2026, 1, 2), datetime(2026, 12, 20)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0)
)


@given(STARTS, st.integers(0, 9), st.integers(0, 50 * 3600))
def test_a_duration_is_its_days_on_the_clock_and_then_its_time(
    start: datetime, days: int, seconds: int
) -> None:
    data = calendar(event("a", f"DTSTART:{start:%Y%m%dT%H%M%S}", f"DURATION:P{days}DT{seconds}S"))
    found = times(year(data))
    wall = start.replace(tzinfo=PARIS) + timedelta(days=days) if days else start.replace(tzinfo=PARIS)
    end = wall.astimezone(UTC) + timedelta(seconds=seconds)
    expected = (round(start.replace(tzinfo=PARIS).timestamp() * 1000), round(end.timestamp() * 1000))
    assert found == ([expected] if expected[1] > expected[0] else [])


def test_a_calendar_cannot_say_another_length_in_our_name() -> None:
    lines = ("DTSTART:20261024T230000", "DURATION:PT1H", "X-PLEINTEMPS-DURATION:PT9H")
    ((first, last),) = times(year(calendar(event("a", *lines))))
    assert last - first == HOUR


# --- METHOD:CANCEL (RFC 5546, 3.2.5) ------------------------------------------------------------------------

SERIES = ("DTSTART:20260302T180000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=3", "SEQUENCE:1")


def off(*parts: str) -> bytes:
    return calendar(*parts).replace(b"VERSION:2.0", b"VERSION:2.0\r\nMETHOD:CANCEL", 1)


def starts(parsed: Parsed) -> list[int]:
    return [start for start, _ in times(parsed)]


def test_a_calendar_that_calls_off_books_nothing() -> None:
    parsed = year(off(event("a", *SERIES)))
    assert (parsed.bookings, parsed.rejected) == ([], [])
    torn = off(event("a", *SERIES), event("b", 'DTSTART;TZID="x:oops', "RRULE"))
    assert year(torn).bookings == []


@pytest.mark.parametrize(("sequence", "left"), [(0, 3), (1, 0), (2, 0)])
def test_calling_off_counts_unless_the_event_is_younger(sequence: int, left: int) -> None:
    cancel = event("a", "DTSTART:20260302T180000Z", f"SEQUENCE:{sequence}")
    other = event("b", "DTSTART:20260302T180000Z", "DURATION:PT1H")
    for data in (
        calendar(event("a", *SERIES), other) + off(cancel),
        off(cancel) + calendar(event("a", *SERIES), other),
    ):
        assert sum(item.event == "a" for item in year(data).bookings) == left
        assert sum(item.event == "b" for item in year(data).bookings) == 1


def test_one_instance_is_called_off() -> None:
    cancel = off(event("a", "RECURRENCE-ID:20260309T180000Z", "SEQUENCE:1"))
    assert starts(year(calendar(event("a", *SERIES)) + cancel)) == [
        ms("2026-03-02T18:00"),
        ms("2026-03-16T18:00"),
    ]
    moved = event("a", "RECURRENCE-ID:20260309T180000Z", "DTSTART:20260310T180000Z", "DURATION:PT1H")
    assert starts(year(calendar(event("a", *SERIES), moved) + cancel)) == [
        ms("2026-03-02T18:00"),
        ms("2026-03-16T18:00"),
    ]
