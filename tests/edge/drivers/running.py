"""Runs one driver and collects what it says; waits for conditions, never for time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.drivers.base import Driver, HealthChanged, Observation, Sampled
from pleintemps_edge.drivers.registry import Context, Made, build

_DEADLINE_S = 10.0
T = TypeVar("T")


class Seen:
    """Everything a driver said, in order."""

    def __init__(self) -> None:
        self.all: list[Observation] = []
        self._more = asyncio.Event()

    def take(self, observation: Observation) -> None:
        self.all.append(observation)
        self._more.set()

    def of(self, kind: type[T]) -> list[T]:
        return [observation for observation in self.all if isinstance(observation, kind)]

    @property
    def values(self) -> list[float]:
        return [sampled.value for sampled in self.of(Sampled)]

    @property
    def health(self) -> list[Health]:
        return [changed.health for changed in self.of(HealthChanged)]

    async def until(self, condition: Callable[["Seen"], bool]) -> None:
        """Return when ``condition`` holds; TimeoutError if it does not come true."""
        async with asyncio.timeout(_DEADLINE_S):
            while not condition(self):
                self._more.clear()
                await self._more.wait()


async def settled() -> None:
    """Let what is ready on the loop run."""
    for _ in range(10):
        await asyncio.sleep(0)


def built(context: Context, kind: type[T], **table: Any) -> T:
    """The device of ``table``, which is a ``kind``."""
    made: Made = build(table, context)
    assert isinstance(made, kind)
    return made


@asynccontextmanager
async def running(driver: Driver) -> AsyncIterator[Seen]:
    """``driver`` at work; afterwards it is cancelled, and an error of it is raised here."""
    seen = Seen()
    task = asyncio.create_task(driver.run(seen.take))
    try:
        await settled()
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()
