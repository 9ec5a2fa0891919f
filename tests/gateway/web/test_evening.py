"""The evening's window, skyline and quiet hours in local time, over the change of summer time too."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.noise.quiet import QuietHours
from pleintemps_gateway.web import evening, slots
from pleintemps_gateway.web.board import Skyline, freshness, outcome
from pleintemps_gateway.web.skyline import MOST_STOREYS, draw, meter, outline

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


def test_presence_from_changes_of_belief_lights_the_half_hours_that_it_touches() -> None:
    start, half = 0, evening.HALF_HOUR_MS
    changes = [(0, "vacant"), (half // 2, "occupied"), (2 * half, "unknown"), (4 * half, "occupied")]
    assert slots.mask(start, 5 * half, changes, ()).used == 0b110011
    assert slots.mask(start, 4 * half, changes, ()).used == 0b010011
    assert slots.mask(start, 5 * half, [], ()) == slots.Mask(0, 0)
    assert slots.mask(start, half, [(-9 * half, "occupied")], ()).used == 0b11, "what was in force before"
    assert slots.mask(start, half, [(60 * half, "occupied")], [(60 * half, 61 * half)]) == slots.Mask(0, 0)


def sky_of(spaces: Mapping[str, tuple[list[tuple[int, str]], list[tuple[int, int]]]]) -> Skyline:
    start, _ = evening.window(town.NOW, PARIS)
    masks = [slots.mask(start, town.NOW, changes, booked) for changes, booked in spaces.values()]
    sums = slots.add_up(masks, slots.slot_of(start, town.NOW))
    return slots.skyline("Europe/Paris", start, [sums], ())


def test_the_skyline_counts_used_missed_and_coming_spaces() -> None:
    sky = sky_of(
        {
            "a": ([(town.at("20:10"), "occupied"), (town.at("20:40"), "vacant")], []),
            "b": ([(town.at("22:40"), "occupied")], []),
            "c": (
                [],
                [(town.at("20:00"), town.at("20:30")), (town.at("23:30"), town.at("00:30", 20))],
            ),
        }
    )
    found = {slot.start: (slot.used, slot.missed, slot.coming) for slot in sky.slots}
    assert found[town.at("20:00")] == (1, 1, 0)
    assert found[town.at("20:30")] == (1, 0, 0)
    assert found[town.at("21:00")] == (0, 0, 0)
    assert found[town.at("22:30")] == (1, 0, 0)
    assert found[town.at("23:30")] == found[town.at("00:00", 20)] == (0, 0, 1)
    assert found[town.at("00:30", 20)] == (0, 0, 0)


@given(st.integers(min_value=0, max_value=200))
def test_the_drawing_stays_in_its_frame(spaces: int) -> None:
    sky = sky_of({str(space): ([(town.at("18:00"), "occupied")], []) for space in range(max(1, spaces))})
    drawn = draw(sky, town.NOW, 366, 88, 3)
    assert len(drawn.panes) == 10 * -(-max(1, spaces) // drawn.unit) <= 10 * MOST_STOREYS
    assert outline(drawn.panes, "u").count("z") == len(drawn.panes)
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
