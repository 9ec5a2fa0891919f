"""SC18IM700: a serial port that is an I2C master, so that a chip on a bus is within reach of any program.

    S address+0 n d1 .. dn P          write                 R r .. P    its own registers
    S address+1 n P                   read n                W r d .. P  set them
    S address+0 n d1 .. dn S address+1 n P                  write, then read without a stop between

NXP, SC18IM700 data sheet rev. 2, section 7.1. It says OK at power-up; after each transfer register 0A holds
F0 (done) or F1 (no acknowledgement). What is left unfinished for 655 ms is forgotten. Times in monotonic ms.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

BAUD: Final = 9_600
_PATIENCE_MS: Final = 655
_REGISTERS: Final = bytes.fromhex("F00255550F0026131366F0")
_STATUS: Final = 0x0A
_DONE: Final = 0xF0
_NO_ADDRESS: Final = 0xF1
_MOST: Final = 600


class Chip(Protocol):
    """A chip on the bus."""

    def write(self, data: bytes, now: int) -> bool:
        """False where nobody acknowledges."""

    def read(self, count: int, now: int) -> bytes | None:
        """None where nobody acknowledges."""


class I2cBridge:
    """The bridge with ``chips`` by their 7 bit address on its bus."""

    def __init__(self, chips: Mapping[int, Chip], now: int) -> None:
        self._chips = chips
        self._registers = bytearray(_REGISTERS)
        self._buffer = bytearray()
        self._last_byte = now
        self._out: deque[tuple[int, bytes]] = deque([(now, b"OK")])

    def due(self) -> int | None:
        return self._out[0][0] if self._out else None

    def transmit(self, now: int) -> bytes:
        sent = bytearray()
        while self._out and self._out[0][0] <= now:
            sent += self._out.popleft()[1]
        return bytes(sent)

    def receive(self, data: bytes, now: int) -> None:
        if now - self._last_byte > _PATIENCE_MS:
            self._buffer.clear()
        self._last_byte = now
        self._buffer += data
        while self._buffer:
            used = self._message(bytes(self._buffer), now)
            if used == 0:
                del self._buffer[:-_MOST]
                return
            del self._buffer[:used]

    def _message(self, data: bytes, now: int) -> int:
        """Carry out the first message; how many bytes it had, 0 if it is not complete."""
        match data[:1]:
            case b"S":
                return self._transfers(data, now)
            case b"R":
                end = data.find(b"P", 1)
                if end > 0:
                    known = [place for place in data[1:end] if place < len(self._registers)]
                    self._out.append((now, bytes(self._registers[place] for place in known)))
                return max(0, end + 1)
            case b"W":
                at = 1
                while at < len(data) and data[at] != ord("P"):
                    at += 2
                if at < len(data):
                    for place, value in zip(data[1:at:2], data[2:at:2], strict=True):
                        if place < _STATUS:
                            self._registers[place] = value
                    return at + 1
                return 0
            case _:
                return 1

    def _transfers(self, data: bytes, now: int) -> int:
        transfers: list[tuple[int, int, bytes]] = []
        at = 0
        while data[at : at + 1] == b"S":
            if len(data) < at + 3:
                return 0
            address, count = data[at + 1], data[at + 2]
            end = at + 3 + (0 if address & 1 else count)
            if len(data) < end + 1:
                return 0
            transfers.append((address, count, data[at + 3 : end]))
            at = end
        if data[at : at + 1] != b"P":
            return 1
        self._registers[_STATUS] = _DONE
        for address, count, given in transfers:
            if not self._transfer(address, count, given, now):
                self._registers[_STATUS] = _NO_ADDRESS
                break
        return at + 1

    def _transfer(self, address: int, count: int, given: bytes, now: int) -> bool:
        chip = self._chips.get(address >> 1)
        if chip is None:
            return False
        if not address & 1:
            return chip.write(given, now)
        found = chip.read(count, now)
        if found is None:
            return False
        self._out.append((now, found))
        return True
