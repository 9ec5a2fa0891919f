"""How often one address may ask what anybody may ask, and how much of a flood is written down.

Pure: now comes in, state stays bounded."""

import threading
from collections import OrderedDict
from typing import Final

BURST: Final = 40
"""So many at once."""
EACH_MS: Final = 500
"""And then one every half second."""
_REMEMBERED: Final = 10_000


class Pace:
    """Counts requests by address: ``burst`` at once, then one every ``each_ms``. Any thread may call."""

    def __init__(self, burst: int = BURST, each_ms: int = EACH_MS) -> None:
        self._burst_ms, self._each_ms = burst * each_ms, each_ms
        self._lock = threading.Lock()
        self._free_at: OrderedDict[str, int] = OrderedDict()

    def wait(self, address: str, now: int) -> int:
        """Milliseconds still to wait; 0 lets the request through and counts it. ``now`` is monotonic."""
        with self._lock:
            at = max(now, self._free_at.get(address, now))
            ahead = at + self._each_ms - now
            if ahead > self._burst_ms:
                return ahead - self._burst_ms
            self._free_at[address] = at + self._each_ms
            self._free_at.move_to_end(address)
            if len(self._free_at) > _REMEMBERED:
                self._free_at.popitem(last=False)
            return 0

    def give_back(self, address: str) -> None:
        """What was counted last turned out to be none."""
        with self._lock:
            if address in self._free_at:
                self._free_at[address] -= self._each_ms


class Sample:
    """What of a flood is written down: as :class:`Pace`, of all addresses together. Any thread may call."""

    def __init__(self, burst: int, each_ms: int) -> None:
        self._pace = Pace(burst, each_ms)
        self._lock = threading.Lock()
        self._left_out = 0

    def admit(self, now: int) -> int | None:
        """How many were left out before this one; None if it is left out too. ``now`` is monotonic."""
        with self._lock:
            if self._pace.wait("", now):
                self._left_out += 1
                return None
            left_out, self._left_out = self._left_out, 0
            return left_out
