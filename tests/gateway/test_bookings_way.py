"""The doors between the street and a space."""

import hypothesis.strategies as st
from hypothesis import given

from pleintemps_gateway.bookings.way import by_agent, doors_on_way, opening
from pleintemps_gateway.config import STREET, DoorConfig, RulesConfig

PLACES = [STREET, "a", "b", "c", "d", "e"]


def door(number: int, from_: str, to: str, agent: str = "one") -> DoorConfig:
    return DoorConfig(door=f"d{number}", name="x", agent=agent, from_=from_, to=to)


plans = st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(PLACES[1:])), max_size=14).map(
    lambda pairs: [door(number, from_, to) for number, (from_, to) in enumerate(pairs)]
)


def shortest(plan: list[DoorConfig], space: str) -> list[list[str]]:
    """Every shortest way, found by trying all ways of growing length."""
    ways: list[list[DoorConfig]] = [[]]
    for _ in range(len(PLACES)):
        grown = ((way, way[-1].to if way else STREET) for way in ways)
        ways = [[*way, step] for way, place in grown for step in plan if step.from_ == place]
        arrived = [[step.door for step in way] for way in ways if way[-1].to == space]
        if arrived:
            return arrived
        ways = ways[:500]
    return []


@given(plans.filter(lambda plan: len(plan) < 8), st.sampled_from(PLACES[1:]))
def test_exactly_the_doors_of_the_shortest_ways(plan: list[DoorConfig], space: str) -> None:
    expected = {name for way in shortest(plan, space) for name in way}
    assert {step.door for step in doors_on_way(plan, space)} == expected


@given(plans, st.sampled_from(PLACES[1:]))
def test_the_way_is_complete(plan: list[DoorConfig], space: str) -> None:
    """Who may pass these doors, and no others, gets from the street to the space."""
    way = doors_on_way(plan, space)
    reached = {STREET}
    for _ in way:
        reached |= {step.to for step in way if step.from_ in reached}
    assert (space in reached) is bool(way)


def test_two_entrances_that_are_equally_near_both_open() -> None:
    steps = [(STREET, "a"), ("a", "b"), (STREET, "c"), ("c", "b"), ("b", "d")]
    plan = [door(number + 1, *step) for number, step in enumerate(steps)]
    assert [step.door for step in doors_on_way(plan, "b")] == ["d1", "d2", "d3", "d4"]
    assert doors_on_way(plan, "e") == []


def test_doors_are_grouped_by_agent_in_order() -> None:
    plan = [door(1, STREET, "a", "x"), door(2, "a", "b", "y"), door(3, "b", "c", "x")]
    groups = by_agent(plan)
    assert [(group.agent, group.doors) for group in groups] == [("x", ("d1", "d3")), ("y", ("d2",))]


def test_doors_open_from_lead_to_tail() -> None:
    window = opening(RulesConfig(lead_s=60, tail_s=30), 100_000, 200_000)
    assert (window.start, window.end) == (40_000, 230_000)
