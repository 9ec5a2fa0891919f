"""Locks that take their time and jam, and the door around them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.door import Push
from pleintemps_firmware_sim.devices.lock import MECHANISMS, Bolt, Doorway, Lock


@pytest.mark.parametrize(
    ("name", "free_without_current"),
    [("strike", False), ("strike-reverse", True), ("maglock", True), ("motor", False)],
)
def test_without_current(name: str, free_without_current: bool) -> None:
    lock = Lock(MECHANISMS[name])
    assert lock.released is free_without_current
    lock.energise(1, 0)
    lock.advance(10_000)
    assert lock.released is not free_without_current


def test_a_bolt_on_its_way_is_neither_out_nor_in() -> None:
    lock = Lock(MECHANISMS["motor"])
    lock.energise(1, 100)
    assert (lock.bolt, lock.due()) == (Bolt.BETWEEN, 1_000)
    assert not lock.advance(999)
    assert lock.advance(1_000) and lock.bolt is Bolt.IN


def test_a_jam_stops_it_where_it_is() -> None:
    lock = Lock(MECHANISMS["motor"])
    lock.energise(1, 0)
    lock.jam(True, 500)
    assert (lock.bolt, lock.due()) == (Bolt.BETWEEN, None)
    lock.energise(0, 600)
    assert not lock.advance(10_000)
    lock.jam(False, 10_000)
    assert lock.due() == 10_900, "it was between, and has all of its way to go"
    assert lock.advance(10_900)
    assert (lock.bolt, lock.due()) == (Bolt.OUT, None)


def test_the_bolts_contact_says_locked_only_while_it_holds_a_shut_door() -> None:
    doorway = Doorway(MECHANISMS["strike"], closer_ms=3_000)
    said = [doorway.levels()]
    doorway.driven("drive", 1, 0)
    doorway.edges(20)
    assert doorway.push(20) is Push.OPENED
    doorway.driven("drive", 0, 100)
    doorway.edges(200)
    said.append(doorway.levels())
    doorway.edges(3_021)
    said.append(doorway.levels())
    assert said == [
        {"drive": 0, "sense": 0, "reed": 0},
        {"drive": 0, "sense": 1, "reed": 1},
        {"drive": 0, "sense": 0, "reed": 0},
    ]


def test_a_forced_door_opens_against_the_bolt() -> None:
    doorway = Doorway(MECHANISMS["strike"])
    assert doorway.push(0) is Push.HELD
    assert doorway.force(0) is Push.OPENED
    assert doorway.levels() == {"drive": 0, "sense": 1, "reed": 1}


@given(
    st.lists(st.tuples(st.sampled_from(["on", "off", "jam", "free"]), st.integers(0, 2_000)), max_size=30),
    st.sampled_from(sorted(MECHANISMS)),
)
def test_left_alone_and_free_it_always_comes_to_where_its_level_says(
    acts: list[tuple[str, int]], name: str
) -> None:
    lock, now, level = Lock(MECHANISMS[name]), 0, 0
    for act, pause in acts:
        now += pause
        lock.advance(now)
        if act in ("on", "off"):
            level = int(act == "on")
            lock.energise(level, now)
        else:
            lock.jam(act == "jam", now)
    lock.jam(False, now)
    lock.advance(now + 10_000)
    assert lock.released is (level == MECHANISMS[name].frees_at)
