"""Occupancy: what each sensor may and may not make the gateway believe."""

from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import DeviceHealth, DoorPhysicalChanged, Health
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_contract.units import Quantity
from pleintemps_gateway.engine import OccupancyChanged, SpaceNow
from pleintemps_gateway.occupancy import parameters
from pleintemps_gateway.occupancy.room import Estimate, RoomFilter
from tests.support.laws import examples

from .building import HOUR, METER, MINUTE, NOON, PIR, RADAR, REED, SECOND, Day, series

OCCUPIED, VACANT, UNKNOWN = Occupancy.OCCUPIED, Occupancy.VACANT, Occupancy.UNKNOWN


def now_in(day: Day, space: str = "hall") -> SpaceNow:
    return [row for row in day.of(SpaceNow) if row.space == space][-1]


def quiet_room(*infos: object) -> Day:
    """A hall that has been empty for ten minutes, with all the sensors given."""
    day = Day([info for info in (PIR, RADAR, METER, REED) if info in infos])
    for info in day.infos:
        day.say(info.series, 40.0 if info is METER else 0)
    day.run(10 * MINUTE)
    return day


def seconds_until(day: Day, state: Occupancy, limit_s: int = 1200) -> int:
    began = day.now
    while day.now - began < limit_s * SECOND:
        day.run(SECOND)
        if now_in(day).state is state:
            return (day.now - began) // SECOND
    pytest.fail(f"not {state} within {limit_s} s: {now_in(day)}")


def test_nobody_knows_a_room_without_sensors() -> None:
    day = Day([METER, REED])
    day.say("hall-meter", 80)
    day.say("hall-reed", 1)
    day.run(5 * MINUTE)
    row = now_in(day)
    assert (row.state, row.probability, row.evidence) == (UNKNOWN, None, "")
    assert row.level_db == pytest.approx(80)


def test_one_movement_after_quiet_is_somebody_at_once() -> None:
    day = quiet_room(PIR)
    assert now_in(day).state is VACANT
    assert now_in(day).evidence == "hall-pir quiet"
    day.say("hall-pir", 1)
    moved = day.now
    assert seconds_until(day, OCCUPIED) == 1
    row = now_in(day)
    assert (row.evidence, row.evidence_at, row.since) == ("hall-pir motion", moved, moved)


def test_a_room_with_motion_alone_clears_in_four_to_six_minutes() -> None:
    day = quiet_room(PIR)
    for _ in range(20):
        day.say("hall-pir", 1)
        day.run(10 * SECOND)
        day.say("hall-pir", 0)
        day.run(20 * SECOND)
    assert now_in(day).state is OCCUPIED
    assert 240 <= 20 + seconds_until(day, VACANT) <= 360


@pytest.mark.parametrize("infos", [(RADAR,), (RADAR, PIR)])
@pytest.mark.parametrize("still", [False, True])
def test_radar_clears_a_room_in_ten_to_twenty_seconds(infos: tuple[object, ...], still: bool) -> None:
    day = quiet_room(*infos)
    day.say("hall-radar", 1)
    day.run(MINUTE)
    if still:
        day.say("hall-radar", 2)
        day.run(20 * MINUTE)
    assert now_in(day).state is OCCUPIED
    day.say("hall-radar", 0)
    assert 8 <= seconds_until(day, VACANT) <= 20
    assert now_in(day).evidence == "hall-radar nobody"


def test_radar_sees_arrival_within_two_seconds_and_keeps_a_still_person() -> None:
    day = quiet_room(RADAR, PIR)
    day.say("hall-radar", 3)
    assert seconds_until(day, OCCUPIED) <= 2
    day.say("hall-radar", 2)
    day.run(3 * HOUR)
    assert now_in(day).state is OCCUPIED
    assert now_in(day).evidence == "hall-radar still"
    assert len([c for c in day.of(OccupancyChanged) if c.state is OCCUPIED]) == 1


def test_a_radar_that_loses_a_still_person_for_three_seconds_changes_nothing() -> None:
    day = quiet_room(RADAR)
    day.say("hall-radar", 1)
    day.run(MINUTE)
    for _ in range(20):
        day.say("hall-radar", 2)
        day.run(MINUTE)
        day.say("hall-radar", 0)
        day.run(3 * SECOND)
    assert now_in(day).state is OCCUPIED
    assert len([c for c in day.of(OccupancyChanged) if c.state is VACANT]) == 1


