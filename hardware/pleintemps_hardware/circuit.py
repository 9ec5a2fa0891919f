"""What is joined to what in a kit: its wiring as a graph, from which the rules read.

Nodes are terminals (``X2.1``), terminals of parts (``strike:+``) and rails (``rail:gnd``). Edges are cores,
contacts and what joins a terminal to its rail. A load (coil, lamp, reader) is no edge: current that has to
pass it has arrived.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .kit import Cable, Contact, Part, Profile

COPPER: Final = 0.0178
"""Ohm mm2 / m of copper at 20 C."""


@dataclass(frozen=True, slots=True)
class Edge:
    """To another node, by a core of ``cable``, by ``contact`` of ``part``, or to a rail by neither."""

    to: str
    cable: Cable | None = None
    contact: Contact | None = None
    part: str = ""

    @property
    def ohm(self) -> float:
        return COPPER * self.cable.length_m / self.cable.mm2 if self.cable else 0.0


Pass = Callable[[Edge], bool]


def anywhere(_edge: Edge) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Circuit:
    """The graph of one way to build a kit."""

    edges: dict[str, list[Edge]] = field(default_factory=dict)

    def reach(self, start: str, may: Pass = anywhere) -> set[str]:
        """Nodes that ``start`` is joined to over edges that ``may`` be passed, itself among them."""
        return set(self._search(start, may))

    def cables(self, start: str, may: Pass = anywhere) -> list[Cable]:
        """Cables whose cores are joined to ``start``, each once."""
        there = self.reach(start, may)
        found = [
            edge.cable for node in there for edge in self.edges.get(node, ()) if may(edge) and edge.cable
        ]
        return list({cable.cable: cable for cable in found}.values())

    def path(self, start: str, ends: set[str]) -> list[Edge] | None:
        """The edges of a shortest way from ``start`` to one of ``ends``; None without one."""
        came = self._search(start, anywhere)
        end = next((node for node in came if node in ends), None)
        if end is None:
            return None
        way: list[Edge] = []
        while (step := came[end]) is not None:
            end, edge = step
            way.append(edge)
        return way[::-1]

    def _search(self, start: str, may: Pass) -> dict[str, tuple[str, Edge] | None]:
        """Nodes in the order of their distance, each with where one comes from."""
        came: dict[str, tuple[str, Edge] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            node = waiting.popleft()
            for edge in self.edges.get(node, ()):
                if edge.to not in came and may(edge):
                    came[edge.to] = (node, edge)
                    waiting.append(edge.to)
        return came


def of(profile: Profile) -> Circuit:
    """The graph of ``profile``, which is one variant as :func:`.kit.built` gives it."""
    circuit = Circuit()

    def join(
        a: str, b: str, cable: Cable | None = None, contact: Contact | None = None, part: str = ""
    ) -> None:
        circuit.edges.setdefault(a, []).append(Edge(b, cable, contact, part))
        circuit.edges.setdefault(b, []).append(Edge(a, cable, contact, part))

    for terminal in profile.terminals:
        if terminal.rail:
            join(terminal.terminal, f"rail:{terminal.rail}")
    for cable in profile.cables:
        for core in cable.cores:
            join(core.at, f"{cable.part}:{core.to}", cable)
    for part in profile.parts:
        for contact in part.contacts:
            a, b = contact.between
            join(f"{part.part}:{a}", f"{part.part}:{b}", contact=contact, part=part.part)
    return circuit


def sources(profile: Profile) -> dict[str, Part | None]:
    """Nodes that give current: the ``+`` of supplies with their part, and the header's rails with none."""
    found: dict[str, Part | None] = {"rail:3v3": None, "rail:5v": None}
    for part in profile.parts:
        if part.kind == "supply":
            found |= {f"{part.part}:{name}": part for name in part.terminals if name != "-"}
    return found


def returns(profile: Profile) -> set[str]:
    """Nodes where current goes back."""
    minus = {f"{part.part}:-" for part in profile.parts if part.kind == "supply"}
    return minus | {"rail:gnd"}


def fed(profile: Profile, circuit: Circuit, part: str, may: Pass = anywhere) -> bool:
    """Whether current can flow through the load ``part`` while only edges that ``may`` be passed conduct."""
    plus = circuit.reach(f"{part}:+", may)
    minus = circuit.reach(f"{part}:-", may)
    return not plus.isdisjoint(sources(profile)) and not minus.isdisjoint(returns(profile))
