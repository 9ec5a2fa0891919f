"""Identity tokens, for the log-out at the provider alone: in memory, never in a cookie or the store."""

import threading
from collections import OrderedDict
from typing import Final

MAX_TOKEN: Final = 4_000
"""A longer one fits no address."""
_REMEMBERED: Final = 2_000


class Hints:
    """Each token under the hash of a secret that its browser holds, given once. Any thread may call.

    ``now`` and ``until`` are monotonic; what is forgotten early is missed by nobody: the provider asks.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def keep(self, key: str, token: str, until: int, now: int) -> None:
        if len(token) > MAX_TOKEN:
            return
        with self._lock:
            for old in [each for each, (_, end) in self._kept.items() if end <= now]:
                del self._kept[old]
            self._kept[key] = (token, until)
            if len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)

    def take(self, key: str, now: int) -> str:
        """The token, which is forgotten; empty if none is known or its time is over."""
        with self._lock:
            token, until = self._kept.pop(key, ("", now))
        return token if now < until else ""
