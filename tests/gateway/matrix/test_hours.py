"""What an hour was, and weeks of hours packed side by side."""

import hypothesis.strategies as st
from hypothesis import given, settings

from pleintemps_gateway.bookings.availability import Span
from pleintemps_gateway.matrix.hours import Found, Told, hours_between, timeline
from pleintemps_gateway.matrix.lanes import (
    EMPTY,
    HOUR_MS,
    NOTHING,
    WEEK_HOURS,
    Hour,
    bits,
    counts_of,
    figures_of,
    hour_of,
    hours_in,
    mask_of,
    patched,
    week_of,
)

HOURS = 6
MOMENTS = st.integers(-HOUR_MS, (HOURS + 1) * HOUR_MS // 60_000 * 60_000)
STATES = st.sampled_from(["occupied", "vacant", "unknown"])
SPANS = st.lists(st.tuples(MOMENTS, st.integers(1, 3 * HOUR_MS)), max_size=5)


@given(st.dictionaries(MOMENTS, STATES, max_size=8), st.lists(st.tuples(MOMENTS, STATES), max_size=3), SPANS)
@settings(max_examples=60)
def test_an_hour_adds_up_what_each_moment_was(
    told: dict[int, str], found: list[tuple[int, str]], booked: list[tuple[int, int]]
) -> None:
    step = HOUR_MS // 20
    changes = [Told(at // step * step, state) for at, state in told.items()]
    changes = list({change.since: change for change in changes}.values())
    starts = sorted({at // step * step: state for at, state in found}.items())
    ends = [*(at for at, _ in starts), 10**9][1:]
    corrected = [
        Found(at, min(at + 2 * step, end), state) for (at, state), end in zip(starts, ends, strict=True)
    ]
    spans = [Span(at // step * step, at // step * step + length // step * step) for at, length in booked]

    def state(at: int) -> str:
        for piece in corrected:
            if piece.start <= at < piece.end:
                return piece.state
        known = [change for change in changes if change.since <= at]
        return max(known).state if known else "unknown"

    hours = hours_between(0, HOURS, changes, corrected, spans)
    for number, hour in enumerate(hours):
        moments = range(number * HOUR_MS, (number + 1) * HOUR_MS, step)
        used = {at for at in moments if state(at) == "occupied"}
        known = {at for at in moments if state(at) in ("occupied", "vacant")}
        taken = {at for at in moments if any(span.start <= at < span.end for span in spans)}
        sets = (known, used, taken, used & taken, known & taken)
        assert hour == Hour(*(len(each) * step for each in sets))


def test_what_was_found_later_takes_the_place_of_what_was_believed() -> None:
    pieces = timeline(0, 100, [Told(-5, "unknown"), Told(50, "vacant")], [Found(20, 60, "occupied")])
    assert pieces == [Found(0, 20, "unknown"), Found(20, 60, "occupied"), Found(60, 100, "vacant")]


def test_an_hour_that_nobody_measured_is_neither_free_nor_used() -> None:
    hour = Hour()
    assert not hour.free and not hour.taken
    assert Hour(known=HOUR_MS).free
    assert not Hour(known=HOUR_MS // 2).free
    assert Hour(booked=1).taken and not Hour(known=HOUR_MS, booked=1).free
    assert Hour(known=HOUR_MS, used=4 * 60_000).free  # somebody looked in


FIGURES = st.builds(Hour, *[st.integers(0, HOUR_MS) for _ in range(5)])
WEEKS = st.lists(
    st.dictionaries(st.integers(0, WEEK_HOURS - 1), FIGURES, max_size=6), min_size=1, max_size=53
)


@given(WEEKS, st.sets(st.integers(0, WEEK_HOURS - 1), max_size=20))
@settings(max_examples=30)
def test_one_addition_adds_a_week(weeks: list[dict[int, Hour]], chosen: set[int]) -> None:
    rows = [patched(EMPTY, week) for week in weeks]
    assert hours_in(rows[0]) == [weeks[0].get(slot, NOTHING) for slot in range(WEEK_HOURS)]
    mask = mask_of(bits(chosen))
    total = sum(int.from_bytes(row.figures, "little") & mask.figures for row in rows)
    columns = figures_of(total)
    free = counts_of(sum(int.from_bytes(row.counts, "little") & mask.counts for row in rows))
    assert mask.hours == len(chosen)
    for slot in range(WEEK_HOURS):
        there = [week.get(slot, NOTHING) for week in weeks if slot in chosen]
        assert [column[slot] for column in columns] == [sum(hour[n] for hour in there) for n in range(5)]
        assert free[slot] == sum(hour.free for hour in there)


@given(st.integers(0, 4 * 10**12), st.sampled_from([0, HOUR_MS // 2, HOUR_MS // 4 * 3]))
def test_weeks_begin_on_mondays_and_hold_whole_hours(at: int, shift: int) -> None:
    week, hour = week_of(at, shift), hour_of(at, shift)
    assert 0 <= at - week < 7 * 24 * HOUR_MS and 0 <= at - hour < HOUR_MS
    assert (hour - week) % HOUR_MS == 0
    assert (week + shift) % (7 * 24 * HOUR_MS) == 4 * 24 * HOUR_MS
