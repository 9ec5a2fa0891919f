"""Keeps the parts of a gateway alive: one that ends is started again, at growing pauses."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final, Protocol

from pleintemps_contract.logs import line
from pleintemps_contract.world import World

USAGE_ERROR: Final = 2
"""Exit code of a part that cannot work as it is configured: another start would say the same."""
FIRST_MS: Final = 1_000
LONGEST_MS: Final = 30_000
BACK_MS: Final = 5_000
"""A part that was started again and lives so long is back."""
STEADY_MS: Final = 60_000
"""After so long a life the next pause is the first one again."""
_PATIENCE_S: Final = 4.0

_log = logging.getLogger(__name__)


class Child(Protocol):
    """A started process, as asyncio gives it."""

    async def wait(self) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


Start = Callable[[str], Awaitable[Child]]


class Pauses:
    """How long to wait before the next start: from 1 s, twice as long each time, to 30 s."""

    def __init__(self) -> None:
        self._next = FIRST_MS

    def after(self, lived_ms: int) -> int:
        """The pause in ms after a life of ``lived_ms``."""
        if lived_ms >= STEADY_MS:
            self._next = FIRST_MS
        pause, self._next = self._next, min(2 * self._next, LONGEST_MS)
        return pause


async def supervise(
    parts: Sequence[str], start: Start, world: World, stop: asyncio.Event, spare: Collection[str] = ()
) -> int:
    """Keep every part alive until ``stop``, then end them all; returns the exit code.

    A part that ends with ``USAGE_ERROR`` has said why and is not started again: that ends all, unless it is
    ``spare``: doors and alerts do without it.
    """
    codes = await asyncio.gather(*(_keep(part, start, world, stop, part in spare) for part in parts))
    return max(codes, default=0)


async def _keep(part: str, start: Start, world: World, stop: asyncio.Event, spare: bool) -> int:
    pauses, down = Pauses(), False
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            born = world.monotonic()
            child = await start(part)
            ended = asyncio.ensure_future(child.wait())
            if down and not await _within(BACK_MS, world, ended, stopped):
                down = False
                _log.info(line("process-back", part=part))
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                await _end(child, ended)
                return 0
            if ended.result() == USAGE_ERROR and spare:
                _log.error(line("process-missing", part=part, code=USAGE_ERROR))
                return 0
            if ended.result() == USAGE_ERROR:
                stop.set()
                return USAGE_ERROR
            pause = pauses.after(world.monotonic() - born)
            if not down:
                down = True
                _log.error(line("process-ended", part=part, code=ended.result()))
            await _within(pause, world, stopped)
    finally:
        stopped.cancel()
    return 0


async def _within(limit_ms: int, world: World, *events: "asyncio.Future[Any]") -> bool:
    """Whether one of ``events`` comes within ``limit_ms``."""
    timer = asyncio.ensure_future(world.sleep_until(world.monotonic() + limit_ms))
    await asyncio.wait((timer, *events), return_when=asyncio.FIRST_COMPLETED)
    timer.cancel()
    return any(event.done() for event in events)


async def _end(child: Child, ended: "asyncio.Future[int]") -> None:
    if not ended.done():
        child.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(ended), _PATIENCE_S)
    except TimeoutError:
        child.kill()
        await ended
