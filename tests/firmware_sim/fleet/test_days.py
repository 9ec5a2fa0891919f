"""The fleet's days: equal for equal seeds, without two bookings at once, with nobody left behind."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.fleet.days import DAY_MS, Scene, scene, steps, visits
from pleintemps_firmware_sim.fleet.patterns import LEVEL_WIDTH, RING, STATE_WIDTH, rings

seeds = st.integers(0, 2**32)
lengths = st.sampled_from([60_000, 20 * 60_000, DAY_MS])


@given(seeds, st.integers(0, 40_000), lengths)
def test_bookings_lie_within_the_day_one_after_the_other(seed: int, day: int, day_ms: int) -> None:
    found = visits(seed, "site-1", "room-1", day, day_ms)
    assert found == visits(seed, "site-1", "room-1", day, day_ms)
    for visit in found:
        assert day * day_ms <= visit.start < visit.end <= (day + 1) * day_ms
        assert visit.start % 1000 == visit.end % 1000 == 0
    assert all(one.end < other.start for one, other in pairwise(found))


@given(seeds, st.integers(0, 40_000), lengths)
def test_who_comes_goes(seed: int, day: int, day_ms: int) -> None:
    found = steps(seed, "site-1", "room-1", day, day_ms)
    assert [step.at for step in found] == sorted(step.at for step in found)
    inside = 0
    for step in found:
        inside += step.people
    assert inside == 0


def test_rooms_differ_and_some_bookings_have_nobody() -> None:
    every = [visits(1, "site-1", f"room-{n}", 19_700) for n in range(50)]
    assert len({tuple(one) for one in every}) == 50
    shares = [not visit.groups for one in every for visit in one]
    assert 0 < sum(shares) < len(shares) / 4


def test_scenes() -> None:
    assert scene(0, True, True) is Scene.DAY
    assert scene(0, True, False) is Scene.NIGHT
    assert scene(2, True, False) is Scene.FEW
    assert scene(3, False, True) is Scene.MANY
    assert scene(3, True, True) is Scene.LOUD


@given(seeds, st.sampled_from(Scene), st.sampled_from([10.0, 100.0, 1000.0, 60_000.0]))
def test_rings_have_one_width_and_tell_their_changes(seed: int, room: Scene, period_ms: float) -> None:
    for ring in rings(seed, room, period_ms)[:2]:
        assert len(ring.level) == 2 * RING * LEVEL_WIDTH
        assert len(ring.motion) == len(ring.radar) == 2 * RING * STATE_WIDTH
        motion = [float(one) for one in ring.motion.decode().split(",")[:-1]]
        radar = [float(one) for one in ring.radar.decode().split(",")[:-1]]
        levels = [float(one) for one in ring.level.decode().split(",")[:-1]]
        assert levels[:RING] == levels[RING:]
        assert all(10 <= one < 100 for one in levels)
        empty = room in (Scene.DAY, Scene.NIGHT)
        assert set(zip(motion, radar, strict=True)) <= ({(0, 0)} if empty else {(0, 2), (1, 3)})
        assert [motion[n] != motion[n - 1] for n in range(RING)] == [bool(one) for one in ring.changes]