def test_silence_is_not_absence_of_people() -> None:
    day = quiet_room(PIR)
    day.say("hall-pir", 1)
    day.run(MINUTE)
    day.mute("hall-pir")
    silent_since = day.now
    day.run(14 * MINUTE)
    assert now_in(day).state is OCCUPIED
    seconds_until(day, UNKNOWN)
    last_said = max(at for name, at, _ in day.told if name == "hall-pir" and at <= silent_since)
    assert day.now - last_said == pytest.approx(15 * MINUTE, abs=6 * SECOND)
    assert now_in(day).probability is None
    assert now_in(day).evidence_at == last_said


def test_a_faulty_device_is_no_evidence_and_comes_back() -> None:
    day = quiet_room(PIR, RADAR)
    day.event(DeviceHealth(device="hall-radar", health=Health.ERROR, detail="no bytes"))
    day.say("hall-radar", 1)
    day.run(MINUTE)
    assert now_in(day).state is VACANT
    assert now_in(day).evidence == "hall-pir quiet"
    day.event(DeviceHealth(device="hall-pir", health=Health.SILENT))
    day.run(2 * SECOND)
    assert now_in(day).state is UNKNOWN
    day.event(DeviceHealth(device="hall-radar", health=Health.OK))
    day.say("hall-radar", 1)
    day.run(2 * SECOND)
    assert now_in(day).state is OCCUPIED


def test_a_motion_sensor_that_stays_high_for_hours_is_no_evidence() -> None:
    day = quiet_room(PIR)
    day.tick_ms = 10 * SECOND
    day.say("hall-pir", 1)
    day.run(3 * HOUR)
    assert now_in(day).state is OCCUPIED
    day.run(HOUR + 2 * MINUTE)
    assert now_in(day).state is UNKNOWN


def test_a_door_moves_belief_and_decides_nothing() -> None:
    day = quiet_room(PIR, REED)
    before = now_in(day).probability or 0
    for step in range(10):
        day.say("hall-reed", 1 - step % 2)
        day.run(20 * SECOND)
    assert now_in(day).state is VACANT
    assert (now_in(day).probability or 0) > before


def test_after_a_door_quiet_means_gone_sooner() -> None:
    def cleared_after(edge: bool) -> int:
        day = quiet_room(PIR)
        for _ in range(20):
            day.say("hall-pir", 1)
            day.run(10 * SECOND)
            day.say("hall-pir", 0)
            day.run(20 * SECOND)
        if edge:
            day.event(DoorPhysicalChanged(door="hall", state=DoorPhysicalState.OPEN))
        return seconds_until(day, VACANT)

    assert cleared_after(edge=True) < cleared_after(edge=False) - 30


def test_two_motion_sensors_are_one_that_is_high_if_either_is() -> None:
    second = series("hall-pir-2", Quantity.MOTION)
    day = Day([PIR, second])
    day.say("hall-pir", 0)
    day.say("hall-pir-2", 0)
    day.run(10 * MINUTE)
    alone = quiet_room(PIR)
    assert now_in(day).probability == now_in(alone).probability
    day.say("hall-pir-2", 1)
    day.run(SECOND)
    assert now_in(day).evidence == "hall-pir-2 motion"


# --- laws -----------------------------------------------------------------------------------------------

Sample = tuple[int, str, int]
SAMPLES = st.lists(
    st.tuples(st.integers(1, 20 * 60), st.sampled_from(["pir", "radar"]), st.integers(0, 3)),
    max_size=40,
    unique_by=lambda sample: (sample[0], sample[1]),
).map(lambda found: [(s * SECOND, key, value % 2 if key == "pir" else value) for s, key, value in found])


def room(max_silence_s: int = 3600) -> RoomFilter:
    found = RoomFilter(NOON)
    found.series("pir", "pir", Quantity.MOTION, max_silence_s)
    found.series("radar", "radar", Quantity.RADAR, max_silence_s)
    return found


def in_order(samples: list[Sample], ends: list[int]) -> list[Estimate]:
    found, estimates, fed = room(), [], 0
    ordered = sorted(samples)
    for end in ends:
        while fed < len(ordered) and ordered[fed][0] <= end:
            at, key, value = ordered[fed]
            found.sample(key, NOON + at, value)
            fed += 1
        estimates.append(found.estimate(NOON + end))
    return estimates


@settings(deadline=None)
@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_inside_a_batch_does_not_matter(samples: list[Sample], chance: object) -> None:
    shuffled = list(samples)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    found, other = room(), room()
    for at, key, value in samples:
        found.sample(key, NOON + at, value)
    for at, key, value in shuffled:
        other.sample(key, NOON + at, value)
    end = NOON + 21 * MINUTE
    assert found.estimate(end) == other.estimate(end)


