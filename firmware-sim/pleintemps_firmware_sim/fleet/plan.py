"""Names of a fleet's sites, agents, spaces, doors and series. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from pleintemps_contract.units import Quantity, SeriesKind

SERIES: Final = (
    ("level", Quantity.LEVEL, SeriesKind.LEVEL),
    ("motion", Quantity.MOTION, SeriesKind.STATE),
    ("radar", Quantity.RADAR, SeriesKind.STATE),
)
"""The three sensors of every space: end of their names, quantity, kind."""
MOST_PER_AGENT: Final = 64
"""Spaces, each with a door and three series: the contract allows 64 doors and 256 series."""


class AgentPlan(NamedTuple):
    """One agent with its spaces; each has a door of its own from the street."""

    site: str
    agent: str
    spaces: tuple[str, ...]


class FleetPlan(NamedTuple):
    """``sites`` with ``spaces`` each, ``per_agent`` of them at one agent."""

    sites: int
    spaces: int
    per_agent: int = 4

    def site_names(self) -> list[str]:
        return [f"site-{number}" for number in range(1, self.sites + 1)]

    def agents_of(self, site: str) -> Iterator[AgentPlan]:
        """The agents of one site; their names are unique in the whole fleet, as their key folders are."""
        spaces = [f"room-{number}" for number in range(1, self.spaces + 1)]
        for number, start in enumerate(range(0, self.spaces, self.per_agent), 1):
            yield AgentPlan(site, f"{site}-{number}", tuple(spaces[start : start + self.per_agent]))

    def agents(self) -> list[AgentPlan]:
        return [agent for site in self.site_names() for agent in self.agents_of(site)]


def door_of(space: str) -> str:
    return f"door-{space}"


def series_of(space: str, end: str) -> str:
    return f"{space}-{end}"
