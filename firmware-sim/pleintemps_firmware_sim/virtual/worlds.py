"""The clocks of a play: the true time, and what each agent takes for it. All come from the loop's time."""

import asyncio
import hashlib
from typing import Final

from pleintemps_contract.world import ManualWorld, Source

from .loop import VirtualLoop

_US: Final = 1_000


def chance_of(seed: int, name: str) -> ManualWorld:
    """Chance that depends on the seed and on whose it is, and on nothing else."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return ManualWorld(seed=int.from_bytes(digest, "big"))


class VirtualWorld:
    """A World on the running :class:`VirtualLoop`. ``begin`` is the wall time (Unix ms) at its beginning."""

    source: Source = "manual"

    def __init__(self, begin: int, seed: int, name: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self._offset = begin - loop.now_us // _US
        self._chance = chance_of(seed, name)

    def now(self) -> int:
        return self._loop.now_us // _US + self._offset

    def monotonic(self) -> int:
        return self._loop.now_us // _US

    async def sleep_until(self, monotonic: int) -> None:
        if monotonic * _US > self._loop.now_us:
            await self._loop.until(monotonic / 1000)

    def step(self, milliseconds: int) -> None:
        """Make the wall clock leap."""
        self._offset += milliseconds

    def random_bytes(self, count: int) -> bytes:
        return self._chance.random_bytes(count)

    def random_below(self, limit: int) -> int:
        return self._chance.random_below(limit)

    def new_id(self) -> str:
        return self._chance.new_id()
