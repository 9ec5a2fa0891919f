"""What goes wrong on a serial line between a device and its reader."""

from collections import deque
from enum import StrEnum
from typing import Final

from .serial_core import SerialCore

SPLIT_MS: Final = 40
"""From the first part of a split frame to the second: longer than any reader reads in one go."""


class LineFault(StrEnum):
    """What happens to a whole piece of what the device sends at one moment, usually one frame."""

    CUT = "cut"
    """Its second half is lost."""
    HEADLESS = "headless"
    """Its first half is lost: a reader begins in the middle of a frame."""
    BAD_TAIL = "bad-tail"
    """Its last byte is another one."""
    SPLIT = "split"
    """It comes in two parts."""
    GLUE = "glue"
    """It comes together with the next one."""
    DROP = "drop"
    """It is lost."""
    TWICE = "twice"
    """It comes twice."""


class FaultyLine:
    """A device with its line; faults are used up, one piece each, in order."""

    def __init__(self, core: SerialCore) -> None:
        self._core = core
        self._faults: deque[LineFault] = deque()
        self._held = b""
        self._later: deque[tuple[int, bytes]] = deque()

    def spoil(self, fault: LineFault, count: int) -> None:
        """The next ``count`` pieces suffer ``fault``."""
        self._faults.extend([fault] * count)

    def receive(self, data: bytes, now: int) -> None:
        self._core.receive(data, now)

    def due(self) -> int | None:
        own = self._core.due()
        if not self._later:
            return own
        return self._later[0][0] if own is None else min(own, self._later[0][0])

    def transmit(self, now: int) -> bytes:
        sent = bytearray()
        while self._later and self._later[0][0] <= now:
            sent += self._later.popleft()[1]
        if data := self._core.transmit(now):
            if self._later:
                # bytes keep their order: the rest of a split piece goes first
                sent += b"".join(part for _, part in self._later)
                self._later.clear()
            sent += self._spoilt(data, now)
        return bytes(sent)

    def _spoilt(self, data: bytes, now: int) -> bytes:
        fault = self._faults.popleft() if self._faults else None
        if fault is LineFault.GLUE:
            self._held += data
            return b""
        data, self._held = self._held + data, b""
        half = len(data) // 2
        match fault:
            case LineFault.CUT:
                return data[:half]
            case LineFault.HEADLESS:
                return data[half:]
            case LineFault.BAD_TAIL:
                return data[:-1] + bytes((data[-1] ^ 0xFF,))
            case LineFault.SPLIT:
                self._later.append((now + SPLIT_MS, data[half:]))
                return data[:half]
            case LineFault.DROP:
                return b""
            case LineFault.TWICE:
                return data + data
        return data
