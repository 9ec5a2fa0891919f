"""Free and booked time: laws of spans, local hours in the nights when clocks change, lasting needs."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.bookings.availability import (
    MIDNIGHT,
    WHOLE_DAY,
    Hours,
    Span,
    free_within,
    is_free,
    judge_dates,
    long_enough,
    merged,
    span_of,
    weekly,
)

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000
PERIOD = Span(1_000, 2_000)

spans = st.builds(
    lambda start, length: Span(start, start + length), st.integers(0, 3_000), st.integers(0, 900)
)
many = st.lists(spans, max_size=12)


def inside(found: list[Span], moment: int) -> bool:
    return any(span.start <= moment < span.end for span in found)


@given(many, st.integers(1_000, 1_999))
def test_every_moment_is_either_free_or_booked(taken: list[Span], moment: int) -> None:
    assert inside(free_within(PERIOD, taken), moment) is not inside(taken, moment)


@given(many)
def test_free_spans_are_apart_in_order_and_within_the_period(taken: list[Span]) -> None:
    found = free_within(PERIOD, taken)
    assert found == merged(found)
    assert all(PERIOD.start <= span.start < span.end <= PERIOD.end for span in found)
    for span in found:
        assert is_free(span, taken)


@given(many, spans)
def test_another_booking_never_frees_anything(taken: list[Span], another: Span) -> None:
    before, after = free_within(PERIOD, taken), free_within(PERIOD, [*taken, another])
    for span in after:
        assert any(old.start <= span.start and span.end <= old.end for old in before)
    assert sum(s.end - s.start for s in after) <= sum(s.end - s.start for s in before)


@given(many)
def test_the_order_of_bookings_does_not_matter(taken: list[Span]) -> None:
    assert free_within(PERIOD, taken) == free_within(PERIOD, list(reversed(taken)))


def test_a_booking_that_ends_when_another_begins_leaves_nothing_between() -> None:
    taken = [Span(1_100, 1_300), Span(1_300, 1_500)]
    assert free_within(PERIOD, taken) == [Span(1_000, 1_100), Span(1_500, 2_000)]
    assert long_enough(free_within(PERIOD, taken), 200) == [Span(1_500, 2_000)]
    assert is_free(Span(1_500, 2_000), taken) and not is_free(Span(1_499, 2_000), taken)


@given(
    st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    st.times().map(lambda clock: clock.replace(second=0, microsecond=0, tzinfo=None)),
    st.times().map(lambda clock: clock.replace(second=0, microsecond=0, tzinfo=None)),
)
def test_hours_of_a_day_are_those_of_the_clock_on_the_wall(day: date, from_: time, to: time) -> None:
    span = span_of(PARIS, day, Hours(from_, to))
    wall = datetime.combine(day if to > from_ else day + timedelta(days=1), to) - datetime.combine(day, from_)
    length = timedelta(milliseconds=span.end - span.start)
    assert abs(length - wall) <= timedelta(hours=1)
    assert span.end >= span.start


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 24), 24)]
)
def test_days_follow_one_another_without_a_gap(day: date, hours: int) -> None:
    span = span_of(PARIS, day, WHOLE_DAY)
    assert span.end - span.start == hours * HOUR
    assert span.end == span_of(PARIS, day + timedelta(days=1), WHOLE_DAY).start


def test_hours_that_the_clock_jumps_over_are_empty() -> None:
    missing = span_of(PARIS, date(2026, 3, 29), Hours(time(2), time(3)))
    assert missing.start == missing.end
    twice = span_of(PARIS, date(2026, 10, 25), Hours(time(2), time(3)))
    assert twice.end - twice.start == 2 * HOUR
    night = span_of(PARIS, date(2026, 10, 24), Hours(time(22), time(6)))
    assert night.end - night.start == 9 * HOUR
    assert span_of(PARIS, date(2026, 11, 24), Hours(time(20), MIDNIGHT)).end - night.end > 0


def test_a_lasting_need_counts_its_dates() -> None:
    first = date(2026, 11, 24)
    days = weekly(first, date(2027, 1, 5))
    assert days[0] == first and days[-1] == date(2027, 1, 5) and len(days) == 7
    assert {day.weekday() for day in days} == {1}
    evenings = [(day, span_of(PARIS, day, Hours(time(18), time(20)))) for day in days]
    taken = [Span(evenings[2][1].start - HOUR, evenings[2][1].start + 1)]
    found = judge_dates(evenings, taken, evenings[4][1].end)
    assert (found.free, found.taken, found.unsure) == (4, [days[2]], days[5:])
    assert judge_dates(evenings, [], None) == (7, [], [])
    assert weekly(first, first - timedelta(days=1)) == []
