"""Noise: energy over time, quiet hours, limits."""

from datetime import datetime
from math import log10
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleintemps_gateway.engine import AlertOpened, AlertResolved, AlertUpdated, SpaceNow
from pleintemps_gateway.noise.quiet import QuietHours
from pleintemps_gateway.noise.settings import NoiseConfig
from pleintemps_gateway.noise.window import LevelWindow

from .building import HOUR, METER, MINUTE, NOON, SECOND, SITE, Day, booking, only

WINDOW = 15 * MINUTE
NOISE = NoiseConfig(window_s=900, limit_db=80, quiet_limit_db=65, warn_first_s=0)


def window(max_silence_ms: int = 90 * SECOND) -> LevelWindow:
    return LevelWindow(WINDOW, max_silence_ms)


def test_decibels_are_never_averaged() -> None:
    found = window()
    found.add(NOON, 0)
    found.add(NOON + 60 * SECOND, 50)
    found.add(NOON + 120 * SECOND, 80)
    level = found.over(NOON, NOON + 120 * SECOND)
    assert level.level_db == pytest.approx(10 * log10((10**5 + 10**8) / 2), abs=0.01)


def test_levels_weigh_by_the_time_they_stand_for() -> None:
    found = window()
    found.add(NOON, 40)
    found.add(NOON + 10 * SECOND, 80)
    found.add(NOON + 100 * SECOND, 40)
    level = found.over(NOON, NOON + 100 * SECOND).level_db
    assert level == pytest.approx(10 * log10((10 * 10**8 + 90 * 10**4) / 100), abs=0.01)


def test_coverage_is_what_was_measured_and_silence_is_not_filled() -> None:
    found = window()
    assert found.over(NOON - WINDOW, NOON) == (None, 0.0)
    found.add(NOON, 60)
    found.add(NOON + 10 * MINUTE, 60)  # speaks for its 90 s at most, not for ten minutes
    level = found.over(NOON + 10 * MINUTE - WINDOW, NOON + 10 * MINUTE)
    assert level.level_db == pytest.approx(60)
    assert level.coverage == pytest.approx((90 + 1) / 900)


def test_what_left_the_window_is_gone() -> None:
    found = window()
    for second in range(1, 61):
        found.add(NOON + second * SECOND, 100)
    for second in range(61, 61 + 1000):
        found.add(NOON + second * SECOND, 40)
    end = NOON + 1060 * SECOND
    assert found.over(end - WINDOW, end).level_db == pytest.approx(40, abs=0.01)


def test_a_level_older_than_its_predecessor_is_refused() -> None:
    found = window()
    assert found.add(NOON, 60)
    assert not found.add(NOON, 90)
    assert not found.add(NOON - SECOND, 90)
    assert found.over(NOON - WINDOW, NOON).level_db == pytest.approx(60)


LEVELS = st.lists(st.tuples(st.integers(2, 60), st.floats(0, 120)), min_size=1, max_size=30)


@given(LEVELS, st.data())
def test_splitting_a_sample_changes_nothing(levels: list[tuple[int, float]], data: st.DataObject) -> None:
    merged, split = window(), window()
    for each in (merged, split):
        each.add(NOON, 30)
    at = NOON
    for seconds, level in levels:
        part = data.draw(st.integers(1, seconds - 1))
        split.add(at + part * SECOND, level)
        at += seconds * SECOND
        split.add(at, level)
        merged.add(at, level)
    first, second = merged.over(at - WINDOW, at), split.over(at - WINDOW, at)
    assert first.level_db == pytest.approx(second.level_db, abs=1e-6)
    assert first.coverage == pytest.approx(second.coverage)
    assert 0 < first.coverage <= 1


@given(LEVELS)
def test_laeq_lies_between_the_quietest_and_the_loudest(levels: list[tuple[int, float]]) -> None:
    found, at = window(), NOON
    for seconds, level in levels:
        at += seconds * SECOND
        found.add(at, level)
    result = found.over(at - WINDOW, at).level_db
    assert result is not None
    assert min(level for _, level in levels) - 1e-6 <= result <= max(level for _, level in levels) + 1e-6


# --- quiet hours ------------------------------------------------------------------------------------------

PARIS = ZoneInfo("Europe/Paris")


