"""Configurations, and agents with a fault of their own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pleintemps_contract import cores
from pleintemps_contract.world import World
from pleintemps_firmware_sim.conform.requirement import Outcome
from pleintemps_firmware_sim.conform.running import conform, wanted
from pleintemps_firmware_sim.conform.setup import Setup

EXAMPLE = Path("edge/pleintemps_edge/examples/edge.toml")
EDGE: cores.MakeAgent = cores.load("edge")


def changed(tmp_path: Path, *changes: tuple[str, str], source: Path = EXAMPLE) -> Setup:
    """The example with other lines."""
    text = source.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return Setup.read(path)


def outcomes(setup: Setup, *only: str, make: Any = EDGE) -> dict[str, list[Outcome]]:
    """Outcomes by requirement."""
    found: dict[str, list[Outcome]] = {}
    for outcome in conform(setup, wanted(only), make):
        found.setdefault(outcome.requirement, []).append(outcome)
    return found


class Wrapped:
    """The core ``edge`` with other rims."""

    def __init__(self, core: cores.AgentCore) -> None:
        self._core = core

    async def run(self, stop: asyncio.Event) -> None:
        await self._core.run(stop)

    @property
    def waiting(self) -> int:
        return self._core.waiting

    def rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        return self._core.rows()


class Forgetful(Wrapped):
    """Loses its state folder with each start: throttle, journal, fire hold."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        for file in (config.parent / "state").glob("*"):
            file.unlink()
        super().__init__(EDGE(config, world, rims))
