"""Frames on the wire, read as a person wants to see them: fields by the names that the simulated devices use.

A framer takes bytes as they come, in any pieces, and gives back frames; what is none comes back as such.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from pleintemps_firmware_sim.errors import ControlError

from . import hilink_frames, modbus_frames, osdp_frames

MOST_WAITING: Final = 2_048
"""Bytes without a frame in them; older ones are given up."""


class Decoded(NamedTuple):
    """One frame. ``ok`` false: its check fails, or ``raw`` is no frame; ``name`` says which."""

    name: str
    fields: dict[str, str]
    raw: bytes
    ok: bool = True


Find = Callable[[bytes, bool], tuple[int, str, dict[str, str], bool]]
"""Bytes, and whether the device sent them, to: length of the frame at their front (0 wait for more, -1 none
begins there), name, fields, whether its check is good.
"""

PROTOCOLS: Final[Mapping[str, Find]] = {
    "ld2410": hilink_frames.ld2410,
    "ld2450": hilink_frames.ld2450,
    "modbus": modbus_frames.find,
    "osdp": osdp_frames.find,
}


class Framer:
    """One direction of one line; raises ControlError for a protocol that nobody knows."""

    def __init__(self, protocol: str, *, out: bool) -> None:
        """``out``: it is the device that sends."""
        if protocol not in PROTOCOLS:
            raise ControlError(f"no protocol {protocol!r}: there are {', '.join(PROTOCOLS)}")
        self._find = PROTOCOLS[protocol]
        self._out = out
        self._waiting = b""

    def feed(self, data: bytes) -> list[Decoded]:
        """Frames that are whole now, with what lay between them."""
        self._waiting += data
        found: list[Decoded] = []
        skipped = 0
        while skipped < len(self._waiting):
            rest = self._waiting[skipped:]
            length, name, fields, ok = self._find(rest, self._out)
            if length < 0:
                skipped += 1
                continue
            if length == 0 and len(rest) <= MOST_WAITING:
                break
            if length == 0:
                skipped += 1
                continue
            found += self._junk(skipped)
            found.append(Decoded(name, fields, rest[:length], ok))
            self._waiting, skipped = rest[length:], 0
        found += self._junk(skipped)
        return found

    def end(self) -> list[Decoded]:
        """The line has been silent: what waits is no frame."""
        return self._junk(len(self._waiting))

    def _junk(self, count: int) -> list[Decoded]:
        if not count:
            return []
        junk, self._waiting = self._waiting[:count], self._waiting[count:]
        return [Decoded("no frame", {}, junk, ok=False)]


def decode(protocol: str, data: bytes, *, out: bool = True) -> list[Decoded]:
    """All frames in ``data``; raises ControlError for a protocol that nobody knows."""
    framer = Framer(protocol, out=out)
    return framer.feed(data) + framer.end()
