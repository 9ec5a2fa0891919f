"""What the bytes of a radar say of its line and of an empty room. Pure.

The LD2410's engineering reports carry the energy of every gate. They are switched on over the same line for
some seconds, without being kept by the radar (0062, 0063), and its own sensitivities are read (0061):

    FD FC FB FA  length u16  word u16 [value]  04 03 02 01        Hi-Link LD2410C protocol V1.07
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pleintemps_edge.sensing import ld2410, ld2450

_REPORT: Final = b"\xf4\xf3\xf2\xf1"
_TAIL: Final = b"\xf8\xf7\xf6\xf5"
_COMMAND: Final = b"\xfd\xfc\xfb\xfa"
_COMMAND_TAIL: Final = b"\x04\x03\x02\x01"
_ENGINEERING: Final = 0x23
_GATES: Final = 9
_ENERGIES_AT: Final = 13
"""In the payload of an engineering report: after the basic part and two gate numbers."""
_PARAMETERS: Final = b"\x61\x01"
_LIMITS_AT: Final = 8
"""In the answer to 0061: after word, status, AA, the number of gates and the two in use."""
_LD2450_BYTES: Final = 30


def command(word: int, value: bytes = b"") -> bytes:
    """One command frame."""
    data = word.to_bytes(2, "little") + value
    return _COMMAND + len(data).to_bytes(2, "little") + data + _COMMAND_TAIL


BEGIN: Final = (command(0xFF, b"\x01\x00"), command(0x61), command(0x62), command(0xFE))
"""Read the sensitivities, report every gate."""
END: Final = (command(0xFF, b"\x01\x00"), command(0x63), command(0xFE))


@dataclass(frozen=True, slots=True)
class Line:
    """How a radar reports: times of its good reports (ms), bytes in all and those that belong to no frame."""

    reports: tuple[int, ...]
    total: int
    astray: int

    @property
    def errors(self) -> float:
        """Bytes astray in percent."""
        return 100 * self.astray / self.total if self.total else 0.0

    def rate(self, milliseconds: int) -> float:
        """Reports a second."""
        return 1000 * len(self.reports) / milliseconds if milliseconds > 0 else 0.0

    @property
    def gap(self) -> int:
        """The longest time from one report to the next, ms."""
        return max((b - a for a, b in zip(self.reports, self.reports[1:], strict=False)), default=0)


def line_2410(chunks: Sequence[tuple[int, bytes]]) -> Line:
    """The line of a LD2410 from what came, with the times at which it came."""
    reader = ld2410.Reader()
    times = [at for at, data in chunks for _ in reader.feed(data)]
    whole = b"".join(data for _, data in chunks)
    good = sum(len(frame) + 10 for frame in _frames(whole, _REPORT, _TAIL) if ld2410.parse(frame) is not None)
    good += sum(len(frame) + 10 for frame in _frames(whole, _COMMAND, _COMMAND_TAIL))
    return Line(tuple(times), len(whole), max(0, len(whole) - good - _ends(whole)))


def line_2450(chunks: Sequence[tuple[int, bytes]]) -> Line:
    """The line of a LD2450."""
    reader = ld2450.Reader()
    times = [at for at, data in chunks for _ in reader.feed(data)]
    total = sum(len(data) for _, data in chunks)
    return Line(tuple(times), total, max(0, total - _LD2450_BYTES * len(times) - 2 * (_LD2450_BYTES - 1)))


def _ends(whole: bytes) -> int:
    """Bytes before the first header and after the last tail: listening began and ended within a frame."""
    first = min((at for head in (_REPORT, _COMMAND) if (at := whole.find(head)) >= 0), default=0)
    last = max((at + 4 for tail in (_TAIL, _COMMAND_TAIL) if (at := whole.rfind(tail)) >= 0), default=0)
    return min(first, 54) + min(max(0, len(whole) - last), 54)


def _frames(data: bytes, head: bytes, tail: bytes) -> list[bytes]:
    """The payloads of whole frames."""
    found, at = [], 0
    while (at := data.find(head, at)) >= 0:
        end = at + 6 + int.from_bytes(data[at + 4 : at + 6], "little")
        if data[end : end + 4] == tail:
            found.append(data[at + 6 : end])
            at = end + 4
        else:
            at += 1
    return found


@dataclass(frozen=True, slots=True)
class Noise:
    """Highest energies by gate while nobody was there, and the sensitivities they must stay below (0: unused,
    100: switched off), for moving and still bodies. Empty without engineering reports.
    """

    moving: tuple[int, ...]
    still: tuple[int, ...]
    moving_limits: tuple[int, ...]
    still_limits: tuple[int, ...]

    @property
    def margins(self) -> list[tuple[str, int]]:
        """Sensitivity less energy, by name of the gate."""
        found = []
        for kind, energies, limits in (
            ("moving", self.moving, self.moving_limits),
            ("still", self.still, self.still_limits),
        ):
            for gate, (energy, limit) in enumerate(zip(energies, limits, strict=False)):
                if 0 < limit < 100:
                    found.append((f"{kind} {gate}", limit - energy))
        return found


def noise(data: bytes, empty: bytes) -> Noise:
    """What a room gives: ``empty`` is the part of ``data`` from when nobody was there any more."""
    rows = [
        frame[_ENERGIES_AT : _ENERGIES_AT + 2 * _GATES]
        for frame in _frames(empty, _REPORT, _TAIL)
        if len(frame) == _ENGINEERING and ld2410.parse(frame) is not None
    ]
    answered = [
        frame
        for frame in _frames(data, _COMMAND, _COMMAND_TAIL)
        if frame[:5] == _PARAMETERS + b"\x00\x00\xaa" and len(frame) >= _LIMITS_AT + 2 * _GATES
    ]
    limits = answered[0][_LIMITS_AT : _LIMITS_AT + 2 * _GATES] if answered else b""
    peaks = [max(column) for column in zip(*rows, strict=True)] if rows else []
    return Noise(tuple(peaks[:_GATES]), tuple(peaks[_GATES:]), tuple(limits[:_GATES]), tuple(limits[_GATES:]))
