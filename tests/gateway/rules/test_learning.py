"""What a room teaches: sound beside motion, and sensors behind a watched door."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import SeriesInfo
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.engine import AlertKind, OccupancyChanged, SpaceNow
from pleintemps_gateway.occupancy.faults import LONE_MOTION
from pleintemps_gateway.occupancy.memory import Memory
from pleintemps_gateway.occupancy.room import Estimate, RoomFilter

from .building import HOUR, METER, MINUTE, NOON, PIR, RADAR, REED, SECOND, Day, series

PIR_2 = series("hall-pir-2", Quantity.MOTION)

LOUD, CALM = 66.0, 36.0


def room(memory: Memory | None = None, door: bool = False) -> RoomFilter:
    found = RoomFilter(NOON, memory)
    found.series("pir", "pir", Quantity.MOTION, 90)
    found.series("meter", "meter", Quantity.LEVEL, 30)
    if door:
        found.watched()
    return found


def live(found: RoomFilter, begin: int, end: int, moving: bool, level: float) -> Estimate:
    for at in range(begin, end, 30 * SECOND):
        found.sample("pir", at, int(moving and at % (60 * SECOND) == 0))
        found.level("meter", at, level)
        found.estimate(at)
    return found.estimate(end)


def taught() -> tuple[RoomFilter, int]:
    """A room that was empty and calm, used and loud, empty and calm again."""
    found, at = room(), NOON
    for moving, level in ((False, CALM), (True, LOUD), (False, CALM)):
        live(found, at, at + 2 * HOUR, moving, level)
        at += 2 * HOUR
    return found, at


def test_sound_means_nothing_until_both_states_were_heard() -> None:
    found = room()
    live(found, NOON, NOON + 3 * HOUR, False, CALM)
    assert found.memory.sound.weight == 0
    assert live(found, NOON + 3 * HOUR, NOON + 3 * HOUR + 5 * MINUTE, False, LOUD).state is Occupancy.VACANT


def test_a_taught_room_hears_people_who_do_not_move() -> None:
    found, at = taught()
    assert found.memory.sound.weight > 0.7
    calm = found.estimate(at).probability or 0
    heard = live(found, at, at + 5 * MINUTE, False, LOUD)
    assert (heard.probability or 0) > calm + 0.3


def test_what_was_learnt_goes_on_after_a_restart_and_can_be_forgotten() -> None:
    found, _ = taught()
    memory = Memory()
    memory.take(found.memory.kept())
    assert memory.kept() == found.memory.kept()
    assert memory.sound.tells(22) == found.memory.sound.tells(22)
    memory.forget()
    assert memory.sound.tells(22) == (0.0, 0.0)
    assert memory.kept() == Memory().kept()


def test_data_of_another_form_teach_nothing() -> None:
    memory = Memory()
    memory.take({"form": 99, "sound": {"vacant": {"1": 3}}})
    assert memory.kept() == Memory().kept()


def test_levels_before_a_gap_get_no_label() -> None:
    found = room()
    live(found, NOON, NOON + 14 * MINUTE, False, CALM)
    live(found, NOON + 20 * MINUTE, NOON + 34 * MINUTE, False, CALM)
    assert sum(found.memory.sound.totals) == 0


LEVELS = st.lists(
    st.tuples(st.integers(0, 1200), st.sampled_from(["a", "b"]), st.sampled_from([CALM, 50.0, LOUD])),
    max_size=40,
    unique_by=lambda sample: sample[:2],
)


@settings(deadline=None, max_examples=25)
@given(LEVELS, st.randoms(use_true_random=False))
def test_levels_in_any_order_give_the_same(levels: list[tuple[int, str, float]], chance: object) -> None:
    kept = taught()[0].memory.kept()
    shuffled = list(levels)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    told = []
    for order in (sorted(levels), shuffled):
        memory = Memory()
        memory.take(kept)
        found = room(memory)
        found.series("a", "a", Quantity.LEVEL, 30)
        found.series("b", "b", Quantity.LEVEL, 30)
        for at in range(0, 1260, 30):
            found.sample("pir", NOON + at * SECOND, int(at == 300))
        for second, key, level in order:
            found.level(key, NOON + second * SECOND, level)
        told.append(found.estimate(NOON + 21 * MINUTE))
    assert told[0] == told[1]


def behind_door(fired: list[str]) -> float:
    found = room(door=True)
    for key in ("bath", "bed", "hall"):
        found.series(key, key, Quantity.MOTION, 24 * 3600)
        found.sample(key, NOON, 0)
    found.door(NOON + MINUTE, False)
    for place, key in enumerate(fired):
        at = NOON + 7 * MINUTE + place * 10 * SECOND
        found.sample(key, at, 1)
        found.sample(key, at + SECOND, 0)
    return found.estimate(NOON + HOUR).probability or 0.0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["bath", "bed", "hall"]), max_size=6), st.sampled_from(["bath", "bed", "hall"])
)
def test_another_sign_behind_a_door_never_lowers_belief(fired: list[str], more: str) -> None:
    assert 0 < behind_door(fired) <= behind_door([*fired, more]) < 1


def test_a_sleeper_behind_a_closed_door_stays_until_it_moves() -> None:
    found = room(door=True)
    for key in ("bath", "bed", "hall"):
        found.series(key, key, Quantity.MOTION, 24 * 3600)
        found.sample(key, NOON, 0)
    found.door(NOON + MINUTE, False)
    for place, key in enumerate(("bath", "bed", "hall")):
        found.sample(key, NOON + (2 + place) * MINUTE, 1)
        found.sample(key, NOON + (2 + place) * MINUTE + SECOND, 0)
    assert found.estimate(NOON + 9 * HOUR).state is Occupancy.OCCUPIED
    found.door(NOON + 9 * HOUR + MINUTE, True)
    found.door(NOON + 9 * HOUR + MINUTE + 4 * SECOND, False)
    assert found.estimate(NOON + 9 * HOUR + 10 * MINUTE).state is Occupancy.VACANT


@pytest.mark.parametrize("rose_ms", [-20_000, -24, 0, 26])
@pytest.mark.parametrize("infos", [(PIR,), (PIR, PIR_2), (RADAR,), (RADAR, PIR), (PIR, METER)])
def test_presence_that_goes_on_across_the_closing_of_a_door_counts(
    infos: tuple[SeriesInfo, ...], rose_ms: int
) -> None:
    """A sensor rises just before or after the door closes and says the same from then on."""
    day = Day([*infos, REED])
    for info in day.infos:
        day.say(info.series, 40.0 if info is METER else 0)
    day.run(10 * MINUTE + 50 * SECOND)
    day.say("hall-reed", 1, day.now + 2920)
    closed = day.now + 4944
    day.say("hall-reed", 0, closed)
    day.say(infos[0].series, 1, closed + rose_ms)
    day.run(10 * SECOND)
    hall = next(row for row in reversed(day.of(SpaceNow)) if row.space == "hall")
    assert (hall.state, hall.evidence.split()[0]) == (Occupancy.OCCUPIED, infos[0].series)
    day.outputs.clear()
    day.run((7 if PIR_2 in infos else 30) * MINUTE)  # later on it is stuck, to the other one
    assert [change.state for change in day.of(OccupancyChanged) if change.space == "hall"] == []


def test_a_sensor_that_says_a_change_only_counts_in_the_segment_in_which_it_stays_high() -> None:
    found = room(door=True)
    found.series("pir", "pir", Quantity.MOTION, 24 * 3600)
    found.sample("pir", NOON, 0)
    found.sample("pir", NOON + HOUR, 1)
    found.door(NOON + HOUR + 24, False)
    assert found.estimate(NOON + 62 * MINUTE).state is Occupancy.OCCUPIED
    found.sample("pir", NOON + 63 * MINUTE, 0)
    assert found.estimate(NOON + 80 * MINUTE).state is Occupancy.OCCUPIED


@given(st.integers(1, 30))
def test_what_still_holds_from_who_left_holds_nobody(hold_s: int) -> None:
    found = room(door=True)
    for at in range(0, 20 * MINUTE, MINUTE):
        found.sample("pir", NOON + at, 1)
        found.sample("pir", NOON + at + 20 * SECOND, 0)
    left = NOON + 20 * MINUTE
    found.sample("pir", left - SECOND, 1)
    found.door(left, False)
    for second in range(hold_s, 300, 30):
        found.sample("pir", left + second * SECOND, 0)
    assert found.estimate(left + 2 * MINUTE).state is Occupancy.VACANT


def lone(told_each: int | None, hours: float, day: int, found: RoomFilter) -> None:
    """Somebody moves each ten minutes for some hours of a day; None: the sensor tells changes only."""
    start = NOON + day * 24 * HOUR
    for at in range(start, start + 24 * HOUR, told_each or HOUR):
        if told_each:
            found.sample("pir", at, 0)
        found.estimate(at)
        if at - start < hours * HOUR:
            for more in range(0, told_each or HOUR, 10 * MINUTE):
                found.sample("pir", at + more + SECOND, 1)
                found.sample("pir", at + more + MINUTE, 0)


@pytest.mark.parametrize("told_each", [None, 10 * MINUTE])
def test_presence_behind_a_door_that_never_moves_fades_and_then_the_door_holds_nothing(
    told_each: int | None,
) -> None:
    found = RoomFilter(NOON)
    found.series("pir", "pir", Quantity.MOTION, 1800 if told_each else 24 * 3600)
    found.sample("pir", NOON, 0)
    found.door(NOON, False)
    lone(told_each, 3, 0, found)
    assert found.estimate(NOON + 24 * HOUR).state is Occupancy.VACANT
    found.sample("pir", NOON + 24 * HOUR, 1)
    found.sample("pir", NOON + 24 * HOUR + MINUTE, 0)
    assert found.estimate(NOON + 24 * HOUR + MINUTE).state is Occupancy.OCCUPIED
    assert found.estimate(NOON + 24 * HOUR + 10 * MINUTE).state is Occupancy.VACANT


def test_presence_is_held_for_two_hours_in_a_new_room_and_no_longer() -> None:
    found = RoomFilter(NOON)
    found.series("pir", "pir", Quantity.MOTION, 900)
    found.door(NOON, False)
    states = []
    for at in range(NOON, NOON + 4 * HOUR, 10 * MINUTE):
        found.sample("pir", at, int(at == NOON + 10 * MINUTE))
        states.append(found.estimate(at).state)
    assert states[2:14] == [Occupancy.OCCUPIED] * 12
    assert states[15:] == [Occupancy.VACANT] * 9  # the sensor fell after 20 minutes


@given(st.lists(st.integers(MINUTE, 14 * HOUR), max_size=60))
def test_patience_follows_the_gaps_of_the_room_within_its_limits(gaps: list[int]) -> None:
    memory = Memory()
    for gap in gaps:
        memory.door.gap(gap)
    again = Memory()
    again.take(memory.kept())
    assert again.kept() == memory.kept()
    assert 45 * MINUTE <= memory.door.patience_ms <= 3 * HOUR
    assert memory.door.patience_ms >= min(3 * HOUR, 2 * (gaps[-1] if gaps else HOUR))


def worked(day: Day, minutes: int, *sensors: SeriesInfo) -> None:
    """The motion sensors see who is there each minute, one after the other."""
    for _ in range(minutes):
        for info in sensors:
            day.say(info.series, 1)
            day.run(20 * SECOND)
            day.say(info.series, 0)
        day.run(MINUTE - len(sensors) * 20 * SECOND)


def faults(day: Day) -> list[AlertKind]:
    return [alert.kind for alert in day.standing() if alert.kind is AlertKind.DEVICE_FAULT]


def two_sensors(hours_of_use: int) -> Day:
    day = Day([PIR, PIR_2])
    day.tick_ms = 10 * SECOND
    day.say("hall-pir", 0)
    day.say("hall-pir-2", 0)
    worked(day, hours_of_use * 60, PIR, PIR_2)
    day.run((13 - hours_of_use) * HOUR)
    return day


def test_a_sensor_that_the_others_prove_stuck_is_a_device_fault_until_it_moves() -> None:
    day = two_sensors(2)
    day.say("hall-pir", 1)
    day.run(30 * MINUTE)
    assert faults(day) == []
    assert day.engine._spaces["hall"].runtime.estimate.state is Occupancy.VACANT  # type: ignore[union-attr]
    day.run(30 * MINUTE)
    assert [alert.kind for alert in day.standing()] == [AlertKind.DEVICE_FAULT]
    day.say("hall-pir", 0)
    day.run(MINUTE)
    assert day.standing() == []


def test_a_motion_sensor_high_alone_for_ten_minutes_is_somebody_in_its_corner() -> None:
    day = two_sensors(2)
    day.say("hall-pir", 1)
    day.run(9 * MINUTE)
    assert day.engine._spaces["hall"].runtime.estimate.state is Occupancy.OCCUPIED  # type: ignore[union-attr]


def test_a_sensor_that_is_silent_while_the_other_sees_people_is_a_device_fault_until_it_moves() -> None:
    day = two_sensors(2)
    worked(day, 8, PIR_2)
    assert faults(day) == []
    worked(day, 120, PIR_2)
    assert faults(day) == [AlertKind.DEVICE_FAULT]
    day.say("hall-pir", 1)
    day.run(MINUTE)
    assert faults(day) == []


@pytest.mark.parametrize("level", [CALM, LOUD])
def test_a_meter_that_says_the_very_same_while_people_move_is_stuck(level: float) -> None:
    found, at = room(), NOON
    for each in range(240):
        live(found, at, at + 30 * SECOND, True, 50.0 + each % 7)
        at += 30 * SECOND
    live(found, at, at + 5 * MINUTE, True, level)
    assert found.stuck == []
    live(found, at + 5 * MINUTE, at + 2 * HOUR, True, level)
    assert found.stuck == ["meter"]
    live(found, at + 2 * HOUR, at + 2 * HOUR + MINUTE, True, level + 1)
    assert found.stuck == []


def test_a_calm_meter_in_an_empty_room_is_not_stuck() -> None:
    found, at = taught()
    live(found, at, at + 12 * HOUR, False, CALM)
    assert found.stuck == []


@given(st.lists(st.floats(1, 3600), max_size=60), st.floats(1, 3600), st.floats(1, 3600))
def test_a_longer_run_is_never_less_suspicious_and_one_as_usual_never_is(
    lived: list[float], run_s: float, more_s: float
) -> None:
    memory = Memory()
    for each in lived:
        memory.faults.learn(memory.faults.high, "pir", each)

    def odds(run: float) -> float:
        return memory.faults.odds(memory.faults.high, "pir", LONE_MOTION, run, run, True)

    assert odds(run_s) <= odds(run_s + more_s)
    for _ in range(30):
        memory.faults.learn(memory.faults.high, "pir", run_s)
    assert odds(run_s) < 0
    again = Memory()
    again.take(memory.kept())
    assert again.kept() == memory.kept()


@given(st.integers(0, 40), st.integers(0, 400))
def test_silence_says_less_against_a_still_person_the_less_is_known_of_them(few: int, moving: int) -> None:
    """However often people who move were heard, it is no proof that who sits still makes a sound."""
    memory = Memory()
    sound = memory.sound
    sound.take({"vacant": {"12": 4000}, "active": {"20": 60 + moving}, "still": {"20": few}})
    active, still = sound.tells(12)
    assert active < still < 0
    sound.take({"vacant": {"12": 4000}, "active": {"20": 60 + moving}, "still": {"20": few + 1}})
    assert sound.tells(12)[1] < still
    assert sound.tells(20)[1] > 0
