"""From a scenario and a seed to who does what when."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_firmware_sim.scenario.loading import Scenario, load, names, parse
from pleintemps_firmware_sim.scenario.plan import RoomPlan
from pleintemps_firmware_sim.scenario.rooms import total_level
from pleintemps_firmware_sim.scenario.script import Script, write
from pleintemps_firmware_sim.scenario.sound import at_meter
from pleintemps_firmware_sim.scenario.times import Clockwork, span_ms

BEGIN = 1_795_449_600_000  # 2026-11-23 16:00 UTC, a Monday, 17:00 in Paris
HOUR = 3_600_000


def scenario(text: str) -> Scenario:
    head = "scenario: x\ntitle: x\nlasts: 14d\n"
    return parse("x.yaml", (head + text).encode(), Path("/nowhere"))


def seen(script: Script) -> list[object]:
    """Everything that is in a script, without the chance that is left in it."""
    return [
        script.marks,
        [(each.event, each.at) for each in script.bookings],
        [(each.record.who, each.space, each.comes, each.leaves, each.event) for each in script.visits],
        [(each.record.sound, each.at, each.until) for each in script.sounds],
        [(each.act, each.at, each.event) for each in script.acts],
        [(each.fault, each.at, each.until) for each in script.faults],
    ]


@pytest.mark.parametrize("name", names())
def test_the_same_seed_gives_the_same_script(name: str) -> None:
    shipped = load(name)
    assert seen(write(shipped, 7, BEGIN)) == seen(write(shipped, 7, BEGIN))


def test_another_seed_gives_other_people() -> None:
    school = load("month-in-a-school")
    assert seen(write(school, 1, BEGIN)) != seen(write(school, 2, BEGIN))


def test_one_fault_less_moves_nothing_else() -> None:
    text = """
bookings: [{booking: b, space: hall, from: "19:00", to: "20:00", every: [tue]}]
people: [{who: p, booking: b, spread: 10min, chance: 0.7}]
weather:
  - {name: w, fault: dropout, target: hall-radar, per_day: 5}
"""
    with_fault = text + "  - {name: v, fault: power-cut, target: hall, per_day: 5}\n"
    one, two = write(scenario(text), 3, BEGIN), write(scenario(with_fault), 3, BEGIN)
    assert seen(one)[1:5] == seen(two)[1:5]
    assert [each for each in two.faults if each.name == "w"] != []
    assert seen(one)[5] == [(e.fault, e.at, e.until) for e in two.faults if e.name == "w"]


def test_weekly_bookings_are_on_their_days_in_local_time_across_the_change_of_clocks() -> None:
    text = 'bookings: [{booking: b, space: hall, from: "19:00", to: "00:30", every: [mon, sat]}]'
    october = 1_792_771_200_000
    events = [each.event for each in write(scenario(text), 1, october).bookings]
    local = [datetime.fromtimestamp(event.start / 1_000, ZoneInfo("Europe/Paris")) for event in events]
    assert [f"{each:%a %H:%M}" for each in local] == ["Sat 19:00", "Mon 19:00", "Sat 19:00", "Mon 19:00"]
    assert len({each.utcoffset() for each in local}) == 2
    assert {event.end - event.start for event in events} == {int(5.5 * HOUR)}


def test_people_come_with_every_booking_and_leave_after_it_began() -> None:
    text = """
bookings: [{booking: b, space: hall, from: "19:00", to: "20:00", every: [tue, thu]}]
people: [{who: p, booking: b, comes: b.start-5min, leaves: b.end-5min, spread: 4min}]
sounds: [{sound: s, space: hall, db: 70, from: b.start+10min, to: b.end, by: p}]
"""
    script = write(scenario(text), 5, BEGIN)
    assert len(script.visits) == len(script.bookings) == len(script.sounds) == 4
    for visit in script.visits:
        assert visit.event is not None
        assert visit.leaves is not None
        assert abs(visit.comes - (visit.event.start - 300_000)) <= 240_000
        assert abs(visit.leaves - (visit.event.end - 300_000)) <= 240_000


def test_weather_has_its_rate_and_never_overlaps_itself() -> None:
    text = "weather: [{name: w, fault: dropout, target: hall-radar, per_day: 20, lasts: [1min, 30min]}]"
    faults = write(scenario(text), 11, BEGIN).faults
    assert 150 < len(faults) < 350  # 14 days; time that is broken already counts for nothing
    for one, next_one in pairwise(faults):
        assert one.until is not None
        assert one.until <= next_one.at


def test_what_is_there_once_is_in_one_part_only() -> None:
    demo = load("demo")
    whole, once, again = (seen(write(demo, 1, BEGIN, part=part)) for part in ("all", "once", "again"))
    for number in range(1, 6):
        parts = [*once[number], *again[number]]  # type: ignore[misc]
        assert sorted(map(str, parts)) == sorted(map(str, whole[number]))  # type: ignore[call-overload]


def test_moments() -> None:
    clock = Clockwork("Europe/Paris", BEGIN)
    assert clock.resolve("+1h30min", {}) == [BEGIN + span_ms("90min")]
    assert clock.resolve("19:30", {}) == [BEGIN + span_ms("2h30min")]
    assert clock.resolve("16:00", {}) == [BEGIN + span_ms("23h")]
    assert clock.resolve("sun 17:00", {}) == [BEGIN + span_ms("6d")]
    assert clock.resolve("2026-11-24 17:00-10min", {}) == [BEGIN + span_ms("1d") - span_ms("10min")]
    assert clock.resolve("x.end-5s", {"x.end": [10_000, 20_000]}) == [5_000, 15_000]
    assert clock.resolve("y", {}) == []


ROOMS = st.builds(
    lambda volume, time: RoomPlan("r", "r", "a", 1, volume_m3=volume, reverberation_s=time),
    st.floats(20, 10_000),
    st.floats(0.2, 8),
)


@settings(max_examples=60)
@given(ROOMS, st.floats(30, 110), st.floats(0.3, 20), st.floats(1.01, 3))
def test_sound_falls_with_distance_and_never_below_the_diffuse_field(
    room: RoomPlan, level: float, distance: float, further: float
) -> None:
    near, far = at_meter(room, level, distance), at_meter(room, level, distance * further)
    assert near > far > at_meter(room, level, 1e6) - 1e-9
    dead = RoomPlan("r", "r", "a", 1, volume_m3=room.volume_m3, reverberation_s=room.reverberation_s / 2)
    assert at_meter(dead, level, distance) < near


def test_in_the_open_it_is_what_was_said_at_one_metre_and_6_db_less_at_two() -> None:
    field = RoomPlan("r", "r", "a", 1, volume_m3=1e9, reverberation_s=0.1)
    assert at_meter(field, 80, 1) == pytest.approx(80, abs=0.01)
    assert at_meter(field, 80, 2) == pytest.approx(80 - 6.02, abs=0.01)
    both = total_level(0, [at_meter(field, 80, 1)] * 2)
    assert both == pytest.approx(83.01, abs=0.01)
