"""Rooms are looked at when they are due: no look too few, none that walks through all."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.agenda import Agenda
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.engine import AlertOpened, OccupancyChanged, SpaceNow, WarningWanted
from pleintemps_gateway.noise.records import NoiseFigures
from pleintemps_gateway.noise.settings import NoiseConfig
from pleintemps_gateway.noise.watch import NoiseWatch
from pleintemps_gateway.noise.window import LevelWindow
from pleintemps_gateway.occupancy.space import SpaceRuntime
from pleintemps_gateway.stretch import Stretch

from .building import METER, NOON, PIR, RADAR, SECOND, Day


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 30)), max_size=40))
def test_who_is_due_is_taken_once_in_an_order_that_repeats(steps: list[tuple[bool, int, int]]) -> None:
    agenda, dues = Agenda(), dict[int, int]()
    for takes, who, at in steps:
        assert agenda.is_due(at) == any(due <= at for due in dues.values())
        if takes:
            found = sorted(who for who, due in dues.items() if due <= at)
            assert agenda.take(at) == found
            for each in found:
                del dues[each]
        else:
            agenda.put(who, at)
            dues[who] = at


VALUES = {"hall-pir": [0.0, 1.0], "hall-radar": [0.0, 1.0, 2.0, 3.0], "hall-meter": [40.0, 60.0, 95.0]}


def a_while(seed: int, always: bool) -> Day:
    """People come and go, now and then loudly; ``always``: every room is looked at each second."""
    day, chance = Day([PIR, RADAR, METER]), random.Random(seed)
    held = {"hall-pir": 0.0, "hall-radar": 0.0, "hall-meter": 40.0}
    for name, value in held.items():
        day.say(name, value)
    for _ in range(35):
        name = chance.choice(["hall-pir", "hall-radar", "hall-meter", "hall-meter"])
        day.say(name, chance.choice(VALUES[name]))
        for _ in range(chance.choice([20, 60, 100])):
            if always:
                for place in range(3):
                    day.engine._agenda.put(place, 0)
            day.run(SECOND)
    return day


@pytest.mark.parametrize("seed", [1, 2])
def test_a_room_that_is_left_alone_until_it_is_due_is_believed_as_if_it_were_watched(seed: int) -> None:
    due, watched = a_while(seed, False), a_while(seed, True)

    def states(day: Day) -> list[tuple[int, Occupancy]]:
        return [(change.since, change.state) for change in day.of(OccupancyChanged) if change.space == "hall"]

    assert [state for _, state in states(due)] == [state for _, state in states(watched)]
    for (late, state), (at, _) in zip(states(due), states(watched), strict=True):
        assert at <= late <= at + (0 if state is Occupancy.OCCUPIED else 5 * SECOND)
    for kind in (AlertOpened, WarningWanted):
        assert len(due.of(kind)) == len(watched.of(kind))
    for early, late_one in zip(watched.of(WarningWanted), due.of(WarningWanted), strict=True):
        assert early.since <= late_one.since <= early.since + 5 * SECOND
    ages = [row.at for row in due.of(SpaceNow) if row.space == "hall"]
    assert max(later - at for at, later in pairwise(ages)) <= 15 * SECOND


@given(
    st.lists(st.tuples(st.integers(1, 400_000), st.floats(20, 110)), min_size=1, max_size=60),
    st.integers(0, 400),
)
def test_a_window_that_nobody_asked_forgets_what_nobody_can_ask(
    told: list[tuple[int, float]], last_s: int
) -> None:
    asked, left = LevelWindow(900_000, 400_000), LevelWindow(900_000, 400_000)
    at = NOON
    for gap, level_db in told:
        at += gap
        asked.add(at, level_db)
        left.add(at, level_db)
        asked.over(at - 900_000, at)
    for _ in range(3):
        for second in range(500, 2_000, 500):
            asked.add(at + second, 60.0)
            left.add(at + second, 60.0)
        at += last_s * 1000 + 2_000
        asked.over(at - 900_000, at)
    assert asked.over(at - 900_000, at) == left.over(at - 900_000, at)


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(["pir", "meter"]), st.integers(0, 90_000)), max_size=60
    )
)
def test_what_comes_late_is_looked_at_within_a_second_and_once_in_each(
    told: list[tuple[int, str, int]],
) -> None:
    noise = NoiseWatch("hall", NoiseConfig(), AlertBook(lambda: "0" * 32))
    space = SpaceRuntime("hall", noise, NOON, 0)
    space.series("pir", "pir", Quantity.MOTION, 30, "pir")
    space.series("meter", "meter", Quantity.LAEQ, 30, "meter")
    now, last, state = NOON, NOON, 0
    space.look(now, NoiseFigures())
    for tenths, name, ago in told:
        now += 100 * tenths
        closed, before = space.room.closed, space.due
        if name == "pir":
            state = 1 - state
        value = float(state) if name == "pir" else 105.0
        space.samples(name, Stretch([now - ago], [value], True, value, value))
        if now - ago >= closed:
            assert space.due <= now
        else:
            assert space.due == min(before, last + 1_000)
        if space.due <= now:
            space.look(now, NoiseFigures())
            last = now