def paris(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "quiet", "hours"),
    [
        ("2026-06-10T21:59:59", False, 15),
        ("2026-06-10T22:00:00", True, 9),
        ("2026-06-11T00:00:00", True, 9),
        ("2026-06-11T06:59:59", True, 9),
        ("2026-06-11T07:00:00", False, 15),
        ("2026-03-28T23:00:00", True, 8),  # the hour from 2 to 3 does not exist
        ("2026-03-29T04:00:00", True, 8),
        ("2026-03-29T07:00:00", False, 15),
        ("2026-10-24T23:00:00", True, 10),  # the hour from 2 to 3 comes twice
        ("2026-10-25T06:59:59", True, 10),
        ("2026-10-25T07:00:00", False, 15),
    ],
)
def test_quiet_hours_in_local_time(text: str, quiet: bool, hours: int) -> None:
    found = QuietHours("Europe/Paris", ("22:00", "07:00")).period(paris(text))
    assert (found.quiet, found.end - found.start) == (quiet, hours * HOUR)


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    siesta = QuietHours("Europe/Paris", ("13:00", "15:00"))
    assert siesta.period(paris("2026-06-10T14:00")).quiet
    assert not siesta.period(paris("2026-06-10T15:00")).quiet
    assert not QuietHours("Europe/Paris", ("07:00", "07:00")).period(paris("2026-06-10T07:00")).quiet


@given(st.integers(paris("2026-01-01"), paris("2027-01-01")))
def test_periods_tile_the_year(now: int) -> None:
    hours = QuietHours("Europe/Paris", ("22:00", "07:00"))
    found = hours.period(now)
    assert found.start <= now < found.end
    assert hours.period(found.end).start == found.end
    assert hours.period(found.end).quiet is not found.quiet


# --- limits -----------------------------------------------------------------------------------------------


def test_an_alert_opens_above_the_limit_and_resolves_below_the_hysteresis() -> None:
    day = Day([METER])
    day.engine.on_bookings([booking(NOON - HOUR, NOON + HOUR, title="Rock")])
    day.say("hall-meter", 60)
    day.run(5 * MINUTE)
    assert not day.standing()
    day.say("hall-meter", 90)
    day.run(MINUTE)
    alert = only(day.standing())
    assert alert.subject == "noise:hall"
    assert alert.space == "hall"
    facts = alert.facts
    assert (facts["limit_db"], facts["window_s"], facts["quiet"], facts["booking_title"]) == (
        75,
        60,
        False,
        "Rock",
    )
    assert isinstance(facts["level_db"], float)
    assert facts["level_db"] > 75
    assert day.of(AlertUpdated)
    day.say("hall-meter", 74)  # below the limit, within the hysteresis
    day.run(5 * MINUTE)
    assert day.subjects() == ["noise:hall"]
    day.say("hall-meter", 72)
    day.run(2 * MINUTE)
    assert not day.standing()
    assert len(day.of(AlertOpened)) == len(day.of(AlertResolved)) == 1


def test_too_little_measured_opens_nothing_and_closes_nothing() -> None:
    day = Day([METER])
    day.run(5 * MINUTE)
    day.say("hall-meter", 100)
    day.run(20 * SECOND)
    assert not day.standing()  # a third of the window, half is wanted
    day.run(20 * SECOND)
    assert day.subjects() == ["noise:hall"]
    day.mute("hall-meter")
    day.run(14 * MINUTE)
    assert day.subjects() == ["noise:hall"]
    row = [row for row in day.of(SpaceNow) if row.space == "hall"][-1]
    assert (row.level_db, row.level_coverage) == (None, None)


def test_noise_made_before_quiet_hours_is_not_judged_by_their_limit() -> None:
    site = replace(
        SITE,
        spaces=[replace(SITE.spaces[0], noise=NOISE)],
    )
    day = Day([METER], site, now=paris("2026-06-10T21:30"))
    day.say("hall-meter", 76)
    day.run(30 * MINUTE)
    day.say("hall-meter", 60)
    day.run(30 * MINUTE)
    assert not day.of(AlertOpened)
    day.say("hall-meter", 76)
    day.run(15 * MINUTE)
    facts = only(day.standing()).facts
    assert (facts["limit_db"], facts["quiet"]) == (65, True)
    row = [row for row in day.of(SpaceNow) if row.space == "hall"][-1]
    assert (row.limit_db, row.quiet) == (65, True)
