"""From a booking to doors and a window: pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.config import STREET, DoorConfig, RulesConfig


class AgentDoors(NamedTuple):
    """Doors of one agent, in the order of the site's plan."""

    agent: str
    doors: tuple[str, ...]


def doors_on_way(doors: Sequence[DoorConfig], space: str) -> list[DoorConfig]:
    """Every door that lies on a shortest way from the street to ``space``; empty if no way leads there.

    A door is passed from ``from`` to ``to``. Two entrances that are equally near both count.
    """
    inward = _distances(STREET, ((door.from_, door.to) for door in doors))
    outward = _distances(space, ((door.to, door.from_) for door in doors))
    if space not in inward:
        return []
    return [
        door
        for door in doors
        if door.from_ in inward and door.to in outward
        if inward[door.from_] + 1 + outward[door.to] == inward[space]
    ]


def all_ways(doors: Sequence[DoorConfig]) -> dict[str, list[DoorConfig]]:
    """:func:`doors_on_way` of every place that a way leads to, at the cost of one."""
    inward = _distances(STREET, ((door.from_, door.to) for door in doors))
    nearer: dict[str, list[int]] = {}
    for index, door in enumerate(doors):
        if door.from_ in inward and inward[door.from_] + 1 == inward[door.to]:
            nearer.setdefault(door.to, []).append(index)
    ways: dict[str, set[int]] = {}
    for place in sorted(inward, key=inward.__getitem__):
        before = (ways[doors[index].from_] for index in nearer.get(place, ()))
        ways[place] = set(nearer.get(place, ())).union(*before)
    return {place: [doors[index] for index in sorted(found)] for place, found in ways.items()}


def _distances(start: str, steps: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Number of doors from ``start`` to every place it leads to: breadth first."""
    neighbours: dict[str, list[str]] = {}
    for here, there in steps:
        neighbours.setdefault(here, []).append(there)
    distances = {start: 0}
    edge = [start]
    while edge:
        following: list[str] = []
        for place in edge:
            for there in neighbours.get(place, ()):
                if there not in distances:
                    distances[there] = distances[place] + 1
                    following.append(there)
        edge = following
    return distances


def by_agent(doors: Iterable[DoorConfig]) -> list[AgentDoors]:
    """The same doors grouped by the agent that holds them."""
    groups: dict[str, list[str]] = {}
    for door in doors:
        groups.setdefault(door.agent, []).append(door.door)
    return [AgentDoors(agent, tuple(names)) for agent, names in groups.items()]


def opening(rules: RulesConfig, start: int, end: int) -> Window:
    """When the doors open for a booking (Unix ms): ``lead_s`` before it until ``tail_s`` after it."""
    return Window(start=max(0, start - int(rules.lead_s * 1000)), end=end + int(rules.tail_s * 1000))
