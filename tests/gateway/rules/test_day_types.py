"""Quiet hours by the type of the day, and bookings of what nobody sits in."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import given
from msgspec.structs import replace

from pleintemps_contract.units import Quantity
from pleintemps_gateway.bookings.calendar_config import CalendarConfig, DayType
from pleintemps_gateway.bookings.site_calendar import Days, SiteCalendar
from pleintemps_gateway.config import SpaceConfig
from pleintemps_gateway.engine import AlertKind, AlertOpened, UsageChanged
from pleintemps_gateway.noise.quiet import Hours, QuietHours

from .building import HOUR, SITE, Day, booking, series
from .test_noise import paris

PARIS = ZoneInfo("Europe/Paris")
USUAL = ("22:00", "07:00")
HOLIDAY = Days(date(2026, 10, 17), date(2026, 11, 1))
CALENDAR = SiteCalendar(CalendarConfig(), "Europe/Paris", [HOLIDAY])

clocks = st.sampled_from(["00:00", "01:30", "02:30", "07:00", "13:00", "20:00", "22:00", "23:30"])
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
tables = st.dictionaries(st.sampled_from(DayType), st.tuples(clocks, clocks))


def test_hours_across_midnight_belong_to_the_evening() -> None:
    later: dict[DayType, Hours] = {
        DayType.WEEKEND: ("23:30", "09:00"),
        DayType.PUBLIC_HOLIDAY: ("20:00", "10:00"),
    }
    quiet = CALENDAR.quiet_hours(USUAL, later)
    friday = quiet.period(paris("2026-06-12T23:00"))
    assert (friday.start, friday.end) == (paris("2026-06-12T22:00"), paris("2026-06-13T07:00"))
    saturday = quiet.period(paris("2026-06-14T08:59"))
    assert (saturday.start, saturday.end) == (paris("2026-06-13T23:30"), paris("2026-06-14T09:00"))
    # the evening of 14 July is a public holiday, the evening before is not
    assert quiet.period(paris("2026-07-13T21:00")).quiet is False
    assert quiet.period(paris("2026-07-14T06:59")).quiet
    assert quiet.period(paris("2026-07-15T09:59")).start == paris("2026-07-14T20:00")


def test_only_some_days_have_quiet_hours() -> None:
    quiet = CALENDAR.quiet_hours(("00:00", "00:00"), {DayType.SCHOOL_HOLIDAY: USUAL})
    assert quiet.period(paris("2026-10-20T23:00")).quiet
    term = quiet.period(paris("2026-06-12T23:00"))
    assert term.quiet is False
    assert term.start < term.end - 5 * 24 * HOUR


@given(tables, days, st.integers(0, 86_399))
def test_a_minute_is_quiet_if_a_day_says_so(table: dict[DayType, Hours], day: date, second: int) -> None:
    """Seen from the clock on the wall: by today's hours, or by those of yesterday evening."""
    at = round(datetime.combine(day, datetime.min.time(), PARIS).timestamp() * 1000) + second * 1000
    local = datetime.fromtimestamp(at / 1000, PARIS)
    if local.utcoffset() != (local - timedelta(hours=30)).utcoffset():
        return  # of nights when clocks change there are cases of their own
    clock = f"{local:%H:%M}"
    today, before = (
        table.get(CALENDAR.day_type(each), USUAL) for each in (local.date(), local.date() - timedelta(days=1))
    )
    expected = (
        today[0] <= clock < today[1]
        or (today[1] < today[0] and clock >= today[0])
        or (before[1] < before[0] and clock < before[1])
    )
    found = CALENDAR.quiet_hours(USUAL, table).period(at)
    assert found.quiet is expected
    assert found.start <= at < found.end


@given(tables, st.integers(paris("2026-01-01"), paris("2028-01-01")))
def test_spans_are_the_quiet_periods(table: dict[DayType, Hours], now: int) -> None:
    quiet = CALENDAR.quiet_hours(USUAL, table)
    span = 20 * HOUR
    spans = quiet.spans(now, now + span)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    for at in range(now, now + span, HOUR // 4):
        fresh = CALENDAR.quiet_hours(USUAL, table)
        assert fresh.period(at).quiet is any(start <= at < end for start, end in spans)


def test_a_night_that_summer_time_shortens() -> None:
    quiet = QuietHours("Europe/Paris", USUAL, lambda day: ("02:00", "03:00") if day.weekday() == 6 else None)
    assert quiet.spans(paris("2026-03-29T07:00"), paris("2026-03-29T22:00")) == ()
    assert quiet.period(paris("2026-03-29T23:00")).quiet is False


def test_nobody_is_expected_in_a_locker() -> None:
    """No record, no absence, no presence without a booking; but its people may cross the yard."""
    shed = SpaceConfig(space="shed", name="Shed", kind="locker")
    day = Day(
        [series("shed-pir", Quantity.MOTION, "shed"), series("yard-pir", Quantity.MOTION, "yard")],
        replace(SITE, spaces=[*SITE.spaces, shed]),
    )
    day.engine.on_bookings([booking(day.now + HOUR, day.now + 2 * HOUR, space="shed")])
    day.say("shed-pir", 1.0)
    day.say("yard-pir", 0.0)
    found = day.run(HOUR)
    day.say("yard-pir", 1.0)
    found += day.run(HOUR)
    day.say("yard-pir", 0.0)
    found += day.run(HOUR)
    assert not [output for output in found if isinstance(output, UsageChanged | AlertOpened)]
    day.engine.on_bookings([booking(day.now + HOUR, day.now + 2 * HOUR, "2", "shed", cancelled=True)])
    day.say("yard-pir", 1.0)
    found = day.run(HOUR)
    assert not [output for output in found if isinstance(output, UsageChanged)]
    opened = {output.alert.kind: output.alert.space for output in found if isinstance(output, AlertOpened)}
    # the sensor of the locker has stood high all day, which its own alert says
    assert opened == {AlertKind.UNEXPECTED_PRESENCE: "yard", AlertKind.DEVICE_FAULT: None}
