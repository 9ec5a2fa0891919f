"""A virtual loop at a chosen speed of life."""

import selectors
import threading
from typing import Any

from pleintemps_firmware_sim.virtual.loop import VirtualLoop


class _Waiting:
    """Waits as long as the loop would have slept, shortened by ``speed``."""

    def __init__(self, inner: selectors.BaseSelector, speed: float) -> None:
        self._inner = inner
        self._speed = speed
        self._never = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            self._never.wait(timeout / self._speed)
        return self._inner.select(timeout)


class PacedLoop(VirtualLoop):
    """``speed`` simulated seconds take one second, and what the work itself takes."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._selector: Any = _Waiting(self._selector, speed)
