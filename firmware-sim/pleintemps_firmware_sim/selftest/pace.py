"""A virtual clock that can keep the machine's time for a while: libosdp goes by the machine's clock alone."""

import select
from typing import Final

from pleintemps_firmware_sim.virtual.loop import VirtualLoop

_US: Final = 1_000_000


class PacedLoop(VirtualLoop):
    """A :class:`VirtualLoop` whose time takes as long as it says while it is ``real``."""

    def __init__(self) -> None:
        self.real = False
        self._us = 0
        super().__init__()

    @property
    def now_us(self) -> int:
        """Microseconds since the loop was made."""
        return self._us

    @now_us.setter
    def now_us(self, now: int) -> None:
        if self.real and now > self._us:
            select.select([], [], [], (now - self._us) / _US)
        self._us = now
