"""How a door stands: propped open, chattering, wired the other way round, told again or out of order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import DoorPhysicalChanged
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_contract.units import Quantity
from pleintemps_gateway.engine import SpaceNow
from pleintemps_gateway.occupancy.memory import Memory
from pleintemps_gateway.occupancy.room import RoomFilter

from .building import HOUR, MINUTE, NOON, PIR, SECOND, Day


def room(memory: Memory | None = None) -> RoomFilter:
    found = RoomFilter(NOON, memory)
    found.series("pir", "pir", Quantity.MOTION, 90)
    found.watched()
    found.door(NOON, False, "reed", moved=False)
    return found


def live(found: RoomFilter, begin: int, end: int, each_ms: int | None = None) -> list[Occupancy]:
    """The sensor speaks every half minute and sees somebody ``each_ms``; the state of every half minute."""
    states = []
    for at in range(begin, end, 30 * SECOND):
        found.sample("pir", at, int(each_ms is not None and (at - begin) % each_ms == 0))
        states.append(found.estimate(at).state)
    return states


def passes(found: RoomFilter, at: int) -> None:
    found.door(at, True, "reed")
    found.door(at + 4 * SECOND, False, "reed")


def used_for_an_hour(propped: bool) -> tuple[RoomFilter, int]:
    found = room()
    found.door(NOON + MINUTE, True, "reed")
    if not propped:
        found.door(NOON + MINUTE + 4 * SECOND, False, "reed")
    assert live(found, NOON + 2 * MINUTE, NOON + HOUR, 4 * MINUTE)[-1] is Occupancy.OCCUPIED
    return found, NOON + HOUR


def test_who_leaves_by_an_open_door_is_not_held_as_long_as_by_a_closed_one() -> None:
    held = []
    for propped in (False, True):
        found, at = used_for_an_hour(propped)
        held.append(live(found, at, at + 4 * HOUR).count(Occupancy.OCCUPIED) // 2)
    closed, propped_open = held
    assert propped_open <= 30 < 40 < closed


def test_who_comes_by_an_open_door_is_seen_at_once_however_long_it_was_quiet() -> None:
    found, at = used_for_an_hour(True)
    assert live(found, at, at + 2 * HOUR)[-1] is Occupancy.VACANT
    states = live(found, at + 2 * HOUR, at + 3 * HOUR, 3 * MINUTE)
    assert states[:3] == [Occupancy.OCCUPIED] * 3
    assert states.count(Occupancy.OCCUPIED) > 0.95 * len(states)


def test_closing_the_door_begins_what_it_holds() -> None:
    found, at = used_for_an_hour(True)
    found.door(at, False, "reed")
    assert live(found, at, at + 20 * MINUTE, 4 * MINUTE)[-1] is Occupancy.OCCUPIED
    assert live(found, at + 20 * MINUTE, at + HOUR)[-1] is Occupancy.OCCUPIED


def test_an_hour_behind_an_open_door_teaches_nothing_of_the_sensors() -> None:
    found, at = used_for_an_hour(True)
    found.door(at, False, "reed")
    live(found, at, at + 2 * MINUTE)
    assert (found.memory.door.used, found.memory.door.empty) == (0, 0)


@pytest.mark.parametrize("every_ms", [200, 3 * SECOND, 40 * SECOND])
def test_a_door_that_moves_by_itself_keeps_nobody_in_the_room(every_ms: int) -> None:
    found, at = used_for_an_hour(False)
    for moment in range(at, at + 20 * MINUTE, every_ms):
        found.door(moment, (moment - at) // every_ms % 2 == 0, "reed")
    assert live(found, at, at + 20 * MINUTE)[-1] is Occupancy.VACANT
    assert live(found, at + 20 * MINUTE, at + 21 * MINUTE, 3 * MINUTE)[-1] is Occupancy.OCCUPIED


def test_a_contact_wired_the_other_way_round_is_found_out() -> None:
    memory = Memory()
    found = RoomFilter(NOON, memory)
    found.series("pir", "pir", Quantity.MOTION, 90)
    found.watched()
    at = NOON
    found.door(at, True, "reed", moved=False)
    for _ in range(3):
        found.door(at + MINUTE, False, "reed")
        found.door(at + MINUTE + 4 * SECOND, True, "reed")
        live(found, at + 2 * MINUTE, at + 10 * MINUTE, 2 * MINUTE)
        at += 10 * MINUTE
    assert memory.door.passed.inverted("reed")
    assert live(found, at, at + 40 * MINUTE)[-1] is Occupancy.OCCUPIED  # held: it is closed
    again = Memory()
    again.take(memory.kept())
    assert again.kept() == memory.kept()
    assert again.door.passed.inverted("reed")


TOLD = st.lists(st.tuples(st.integers(1, 1200), st.booleans()), max_size=12, unique_by=lambda told: told[0])


@settings(deadline=None, max_examples=40)
@given(TOLD, st.lists(st.integers(1, 1200), max_size=12), st.randoms(use_true_random=False))
def test_positions_told_again_or_in_another_order_change_nothing(
    told: list[tuple[int, bool]], more: list[int], chance: object
) -> None:
    """A contact repeats how it stands, and a batch comes in any order."""
    told = sorted(told)
    again = told + [
        (second, before[-1][1]) for second in more if (before := [each for each in told if each[0] <= second])
    ]
    chance.shuffle(again)  # type: ignore[attr-defined]
    found = []
    for order in (told, again):
        hall = room()
        for at in range(0, 1260, 30):
            hall.sample("pir", NOON + at * SECOND, int(at in (300, 330)))
        for second, opened in order:
            hall.door(NOON + second * SECOND, opened, "reed", moved=False)
        found.append((hall.estimate(NOON + 21 * MINUTE), hall.memory.door.kept()))
    assert found[0] == found[1]


def test_an_edge_that_got_lost_is_made_up_for_by_the_next() -> None:
    """Closed, and closed again by a door that tells changes only: somebody passed."""
    found, at = used_for_an_hour(False)
    twin, _ = used_for_an_hour(False)
    found.door(at, False, "reed")
    twin.door(at, True, "reed")
    twin.door(at, False, "reed")
    assert live(found, at, at + HOUR) == live(twin, at, at + HOUR)


@pytest.mark.parametrize("state", [DoorPhysicalState.FAULT, DoorPhysicalState.UNKNOWN])
def test_a_door_that_does_not_know_how_it_stands_has_not_moved(state: DoorPhysicalState) -> None:
    def probabilities(*states: DoorPhysicalState) -> list[float | None]:
        day = Day([PIR])
        day.say("hall-pir", 0)
        for each in states:
            day.event(DoorPhysicalChanged(door="hall", state=each))
            day.run(2 * MINUTE)
        day.run((3 - len(states)) * 2 * MINUTE)
        return [row.probability for row in day.of(SpaceNow) if row.space == "hall"]

    known = (DoorPhysicalState.OPEN, DoorPhysicalState.CLOSED)
    assert probabilities(*known, state) == probabilities(*known)
    assert probabilities(DoorPhysicalState.OPEN) != probabilities()
