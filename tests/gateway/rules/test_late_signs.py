"""A journal that comes after a cut says since when somebody is there, in however many pieces it comes."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.occupancy.room import Estimate, RoomFilter

START = 1_790_000_000_000
SECOND = 1_000
HEARTBEAT = 12 * SECOND


def pieces(told: list[tuple[int, int]], cuts: set[int]) -> list[list[tuple[int, int]]]:
    edges = sorted({0, len(told), *(cut for cut in cuts if 0 < cut < len(told))})
    return [told[begin:end] for begin, end in pairwise(edges)]


def after_the_cut(told: list[tuple[int, int]], cuts: set[int], *, looks: bool = False) -> Estimate:
    """What is believed once all that a radar told came, after ten minutes of nothing."""
    room = RoomFilter(START)
    room.series("radar", "radar", Quantity.RADAR, 13)
    room.sample("radar", START, 0)
    cut_at = START + 600 * SECOND
    assert room.estimate(START + SECOND).state is Occupancy.VACANT
    assert room.estimate(cut_at).state is not Occupancy.OCCUPIED
    for piece in pieces(told, cuts):
        room.samples("radar", [at for at, _ in piece], [value for _, value in piece])
        if looks:
            room.estimate(cut_at)
    return room.estimate(cut_at)


def radar(came_s: int) -> list[tuple[int, int]]:
    """A radar through ten minutes: nobody until ``came_s``, then somebody."""
    chance = random.Random(came_s)
    ats = range(START + HEARTBEAT, START + 600 * SECOND, HEARTBEAT)
    return [(at, chance.randint(1, 3) if at >= START + came_s * SECOND else 0) for at in ats]


@given(st.integers(1, 500), st.sets(st.integers(1, 50)))
def test_somebody_is_there_since_the_first_sign_that_came_late(came_s: int, cuts: set[int]) -> None:
    told = radar(came_s)
    first = next(at for at, value in told if value)
    estimate = after_the_cut(told, cuts)
    assert (estimate.state, estimate.since) == (Occupancy.OCCUPIED, first)


@given(st.integers(1, 500), st.sets(st.integers(1, 50)))
def test_however_often_the_room_is_looked_at_meanwhile(came_s: int, cuts: set[int]) -> None:
    told = radar(came_s)
    first = next(at for at, value in told if value)
    assert after_the_cut(told, cuts, looks=True).since == first


@pytest.mark.parametrize("cuts", [set(), {20}, {24, 25, 26}, set(range(50))])
def test_who_went_in_between_is_there_since_the_return(cuts: set[int]) -> None:
    told = radar(60)
    gone = [(at, 0 if place == 25 else value) for place, (at, value) in enumerate(told)]
    assert after_the_cut(gone, cuts).since == told[26][0]


@pytest.mark.parametrize("cuts", [set(), {20}, {24, 25, 26}, set(range(50))])
def test_a_sign_does_not_last_longer_than_the_silence_that_was_promised(cuts: set[int]) -> None:
    told = radar(60)
    assert after_the_cut(told[:20] + told[22:], cuts).since == told[22][0]


def test_what_came_in_time_in_between_ends_it() -> None:
    told, cut_at = radar(60), START + 600 * SECOND
    room = RoomFilter(START)
    room.series("radar", "radar", Quantity.RADAR, 13)
    room.sample("radar", START, 0)
    room.estimate(START + SECOND)
    room.samples("radar", [at for at, _ in told[:40]], [value for _, value in told[:40]])
    room.sample("radar", cut_at - 20 * SECOND, 0)
    room.sample("radar", cut_at - 8 * SECOND, 1)
    estimate = room.estimate(cut_at)
    assert estimate.since >= cut_at - 8 * SECOND or estimate.state is not Occupancy.OCCUPIED
