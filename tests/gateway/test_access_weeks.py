"""Weekly rules in the calendar: what the clock on the wall shows, also when it is changed."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.access.weeks import AHEAD_DAYS, WEEKS, Weekday, WeekRule, clipped, monday, windows

PARIS = ZoneInfo("Europe/Paris")
DAY = 86_400_000
SPRING = 1_774_479_600_000  # 2026-03-25 23:00 UTC; clocks go forward on the 29th
AUTUMN = 1_792_533_600_000  # 2026-10-20 22:00 UTC; clocks go back on the 25th
WEEKDAYS = get_args(Weekday)
clocks = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
rules = st.builds(
    lambda days, start, end: WeekRule(days=days, from_=start, to=end),
    st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True),
    clocks,
    clocks,
)


def shown(rule: WeekRule, now: int) -> bool:
    """Whether the wall shows a time of the rule."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(PARIS)
    clock = local.strftime("%H:%M")
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    if rule.from_ < rule.to:
        return today in rule.days and rule.from_ <= clock < rule.to
    return (today in rule.days and clock >= rule.from_) or (yesterday in rule.days and clock < rule.to)


@given(rules, st.sampled_from([SPRING, AUTUMN]), st.integers(0, 6 * 96))
def test_a_rule_counts_when_the_wall_shows_it(rule: WeekRule, begin: int, quarter: int) -> None:
    now = begin + quarter * 900_000
    found = windows(rule, PARIS, begin)
    if len(found) == 1 and rule.from_ == rule.to:
        return  # without end: it is one window
    assert any(window.start <= now < window.end for window in found) == shown(rule, now)


@given(rules, st.integers(0, 400), st.integers(0, DAY - 1))
def test_windows_are_disjoint_reach_45_days_and_stay_for_a_week(rule: WeekRule, day: int, later: int) -> None:
    now = SPRING + day * DAY
    found = windows(rule, PARIS, now)
    assert all(first.end < second.start for first, second in pairwise(found))
    assert len(found) <= 7 * WEEKS + 1
    ahead = now + AHEAD_DAYS * DAY
    assert any(window.end > ahead - 8 * DAY for window in found)
    if monday(now, PARIS) == monday(now + later, PARIS):
        assert windows(rule, PARIS, now + later) == found


def test_the_skipped_hour_is_skipped_and_the_double_one_is_double() -> None:
    night = WeekRule(days=["sun"], from_="02:30", to="02:45")
    spring = [each for each in windows(night, PARIS, SPRING) if each.start < SPRING + 5 * DAY]
    assert spring == []  # 02:30 to 02:45 does not come
    (autumn,) = (each for each in windows(night, PARIS, AUTUMN) if each.start < AUTUMN + 6 * DAY)
    assert (autumn.end - autumn.start) / 60_000 == 75
    over = WeekRule(days=["sun"], from_="01:00", to="02:30")
    (short,) = (each for each in windows(over, PARIS, SPRING) if each.start < SPRING + 5 * DAY)
    assert (short.end - short.start) / 60_000 == 60


def test_closed_days_have_no_window_of_their_own() -> None:
    rule = WeekRule(days=list(WEEKDAYS), from_="22:00", to="02:00")
    closed = date(2026, 10, 24)
    found = windows(rule, PARIS, AUTUMN, lambda day: day == closed)
    begins = {datetime.fromtimestamp(each.start / 1000, PARIS).date() for each in found}
    assert closed not in begins and {closed - timedelta(days=1), closed + timedelta(days=1)} <= begins


@pytest.mark.parametrize(
    ("start", "end", "left"), [(0, 100, [(10, 20)]), (15, 18, [(15, 18)]), (20, 30, []), (0, 10, [])]
)
def test_windows_are_clipped(start: int, end: int, left: list[tuple[int, int]]) -> None:
    assert clipped([Window(start=10, end=20)], start, end) == [Window(start=a, end=b) for a, b in left]
