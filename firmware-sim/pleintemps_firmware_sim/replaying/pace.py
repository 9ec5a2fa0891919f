"""A virtual loop at a chosen speed of life."""

import threading
from typing import Final

from pleintemps_firmware_sim.virtual.loop import VirtualLoop

_US: Final = 1_000_000


class PacedLoop(VirtualLoop):
    """``speed`` simulated seconds take one second, and what the work itself takes."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._us = 0
        self._never = threading.Event()
        super().__init__()

    @property
    def now_us(self) -> int:
        """Microseconds since the loop was made."""
        return self._us

    @now_us.setter
    def now_us(self, now: int) -> None:
        if now > self._us:
            self._never.wait((now - self._us) / _US / self._speed)
        self._us = now
