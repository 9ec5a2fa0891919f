"""The way between one agent and the broker, with what can be wrong with it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from pleintemps_contract.cores import Delivered
from pleintemps_contract.world import World

REMEMBERED: Final = 4_000
"""Messages to the agent that somebody on the way has copied."""


class _Line(Protocol):
    dead: bool

    def breaks(self, reason: str, *, said: bool = True) -> None: ...

    def dies(self) -> None: ...


class Path:
    """``broken``: no connection can be made. Messages are ``late_ms`` late, come ``twice``, or change places
    within ``shuffle_ms``.
    """

    def __init__(self, chance: World) -> None:
        self.lines: list[_Line] = []
        self.broken = False
        self.late_ms = 0
        self.twice = False
        self.shuffle_ms = 0
        self.copied: deque[Delivered] = deque(maxlen=REMEMBERED)
        self._chance = chance
        self._last = 0.0

    def send(self, arrive: Callable[[], None], after_s: float, topic: str) -> None:
        """Let ``arrive`` happen ``after_s`` from now, or as the faults of this way will have it."""
        if not (self.late_ms or self.twice or self.shuffle_ms or self._last):
            if after_s:
                asyncio.get_running_loop().call_later(after_s, arrive)
            else:
                arrive()
            return
        loop = asyncio.get_running_loop()
        for _ in range(2 if self.twice and topic else 1):
            at = loop.time() + after_s + self.late_ms / 1000
            if self.shuffle_ms and topic:
                at += self._chance.random_below(self.shuffle_ms + 1) / 1000
            else:  # in order, also behind what is still late
                at = max(at, self._last)
                self._last = at
            loop.call_at(at, arrive)
        if self._last <= loop.time() and not (self.late_ms or self.twice or self.shuffle_ms):
            self._last = 0.0

    def heard(self, message: Delivered) -> None:
        """Somebody listens along."""
        self.copied.append(message)

    def break_all(self, reason: str) -> None:
        """Every connection over this way breaks at once, on both ends."""
        for line in list(self.lines):
            line.breaks(reason)
