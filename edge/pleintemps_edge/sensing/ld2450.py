"""Reports of the HLK-LD2450 tracking radar, and what they tell of a room.

    AA FF 03 00  3 x {x, y, speed, resolution} u16  55 CC

Little-endian; x, y and speed are sign and magnitude: bit 15 set is positive, clear negative. x and y in mm (y
is ahead), speed in cm/s, resolution in mm; a free place is eight zero bytes. There is no checksum, so what
lies outside the radar's coverage (6 m, 60 degrees to each side) is dropped. Source: Hi-Link, "LD2450 Serial
Communication Protocol" V1.03.

The radar follows what moves: that it follows nobody does not prove an empty room, and a place is no person.
"""

import struct
from dataclasses import dataclass
from math import hypot, radians, tan
from typing import Final

PLACES: Final = 3
SETTLE_MS: Final = 500
"""A count is believed once five reports in a row had it: targets flicker, and jump between places."""

_HEAD: Final = b"\xaa\xff\x03\x00"
_TAIL: Final = b"\x55\xcc"
_LENGTH: Final = 30
_PLACE: Final = struct.Struct("<4H")
_SIGN: Final = 0x8000
_REACH_MM: Final = 6_000
_SLOPE: Final = tan(radians(60))
_FASTEST: Final = 1_500
"""cm/s; nobody runs faster."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where it is in mm, ``y_mm`` ahead, and how fast it moves away (cm/s)."""

    x_mm: int
    y_mm: int
    speed: int


class Reader:
    """Finds reports in a stream of bytes: starts anywhere, drops one byte at a time where nothing fits."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Target, ...]]:
        """The targets of each report that ``data`` completes; what else comes is skipped, never raises."""
        self._buffer += data
        found = []
        start = 0
        while (start := self._buffer.find(_HEAD, start)) >= 0 and start + _LENGTH <= len(self._buffer):
            end = start + _LENGTH
            if self._buffer[end - len(_TAIL) : end] == _TAIL:
                found.append(targets(bytes(self._buffer[start + len(_HEAD) : end - len(_TAIL)])))
                start = end
            else:
                start += 1
        # without a header in sight three bytes may still be the beginning of one
        del self._buffer[: start if start >= 0 else max(0, len(self._buffer) - len(_HEAD) + 1)]
        return found


def targets(places: bytes) -> tuple[Target, ...]:
    """The plausible targets of a report's three places (24 bytes)."""
    found = []
    for x, y, speed, _ in _PLACE.iter_unpack(places):
        target = Target(_signed(x), _signed(y), _signed(speed))
        if (
            target.y_mm > 0
            and hypot(target.x_mm, target.y_mm) <= _REACH_MM
            and abs(target.x_mm) <= target.y_mm * _SLOPE
            and abs(target.speed) <= _FASTEST
        ):
            found.append(target)
    return tuple(found)


def _signed(value: int) -> int:
    return value - _SIGN if value & _SIGN else -value


@dataclass(frozen=True, slots=True)
class Told:
    """What is new; None is as before."""

    targets: int | None = None
    motion: int | None = None


class Tracker:
    """Counts that stood for 0.5 s, and motion that stays for ``hold_ms`` after the last target was followed,
    as a motion sensor's does. Times in monotonic ms.
    """

    def __init__(self, hold_ms: int) -> None:
        self._hold = hold_ms
        self.forget()

    def forget(self) -> None:
        """The radar was silent: all it said is over."""
        self._count: int | None = None
        self._since = 0
        self._targets: int | None = None
        self._motion: int | None = None
        self._last = 0

    def take(self, count: int, now: int) -> Told:
        """A report with ``count`` targets has come."""
        if count != self._count:
            self._count, self._since = count, now
        told_targets = told_motion = None
        if now - self._since >= SETTLE_MS and count != self._targets:
            self._targets = told_targets = count
        if self._targets:
            self._last = now
        motion = self._motion
        if self._targets is not None:
            motion = int(self._targets > 0 or (bool(motion) and now - self._last < self._hold))
        if motion != self._motion:
            self._motion = told_motion = motion
        return Told(told_targets, told_motion)
