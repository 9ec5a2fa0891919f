"""The World: the only door to time and chance.

Rules get ``now`` as a value; what runs gets a World. ``SystemWorld`` is the real one, ``ManualWorld`` the
one of tests and of virtual time; :mod:`pleintemps_contract.simclock` adds a clock that another process runs.
"""

import asyncio
import heapq
import itertools
import random
import secrets
import time
from typing import Literal, Protocol

Source = Literal["system", "simulated", "manual"]


class World(Protocol):
    """Time in whole milliseconds, randomness, new identifiers."""

    @property
    def source(self) -> Source:
        """Where the time comes from."""

    def now(self) -> int:
        """Wall time, Unix milliseconds UTC; may jump."""

    def monotonic(self) -> int:
        """Milliseconds since an arbitrary origin; never goes back."""

    async def sleep_until(self, monotonic: int) -> None:
        """Return when :meth:`monotonic` has reached ``monotonic``; at once if it has."""

    def random_bytes(self, count: int) -> bytes: ...

    def random_below(self, limit: int) -> int:
        """Uniform in ``range(limit)``."""

    def new_id(self) -> str:
        """128 random bits as 32 hexadecimal digits."""


class _Secure:
    """Randomness of the operating system."""

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def random_below(self, limit: int) -> int:
        return secrets.randbelow(limit)

    def new_id(self) -> str:
        return secrets.token_hex(16)


class SystemWorld(_Secure):
    """The machine's own clock."""

    source: Source = "system"

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> int:
        return time.monotonic_ns() // 1_000_000

    async def sleep_until(self, monotonic: int) -> None:
        while (left := monotonic - self.monotonic()) > 0:
            await asyncio.sleep(left / 1000)


class ManualWorld:
    """Time moves by :meth:`advance`, chance comes from a seed. For tests and virtual time, never for keys."""

    source: Source = "manual"

    def __init__(self, now: int = 1_700_000_000_000, seed: int = 0) -> None:
        self._now = now
        self._monotonic = 0
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    def monotonic(self) -> int:
        return self._monotonic

    async def sleep_until(self, monotonic: int) -> None:
        if monotonic <= self._monotonic:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (monotonic, next(self._order), done))
        await done

    def step_wall(self, milliseconds: int) -> None:
        """Make the wall clock jump; monotonic time does not notice."""
        self._now += milliseconds

    def move(self, milliseconds: int) -> None:
        """Let time pass for code that does not sleep."""
        self._now += milliseconds
        self._monotonic += milliseconds

    async def advance(self, milliseconds: int) -> None:
        """Let time pass, waking each sleeper at its own moment and in order."""
        end = self._monotonic + milliseconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, done = heapq.heappop(self._sleepers)
            self.move(max(0, due - self._monotonic))
            if not done.done():
                done.set_result(None)
            await self._settle()
        self.move(end - self._monotonic)
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(10):  # lets what a wake-up set in motion reach its next wait
            await asyncio.sleep(0)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def random_below(self, limit: int) -> int:
        return self._random.randrange(limit)

    def new_id(self) -> str:
        return self._random.randbytes(16).hex()
