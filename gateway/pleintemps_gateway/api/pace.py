"""How often one address may ask what anybody may ask. Pure: now comes in, state stays bounded."""

import threading
from collections import OrderedDict
from typing import Final

BURST: Final = 40
"""So many at once."""
EACH_MS: Final = 500
"""And then one every half second."""
_REMEMBERED: Final = 10_000


class Pace:
    """Counts requests by address. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at: OrderedDict[str, int] = OrderedDict()

    def wait(self, address: str, now: int) -> int:
        """Milliseconds still to wait; 0 lets the request through and counts it. ``now`` is monotonic."""
        with self._lock:
            at = max(now, self._free_at.get(address, now))
            ahead = at + EACH_MS - now
            if ahead > BURST * EACH_MS:
                return ahead - BURST * EACH_MS
            self._free_at[address] = at + EACH_MS
            self._free_at.move_to_end(address)
            if len(self._free_at) > _REMEMBERED:
                self._free_at.popitem(last=False)
            return 0