@pytest.mark.law
@examples(some=25, many=500)
@given(SAMPLES, st.lists(st.integers(0, 29), min_size=40, max_size=40))
def test_samples_that_come_late_give_the_state_of_in_order_replay(
    samples: list[Sample], delays: list[int]
) -> None:
    late = sorted(
        (at + delay * SECOND, at, key, value)
        for (at, key, value), delay in zip(samples, delays, strict=False)
    )
    found, fed = room(), 0
    for end in range(SECOND, 21 * MINUTE, SECOND):
        while fed < len(late) and late[fed][0] <= end:
            _, at, key, value = late[fed]
            found.sample(key, NOON + at, value)
            fed += 1
        found.estimate(NOON + end)
    end = 21 * MINUTE
    straight = in_order(samples, [end])[-1]
    assert found.estimate(NOON + end).probability == straight.probability


@settings(deadline=None, max_examples=15)
@given(SAMPLES, st.lists(st.integers(0, 120), min_size=40, max_size=40))
@example([(1000, "pir", 0), (288_000, "pir", 1), (390_000, "pir", 0)], [0, 103, 0])
def test_what_comes_after_the_horizon_is_counted_and_only_the_youngest_tells(
    samples: list[Sample], delays: list[int]
) -> None:
    late = sorted(
        (at + delay * SECOND, at, key, value)
        for (at, key, value), delay in zip(samples, delays, strict=False)
    )
    found, fed, behind = room(), 0, 0
    told: dict[str, list[int]] = defaultdict(list)
    horizon = NOON // parameters.GRID_MS * parameters.GRID_MS
    for end in range(5 * SECOND, 23 * MINUTE, 5 * SECOND):
        while fed < len(late) and late[fed][0] <= end:
            _, at, key, value = late[fed]
            fed += 1
            behind += NOON + at < horizon
            # one that is younger and not committed yet has its turn after the late one
            if any(at < younger and NOON + younger < horizon for younger in told[key]):
                before = found.estimate(NOON + end - 1)
                found.sample(key, NOON + at, value)
                assert found.estimate(NOON + end - 1).probability == before.probability
            else:
                found.sample(key, NOON + at, value)
            told[key].append(at)
        found.estimate(NOON + end)
        until = (NOON + end - parameters.REORDER_MS) // parameters.GRID_MS * parameters.GRID_MS
        horizon = max(horizon, until)
    assert found.memory.late == behind
    assert behind <= sum(delay > 25 for delay in delays[: len(samples)])


@settings(deadline=None)
@given(SAMPLES, st.lists(st.integers(1, 20 * 60), min_size=1, max_size=30))
def test_the_moments_of_asking_do_not_change_belief(samples: list[Sample], moments: list[int]) -> None:
    end = 21 * MINUTE
    often = in_order(samples, [*sorted(moment * SECOND for moment in moments), end])[-1]
    once = in_order(samples, [end])[-1]
    assert often.probability == once.probability


@settings(deadline=None)
@given(SAMPLES)
def test_probability_stays_where_evidence_can_still_turn_it(samples: list[Sample]) -> None:
    for estimate in in_order(samples, list(range(SECOND, 21 * MINUTE, 10 * SECOND))):
        assert estimate.probability is None or 0.004 < estimate.probability < 0.996


@given(st.integers(1, 60))
def test_a_held_value_repeated_is_no_new_evidence(repeats: int) -> None:
    once, often = room(), room()
    for found, count in ((once, 1), (often, repeats)):
        found.sample("pir", NOON, 0)
        found.sample("pir", NOON + MINUTE, 1)
        for number in range(count):
            found.sample("pir", NOON + MINUTE + (number + 1) * SECOND, 1)
    end = NOON + 2 * MINUTE + 2 * SECOND
    assert once.estimate(end).probability == often.estimate(end).probability


def test_a_backlog_hours_old_does_not_touch_the_present() -> None:
    found, other = room(90), room(90)
    for minute in range(180):
        for each in (found, other):
            each.sample("radar", NOON + minute * MINUTE, 0)
            each.estimate(NOON + minute * MINUTE + SECOND)
    for minute in range(100):
        found.sample("pir", NOON + minute * MINUTE, minute % 2)
    end = NOON + 180 * MINUTE
    assert found.estimate(end)[:3] == other.estimate(end)[:3]


def test_prior_and_floors_are_probabilities() -> None:
    assert sum(parameters.PRIOR) == pytest.approx(1)
    assert sum(parameters.AFTER_DOOR) == pytest.approx(1)
    assert parameters.VACANT_BELOW < 0.5 < parameters.OCCUPIED_ABOVE
