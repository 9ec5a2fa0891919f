"""Laws of the noise rules: energy, percentiles, corrections, emergence."""

from datetime import date, timedelta
from functools import reduce
from itertools import count
from math import isclose, log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.units import Quantity
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import AlertKind
from pleintemps_gateway.noise.alarm import UNHEARD_MS, NoiseAlarm
from pleintemps_gateway.noise.background import ENOUGH_MS, Background
from pleintemps_gateway.noise.days import NoiseDays
from pleintemps_gateway.noise.emergence import (
    A_DB,
    allowed,
    at_neighbour,
    correction_db,
    emergence,
    room_level,
    too_much,
)
from pleintemps_gateway.noise.energy import Energy, added, energy_of, merged
from pleintemps_gateway.noise.findings import Finding, Rule, judged
from pleintemps_gateway.noise.histogram import LevelHistogram
from pleintemps_gateway.noise.monitor import NoiseMonitor
from pleintemps_gateway.noise.records import WarningEnded
from pleintemps_gateway.noise.settings import NoiseConfig

LEVEL = st.floats(0, 140)
SPAN = st.floats(1, 3_600_000)
PARTS = st.lists(st.tuples(LEVEL, SPAN), min_size=1, max_size=30)
MINUTE = 60_000
SIX = st.lists(LEVEL, min_size=6, max_size=6)


@given(PARTS, st.data())
def test_intervals_merge_in_any_grouping(parts: list[tuple[float, float]], data: st.DataObject) -> None:
    energies = [energy_of(level, ms) for level, ms in parts]
    cut = data.draw(st.integers(0, len(energies)))
    whole = merged(energies)
    halves = merged([merged(energies[:cut]), merged(energies[cut:])])
    backwards = reduce(lambda a, b: merged([b, a]), energies, Energy())
    for other in (halves, backwards):
        assert isclose(other.power_ms, whole.power_ms, rel_tol=1e-9)
        assert isclose(other.ms, whole.ms, rel_tol=1e-9)
    level = whole.level_db
    assert level is not None
    assert min(level for level, _ in parts) - 1e-6 <= level <= max(level for level, _ in parts) + 1e-6


def test_nothing_has_no_level_and_equal_sounds_add_three_decibels() -> None:
    assert Energy().level_db is None
    assert merged([]).level_db is None
    assert added([60, 60]) == pytest.approx(63.01, abs=0.01)


@given(PARTS, st.lists(st.floats(0, 100), min_size=2, max_size=10))
def test_percentiles_fall_and_stay_within_what_was_heard(
    parts: list[tuple[float, float]], percents: list[float]
) -> None:
    heard = LevelHistogram()
    for level, ms in parts:
        heard.add(level, ms)
    found = [heard.exceeded(percent) for percent in sorted(percents)]
    levels = [level for level in found if level is not None]
    assert len(levels) == len(found)
    assert levels == sorted(levels, reverse=True)
    low, high = min(level for level, _ in parts), max(level for level, _ in parts)
    assert all(low - 0.5 <= level <= high + 0.5 for level in levels)


