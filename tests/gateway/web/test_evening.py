"""The evening's window, skyline and quiet hours in local time, over the change of summer time too."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.noise.quiet import QuietHours
from pleintemps_gateway.web import evening
from pleintemps_gateway.web.board import freshness, outcome
from pleintemps_gateway.web.skyline import draw, meter

from . import town

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000


def unix(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=PARIS).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (unix(2026, 11, 19, 22, 53), unix(2026, 11, 19, 18)),
        (unix(2026, 11, 20, 2, 0), unix(2026, 11, 19, 18)),
        (unix(2026, 11, 20, 7, 59), unix(2026, 11, 19, 18)),
        (unix(2026, 11, 20, 8, 0), unix(2026, 11, 20, 8)),
        (unix(2026, 11, 20, 18, 0), unix(2026, 11, 20, 18)),
    ],
)
def test_the_window_is_the_evening_or_the_day(now: int, start: int) -> None:
    assert evening.window(now, PARIS) == (start, start + 14 * HOUR)


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_the_window_holds_now_or_the_hour_that_winter_time_repeats(now: int) -> None:
    start, end = evening.window(now, PARIS)
    assert start <= now < end + HOUR
    assert end - start == 14 * HOUR


def test_quiet_hours_of_the_night_and_over_the_change_of_summer_time() -> None:
    night = (unix(2026, 11, 19, 22), unix(2026, 11, 20, 7))
    start, end = evening.window(town.NOW, PARIS)
    assert QuietHours("Europe/Paris", ("22:00", "07:00")).spans(start, end) == (night,)
    assert QuietHours("Europe/Paris", ("22:00", "07:00")).spans(night[0] - HOUR, night[0]) == ()
    assert QuietHours("Europe/Paris", ("00:00", "00:00")).spans(start, end) == ()
    noon = (unix(2026, 11, 20, 12), unix(2026, 11, 20, 14))
    assert QuietHours("Europe/Paris", ("12:00", "14:00")).spans(noon[0], noon[1]) == (noon,)
    shorter = QuietHours("Europe/Paris", ("22:00", "07:00")).spans(
        unix(2026, 3, 28, 20), unix(2026, 3, 29, 8)
    )[0]
    assert shorter[1] - shorter[0] == 8 * HOUR


def test_presence_from_changes_of_belief() -> None:
    changes = [(10, "vacant"), (20, "occupied"), (30, "unknown"), (40, "occupied")]
    assert evening.occupied_intervals(changes, 50) == [(20, 30), (40, 50)]
    assert evening.occupied_intervals([], 50) == []


def test_the_skyline_counts_used_missed_and_coming_spaces() -> None:
    occupied = {"a": [(town.at("20:10"), town.at("20:40"))], "b": [(town.at("22:40"), town.NOW)]}
    booked = {"c": [(town.at("20:00"), town.at("20:30")), (town.at("23:30"), town.at("00:30", 20))]}
    sky = evening.skyline(town.NOW, "Europe/Paris", occupied, booked, ())
    slots = {slot.start: (slot.used, slot.missed, slot.coming) for slot in sky.slots}
    assert slots[town.at("20:00")] == (1, 1, 0)
    assert slots[town.at("20:30")] == (1, 0, 0)
    assert slots[town.at("21:00")] == (0, 0, 0)
    assert slots[town.at("22:30")] == (1, 0, 0)
    assert slots[town.at("23:30")] == slots[town.at("00:00", 20)] == (0, 0, 1)
    assert slots[town.at("00:30", 20)] == (0, 0, 0)


@given(st.integers(min_value=0, max_value=200))
def test_the_drawing_stays_in_its_frame(spaces: int) -> None:
    occupied = {str(space): [(town.at("18:00"), town.NOW)] for space in range(spaces)}
    drawn = draw(evening.skyline(town.NOW, "Europe/Paris", occupied, {}, ()), town.NOW, 366, 88, 3)
    assert len(drawn.panes) == 10 * spaces
    for pane in drawn.panes:
        assert pane.x >= 0 and pane.x + pane.width <= drawn.width
        assert pane.y >= 0 and pane.y + pane.height <= drawn.ground
    assert [label for _, label in drawn.marks] == ["18:00", "21:00", "00:00", "03:00", "06:00"]


def test_a_level_has_its_place_on_the_bar() -> None:
    assert [meter(level) for level in (0, 30, 65, 74, 100, 140)] == [0, 0, 50, 62.9, 100, 100]


def test_what_is_old_is_stale_and_then_unknown() -> None:
    now = town.NOW
    assert freshness("occupied", now - 180_000, 180_000, now) == "fresh"
    assert freshness("occupied", now - 180_001, 180_000, now) == "stale"
    assert freshness("vacant", now - 900_001, 180_000, now) == "unknown"
    assert freshness("vacant", None, 180_000, now) == "unknown"
    assert freshness("unknown", now, 180_000, now) == "unknown"


def test_a_command_without_an_answer_says_so_in_the_end() -> None:
    assert outcome("sent", 1_000, 6_000) == "sent"
    assert outcome("sent", 1_000, 6_001) == "no-answer"
    assert outcome("done", 1_000, 9_000) == "done"
