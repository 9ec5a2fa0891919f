"""The agent as a core that somebody else runs, see :mod:`pleintemps_contract.cores`."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.cores import AgentRims
from pleintemps_contract.world import World

from .agent import Agent
from .config import Setup, load

_TABLES: Final = {
    "events.db": ("journal", "events", "state", "pages"),
    "samples.db": ("journal", "batches"),
}


class Core:
    """One agent on its files."""

    def __init__(self, setup: Setup, world: World, rims: AgentRims) -> None:
        self._state = setup.state
        self._agent = Agent(setup, world, world, rims)

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; cancelled is a power cut."""
        await self._agent.run_until_cut(stop)

    @property
    def waiting(self) -> int:
        return self._agent.waiting

    def rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Every row of its journals."""
        for file, tables in _TABLES.items():
            with closing(sqlite3.connect(self._state / file)) as connection:
                for table in tables:
                    query = f"SELECT * FROM {table} ORDER BY 1"  # noqa: S608 - names of our own
                    for row in connection.execute(query):
                        yield f"{file}/{table}", row


def make(config: Path, world: World, rims: AgentRims) -> Core:
    """The agent of ``config``; raises SetupError, StateError or ConfigError."""
    return Core(load(config), world, rims)
