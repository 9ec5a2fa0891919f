"""HLK-LD2450 firmware (24 GHz tracking radar): up to three targets at 10 Hz, commands as the LD2410's.

    AA FF 03 00 | 3 x {x, y, speed, resolution} u16 | 55 CC        little-endian, no checksum

x, y and speed are sign and magnitude: bit 15 set is positive, clear negative. x and y in mm (y ahead), speed
in cm/s (negative comes nearer), resolution in mm; a free place is eight zero bytes. Hi-Link "LD2450 Serial
Communication Protocol" V1.03. It follows what moves: who keeps still is lost after a while.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot, radians, tan
from typing import Final

from .hilink import RESTART_MS, CommandLine, firmware

REPORT_HEAD: Final = bytes.fromhex("AAFF0300")
REPORT_TAIL: Final = bytes.fromhex("55CC")
PLACES: Final = 3
RANGE_MM: Final = 6_000
AZIMUTH_DEG: Final = 60
RESOLUTION_MM: Final = 360
LOST_MS: Final = 15_000
"""After so long without a movement a target is lost, as people report of still persons."""
FIRMWARE: Final = (1, 0x02, 0x2206_2416)
"""V1.02.22062416."""
_TYPE: Final = 0x0000
_SINGLE: Final = 1
_MULTI: Final = 2
_REGIONS: Final = struct.Struct("<H12h")
_SLOPE: Final = tan(radians(AZIMUTH_DEG))


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody in front of the radar: ``x_mm`` to the side, ``y_mm`` ahead, ``speed`` in cm/s, 0 is still."""

    x_mm: int
    y_mm: int
    speed: int = 0
    resolution_mm: int = RESOLUTION_MM


def _sign_magnitude(value: int) -> int:
    return value | 0x8000 if value > 0 else -value


def encode_report(targets: Iterable[Target]) -> bytes:
    """One report frame with at most three targets."""
    data = b"".join(
        struct.pack("<4H", *map(_sign_magnitude, (one.x_mm, one.y_mm, one.speed)), one.resolution_mm)
        for one in targets
    )
    return REPORT_HEAD + data.ljust(8 * PLACES, b"\0") + REPORT_TAIL


class Ld2450:
    """One module. It reports by itself; between 00FF and 00FE it only answers."""

    def __init__(self, now: int, version: tuple[int, int, int] = FIRMWARE) -> None:
        self._scene: tuple[Target, ...] = ()
        self._moved_at: dict[Target, int] = {}
        self._mode = _MULTI
        self._regions = bytes(_REGIONS.size)
        self.line = CommandLine(
            firmware(_TYPE, *version),
            {
                0x80: lambda _, __: self._set_mode(_SINGLE),
                0x90: lambda _, __: self._set_mode(_MULTI),
                0x91: lambda _, __: struct.pack("<H", self._mode),
                0xC1: lambda _, __: self._regions,
                0xC2: self._set_regions,
            },
            lambda _: self._moved_at.clear(),
            self._reset,
        )
        self.line.boot(now, 0)

    def see(self, targets: Iterable[Target], now: int) -> None:
        """Who stands or walks in front of the radar from now on."""
        before = self._moved_at
        self._scene = tuple(targets)
        # a place that nobody has left is no movement
        self._moved_at = {one: before.get(one, now) for one in self._scene}

    def restart(self, now: int) -> None:
        """Supply taken and given."""
        self.line.boot(now, RESTART_MS)

    def due(self) -> int | None:
        return self.line.due()

    def transmit(self, now: int) -> bytes:
        answers = self.line.answers(now)
        return answers + encode_report(self.followed(now)) if self.line.reports(now) else answers

    def receive(self, data: bytes, now: int) -> None:
        self.line.receive(data, now)

    def followed(self, now: int) -> tuple[Target, ...]:
        """The targets that it follows at ``now``, in its order."""
        found = []
        for one in self._scene:
            if one.speed:
                self._moved_at[one] = now
            moved = self._moved_at.get(one)
            if moved is not None and now - moved < LOST_MS and _is_covered(one) and self._wanted(one):
                found.append(one)
        return tuple(found[: 1 if self._mode == _SINGLE else PLACES])

    def _wanted(self, target: Target) -> bool:
        """Whether the regions let it through: type 0 all, 1 only those within, 2 only those without."""
        kind, *corners = _REGIONS.unpack(self._regions)
        if kind == 0:
            return True
        within = False
        for at in range(0, len(corners), 4):
            x1, y1, x2, y2 = corners[at : at + 4]
            within |= (
                (x1, y1, x2, y2) != (0, 0, 0, 0)
                and min(x1, x2) <= target.x_mm <= max(x1, x2)
                and min(y1, y2) <= target.y_mm <= max(y1, y2)
            )
        return bool(within) is (kind == 1)

    def _set_mode(self, mode: int) -> bytes:
        self._mode = mode
        return b""

    def _set_regions(self, value: bytes, _: int) -> bytes | None:
        if len(value) != _REGIONS.size or value[0] > 2 or value[1]:
            return None
        self._regions = value
        return b""

    def _reset(self) -> None:
        self._mode = _MULTI
        self._regions = bytes(_REGIONS.size)


def _is_covered(target: Target) -> bool:
    reach = hypot(target.x_mm, target.y_mm)
    return target.y_mm > 0 and reach <= RANGE_MM and abs(target.x_mm) <= target.y_mm * _SLOPE
