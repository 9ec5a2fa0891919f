"""Failed log-ins wait longer and longer, per name and address. Pure: now comes in, state stays bounded."""

import threading
from collections import OrderedDict
from typing import Final

FREE_FAILURES: Final = 3
FIRST_WAIT_MS: Final = 1_000
LONGEST_WAIT_MS: Final = 300_000
_REMEMBERED: Final = 10_000


class LoginThrottle:
    """Counts an attempt before it is checked, so that many at once count as many.

    ``first_wait_ms`` is the wait after ``FREE_FAILURES``; it doubles with every further one.
    """

    def __init__(self, first_wait_ms: int = FIRST_WAIT_MS) -> None:
        self._first_wait_ms = first_wait_ms
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def begin(self, name: str, address: str, now: int) -> int:
        """Milliseconds still to wait; 0 lets it through and counts it as failed. ``now`` is monotonic."""
        key = (name.casefold(), address)
        with self._lock:
            count, last = self._failures.get(key, (0, now))
            wait = last + delay_ms(count, self._first_wait_ms) - now
            if wait > 0:
                return wait
            self._failures[key] = (count + 1, now)
            self._failures.move_to_end(key)
            if len(self._failures) > _REMEMBERED:
                self._failures.popitem(last=False)
            return 0

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from this address."""
        with self._lock:
            self._failures.pop((name.casefold(), address), None)


def delay_ms(failures: int, first_wait_ms: int = FIRST_WAIT_MS) -> int:
    """Wait after so many failures: none for the first three, then 1 s (or ``first_wait_ms``), doubled each
    time up to 5 min.
    """
    if failures < FREE_FAILURES:
        return 0
    return min(LONGEST_WAIT_MS, first_wait_ms << min(failures - FREE_FAILURES, 20))
