"""A keeper with a disk that commits when it is told to and a lock that writes down what it does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pleintemps_contract.agent_messages import (
    Event,
)
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.door import (
    Plan,
)
from pleintemps_edge.drivers.base import Feedback
from pleintemps_edge.keeper import Keeper

GRANT = "1" * 32


class Disk:
    """Commits when it is told to: at once, never, or when ``finish`` is called."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.events: list[Event] = []
        self.state: dict[str, bytes] = {}
        self.quick = True
        self.waiting: list[asyncio.Future[int]] = []

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.events += events
        self.state |= state or {}
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        if self.quick:
            self.finish()
        return future

    def finish(self) -> None:
        for future in self.waiting:
            if not future.done():
                self.log.append("commit")
                future.set_result(0)

    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


class Bolt:
    device = "strike"
    confirms = False
    frees_when_idle = False

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def release(self) -> None:
        self.log.append("release")

    def secure(self) -> None:
        self.log.append("secure")

    def idle(self) -> None:
        self.log.append("idle")

    def close(self) -> None:
        self.log.append("close")


class Scene:
    def __init__(self, kept: bytes | None = None, lock: type[Bolt] = Bolt) -> None:
        self.log: list[str] = []
        self.world = ManualWorld()
        self.disk = Disk(self.log)
        self.shown: list[tuple[str, Feedback]] = []
        self.keeper = Keeper(
            "hall",
            Plan(),
            lock(self.log),
            self.world,
            self.disk,
            kept,
            lambda door, feedback: self.shown.append((door, feedback)),
        )


def play(story: Callable[[Scene], Awaitable[None]], scene: Scene | None = None) -> None:
    async def run() -> None:
        mine = scene or Scene()
        task = asyncio.create_task(mine.keeper.run())
        await mine.world.advance(0)
        try:
            await story(mine)
        finally:
            task.cancel()

    asyncio.run(run())