@given(PARTS, PARTS)
def test_histograms_merge_into_that_of_all(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    one, two, both = LevelHistogram(), LevelHistogram(), LevelHistogram()
    for heard, parts in ((one, first), (two, second), (both, first + second)):
        for level, ms in parts:
            heard.add(level, ms)
    one.merge(two)
    assert one.total == pytest.approx(both.total)
    assert one.exceeded(50) == pytest.approx(both.exceeded(50), abs=0.51)


def test_l10_is_the_ninetieth_percentile() -> None:
    heard = LevelHistogram()
    for level in range(100):
        heard.add(level, 1)
    assert heard.exceeded(10) == pytest.approx(90, abs=1)
    assert heard.exceeded(90) == pytest.approx(10, abs=1)
    assert LevelHistogram().exceeded(50) is None


@given(st.floats(0, 1e8), st.floats(0, 1e8))
def test_a_longer_noise_is_never_allowed_more(first: float, second: float) -> None:
    short, long = sorted((first, second))
    assert 6 >= correction_db(short) >= correction_db(long) >= 0


@pytest.mark.parametrize(
    ("minutes", "more"),
    [
        *((0, 6), (1, 6), (1.01, 5), (5, 5), (5.01, 4), (20, 4), (20.01, 3), (120, 3)),
        *((120.01, 2), (240, 2), (240.01, 1), (480, 1), (480.01, 0)),
    ],
)
def test_the_corrections_are_those_of_the_table(minutes: float, more: float) -> None:
    assert correction_db(minutes * MINUTE) == more


def test_the_limits_are_those_of_the_codes() -> None:
    assert allowed(False, False, 481 * MINUTE)[:2] == (5, (7, 7, 5, 5, 5, 5))
    assert allowed(True, False, 481 * MINUTE)[:2] == (3, (7, 7, 5, 5, 5, 5))
    assert allowed(True, False, 0)[:2] == (9, (7, 7, 5, 5, 5, 5))
    assert allowed(False, True, 0)[:2] == (3, (3,) * 6)


@given(LEVEL, LEVEL, LEVEL, st.floats(0, 20))
def test_emergence_is_never_negative_and_rises_with_the_level(
    level: float, difference: float, residual: float, more: float
) -> None:
    first = emergence(level, difference, residual)
    assert 0 <= first <= emergence(level + more, difference, residual)


def test_as_loud_as_the_residual_is_an_emergence_of_three() -> None:
    assert emergence(70, 40, 30) == pytest.approx(3.01, abs=0.01)
    assert emergence(70, 40, 20) == pytest.approx(10.41, abs=0.01)


@given(SIX, SIX, SIX, LEVEL)
def test_the_neighbour_hears_the_sum_of_the_octaves(
    levels: list[float], difference: list[float], residual: list[float], residual_a: float
) -> None:
    found = at_neighbour(levels, difference, residual, residual_a)
    heard = added(level - d + a for level, d, a in zip(levels, difference, A_DB, strict=True))
    assert found.ambient_db == pytest.approx(added([heard, residual_a]))
    assert len(found.octaves_db) == 6
    louder = at_neighbour([level + 1 for level in levels], difference, residual, residual_a)
    assert louder.overall_db >= found.overall_db
    assert room_level([level + 1 for level in levels]) == pytest.approx(room_level(levels) + 1)


@given(st.floats(1, 40), st.floats(1, 10))
def test_quieter_by_what_is_too_much_meets_the_limit(found: float, limit: float) -> None:
    less = too_much(found, limit)
    heard = 30 + _level_of(found) - less
    assert emergence(heard, 0, 30) == pytest.approx(limit, abs=1e-6)


def _level_of(emergence_db: float) -> float:
    return too_much(emergence_db, 3.0102999566398120)


@given(st.floats(-50, 50), st.floats(0, 10))
def test_loud_and_quiet_lie_a_hysteresis_apart(excess: float, hysteresis: float) -> None:
    found = judged(excess, hysteresis)
    if found:
        assert excess > 0
    elif found is False:
        assert excess <= -hysteresis
    assert judged(None, hysteresis) is None


def test_a_background_is_learnt_and_forgotten_in_days() -> None:
    room = Background()
    room.learn(40, ENOUGH_MS - 1)
    assert room.level_db is None
    room.learn(60, ENOUGH_MS / 20)
    assert room.level_db == pytest.approx(40, abs=0.5)
    for _ in range(60):
        room.learn(50, 12 * 3_600_000)
    assert room.level_db == pytest.approx(50, abs=0.5)
    assert Background(prior=33.0).level_db == 33.0


def found_by(loud: bool | None) -> Finding:
    level = {True: 90.0, False: 50.0, None: None}[loud]
    return Finding(Rule.LIMIT, level, 75, MINUTE, loud, loud)


def told(looks: list[bool | None]) -> list[str]:
    """What an alarm says at its looks, without when."""
    numbers = count(1)
    book = AlertBook(lambda: f"{next(numbers):032x}")
    alarm = NoiseAlarm("hall", NoiseConfig(warn_first_s=0, remind_after_s=0), book)
    said = []
    for at, loud in enumerate(looks):
        warning = alarm.look(at, [found_by(loud)], {}, None, loud is not None)
        said += [type(item).__name__ for item in (*book.take(), warning) if item is not None]
    return said


@given(st.lists(st.booleans(), max_size=20), st.data())
def test_missing_data_anywhere_changes_nothing(looks: list[bool], data: st.DataObject) -> None:
    holed: list[bool | None] = list(looks)
    for place in data.draw(st.lists(st.integers(0, 20), max_size=10)):
        holed.insert(place, None)
    assert told(holed) == told(list(looks))


@given(st.lists(st.sampled_from([True, False, None]), max_size=60))
def test_what_nobody_knows_any_more_ends_after_a_quarter_of_an_hour_and_never_before(
    looks: list[bool | None],
) -> None:
    """A look a minute: a warning stands from a loud one to a quiet one, or to fifteen minutes without any."""
    numbers = count(1)
    book = AlertBook(lambda: f"{next(numbers):032x}")
    alarm = NoiseAlarm("hall", NoiseConfig(warn_first_s=0), book)
    warned, unknown = False, 0
    for minute, loud in enumerate(looks):
        said = alarm.look(minute * MINUTE, [found_by(loud)], {}, None, loud is not None)
        unknown = unknown + 1 if loud is None and warned else 0
        if loud:
            assert (said is None) is warned
            warned = True
        elif warned and (loud is False or unknown > UNHEARD_MS // MINUTE):
            assert said == WarningEnded(space="hall", at=minute * MINUTE, heard=loud is False)
            warned = False
        else:
            assert said is None
        assert (alarm.warned_at is not None) is warned
        assert (book.get(AlertKind.NOISE, "hall") is not None) is warned


@given(st.lists(st.tuples(st.integers(1, 20), st.floats(20, 110)), min_size=1, max_size=40), st.data())
def test_meters_may_speak_in_any_turn(steps: list[tuple[int, float]], data: st.DataObject) -> None:
    spoken, at = [], 0
    for seconds, level in steps:
        at += 1000 * seconds
        spoken.append((at, data.draw(st.sampled_from(["a", "b"])), level))
    by_meter = sorted(spoken, key=lambda item: (item[1], item[0]))
    heard = []
    for order in (spoken, by_meter):
        monitor = NoiseMonitor((60_000,), 0.5)
        for name in ("a", "b"):
            monitor.series(name, name, Quantity.LAEQ, 30)
        for when, name, level in order:
            monitor.sample(name, when, level)
        heard.append(monitor.heard(at - 60_000, at, 60_000))
    assert heard[0] == heard[1]


def test_a_level_after_a_pause_does_not_speak_for_the_pause() -> None:
    """A second of 100 dB after 40 s without a word is one of three seconds at most, not of 40."""
    monitor = NoiseMonitor((60_000,), 0.5)
    monitor.series("a", "a", Quantity.LAEQ, 45)
    for second in range(1, 20):
        monitor.sample("a", second * 1000, 50)
    monitor.sample("a", 60_000, 100)
    level = monitor.heard(0, 60_000, 60_000).level
    assert level.coverage == pytest.approx(22 / 60)
    assert level.level_db == pytest.approx(added([100 + 10 * log10(3 / 22), 50]), abs=0.1)


@given(st.integers(1, 45), st.integers(8, 60))
def test_a_steady_rhythm_of_any_length_is_measured_as_a_whole(rhythm: int, count: int) -> None:
    monitor = NoiseMonitor((7_200_000,), 0.5)
    monitor.series("a", "a", Quantity.LAEQ, 45)
    for number in range(count + 1):
        monitor.sample("a", 1_000 + number * rhythm * 1000, 60)
    end = 1_000 + count * rhythm * 1000
    level = monitor.heard(end - 7_200_000, end, 7_200_000).level
    assert level.level_db == pytest.approx(60)
    assert level.coverage == pytest.approx((count * rhythm + 1) / 7_200)


@given(st.lists(st.integers(0, 400), max_size=40, unique=True))
def test_habits_count_days_of_a_year_and_of_a_month(ago: list[int]) -> None:
    today, days = date(2026, 9, 21), NoiseDays("hall")
    for number in ago:
        days.played((today - timedelta(days=number)).isoformat())
    habit = days.habit(today.isoformat())
    assert habit.year == sum(number < 365 for number in ago)
    assert habit.month == sum(number < 30 for number in ago)
    assert habit.reached == (habit.year >= 12 or habit.month > 3)
