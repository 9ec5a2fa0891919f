"""Reports of the HLK-LD2410 / B / C presence radar.

    report           F4 F3 F2 F1  length u16  type AA status ... 55 00  F8 F7 F6 F5
    command and ACK  FD FC FB FA  length u16  ...                      04 03 02 01

Little-endian; no checksum, so every fixed byte and every range is checked. Source: Hi-Link, "LD2410C Serial
Communication Protocol" V1.07.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

_REPORT: Final = b"\xf4\xf3\xf2\xf1"
_COMMAND: Final = b"\xfd\xfc\xfb\xfa"
_TAILS: Final = {_REPORT: b"\xf8\xf7\xf6\xf5", _COMMAND: b"\x04\x03\x02\x01"}
_MAX_PAYLOAD: Final = 64
_BASIC: Final = struct.Struct("<BBBHBHBH")
_GATES: Final = 9
_LENGTHS: Final = {0x02: 0x0D, 0x01: 0x23}
_MAX_ENERGY: Final = 100


class Status(IntEnum):
    """What the radar says of its view. The last three belong to its noise calibration: no presence then."""

    NOBODY = 0
    MOVING = 1
    STILL = 2
    BOTH = 3
    CALIBRATING = 4
    CALIBRATED = 5
    CALIBRATION_FAILED = 6


@dataclass(frozen=True, slots=True)
class Target:
    """Distance in cm, energy 0 to 100."""

    distance_cm: int
    energy: int


@dataclass(frozen=True, slots=True)
class Report:
    """``moving`` and ``still`` only where the status says so: what a report without them carries is stale."""

    status: Status
    moving: Target | None
    still: Target | None


class Reader:
    """Finds reports in a stream of bytes: starts anywhere, drops one byte at a time where nothing fits."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Report]:
        """The reports that ``data`` completes. Command and ACK frames are skipped; garbage never raises."""
        if not self._buffer and data.startswith(_REPORT) and data.endswith(_TAILS[_REPORT]):
            whole = len(data) == 10 + int.from_bytes(data[4:6], "little")
            if whole and (only := parse(data[6:-4])) is not None:
                return [only]
        self._buffer += data
        found: list[Report] = []
        start = 0
        while (start := self._header(start)) + 6 <= len(self._buffer):
            head = bytes(self._buffer[start : start + 4])
            length = int.from_bytes(self._buffer[start + 4 : start + 6], "little")
            end = start + 6 + length + 4
            if length > _MAX_PAYLOAD:
                start += 1
            elif end > len(self._buffer):
                break
            elif self._buffer[end - 4 : end] != _TAILS[head]:
                start += 1
            elif head == _COMMAND:
                start = end
            elif (report := parse(bytes(self._buffer[start + 6 : end - 4]))) is not None:
                found.append(report)
                start = end
            else:
                start += 1
        del self._buffer[:start]
        return found

    def _header(self, start: int) -> int:
        """Where the next header, or the beginning of one, stands from ``start`` on."""
        places = [at for head in _TAILS if (at := self._buffer.find(head, start)) >= 0]
        if places:
            return min(places)
        for left in (3, 2, 1):
            rest = bytes(self._buffer[max(start, len(self._buffer) - left) :])
            if len(rest) == left and any(head.startswith(rest) for head in _TAILS):
                return len(self._buffer) - left
        return len(self._buffer)


# where nobody moves a report is like the one before
@lru_cache(maxsize=64)
def parse(payload: bytes) -> Report | None:
    """The payload of a report frame (0x0D or 0x23 bytes), or None if it is not plausible."""
    if len(payload) < _BASIC.size or len(payload) != _LENGTHS.get(payload[0]):
        return None
    _, head, status, move_cm, move_energy, still_cm, still_energy, _ = _BASIC.unpack_from(payload)
    gates = payload[_BASIC.size + 2 : _BASIC.size + 2 + 2 * _GATES] if payload[0] == 0x01 else b""
    energies = bytes((move_energy, still_energy)) + gates
    if head != 0xAA or payload[-2:] != b"\x55\x00" or status > max(Status) or max(energies) > _MAX_ENERGY:
        return None
    seen = status if status <= Status.BOTH else Status.NOBODY
    return Report(
        Status(status),
        Target(move_cm, move_energy) if seen & Status.MOVING else None,
        Target(still_cm, still_energy) if seen & Status.STILL else None,
    )
