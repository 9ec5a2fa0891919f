"""HLK-LD2410 firmware (24 GHz presence radar): reports at 10 Hz, configuration commands and their answers.

Frames, command words and defaults are those of Hi-Link "LD2410C Serial Communication Protocol" V1.07. Neither
kind of frame has a checksum. Distances are in centimetres, energies 0-100, times monotonic milliseconds.
"""

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

REPORT_HEAD: Final = bytes.fromhex("F4F3F2F1")
REPORT_TAIL: Final = bytes.fromhex("F8F7F6F5")
COMMAND_HEAD: Final = bytes.fromhex("FDFCFBFA")
COMMAND_TAIL: Final = bytes.fromhex("04030201")

GATES: Final = 9
REPORT_MS: Final = 100
ACK_MS: Final = 10
RESTART_MS: Final = 1_000
FIRMWARE: Final = bytes.fromhex("0001070116150922")
"""Type 0100, then V1.07.22091516, least significant byte first."""

_MAX_COMMAND: Final = 64
_OK: Final = 0
_FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody in front of the radar."""

    distance_cm: int
    moving: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What the radar could see now; ``light`` is 0-255."""

    targets: tuple[Target, ...] = ()
    light: int = 0


@dataclass(frozen=True, slots=True)
class Engineering:
    """The additional fields of an engineering report."""

    max_moving_gate: int
    max_still_gate: int
    moving: tuple[int, ...]
    still: tuple[int, ...]
    light: int
    out: int


@dataclass(frozen=True, slots=True)
class Report:
    """Status 0 nobody, 1 moving, 2 still, 3 both; with status 0 the other fields are stale and mean
    nothing.
    """

    status: int = 0
    moving_cm: int = 0
    moving_energy: int = 0
    still_cm: int = 0
    still_energy: int = 0
    detection_cm: int = 0
    engineering: Engineering | None = None


def encode_report(report: Report) -> bytes:
    """One report frame."""
    more = report.engineering
    data = struct.pack(
        "<BBBHBHBH",
        2 if more is None else 1,
        0xAA,
        report.status,
        report.moving_cm,
        report.moving_energy,
        report.still_cm,
        report.still_energy,
        report.detection_cm,
    )
    if more is not None:
        data += bytes(
            (more.max_moving_gate, more.max_still_gate, *more.moving, *more.still, more.light, more.out)
        )
    data += b"\x55\x00"
    return REPORT_HEAD + struct.pack("<H", len(data)) + data + REPORT_TAIL


def encode_command(word: int, value: bytes = b"") -> bytes:
    """A command frame as a host sends it."""
    return COMMAND_HEAD + struct.pack("<HH", 2 + len(value), word) + value + COMMAND_TAIL


def encode_ack(word: int, status: int, value: bytes = b"") -> bytes:
    """The answer to command ``word``: the word with 0100 set, status 0 (done) or 1 (failed), value."""
    return encode_command(word | 0x0100, struct.pack("<H", status) + value)


@dataclass(slots=True)
class Parameters:
    """What the module keeps in flash; the defaults are the maker's."""

    max_moving_gate: int = 8
    max_still_gate: int = 8
    moving: list[int] = field(default_factory=lambda: [50, 50, 40, 30, 20, 15, 15, 15, 15])
    still: list[int] = field(default_factory=lambda: [0, 0, 40, 40, 30, 30, 20, 20, 20])
    no_one_s: int = 5
    fine: bool = False

    @property
    def gate_cm(self) -> int:
        return 20 if self.fine else 75

    def encode(self) -> bytes:
        """Value of the answer to 0061."""
        gates = bytes((GATES - 1, self.max_moving_gate, self.max_still_gate))
        return b"\xaa" + gates + bytes(self.moving) + bytes(self.still) + struct.pack("<H", self.no_one_s)


class Ld2410:
    """One module. It reports by itself; between 00FF and 00FE it only answers."""

    def __init__(self, now: int) -> None:
        self.parameters = Parameters()
        self._fine_next = False
        self._scene = Scene()
        self._buffer = bytearray()
        self._out: deque[tuple[int, bytes]] = deque()
        self._boot(now, 0)
        self._commands: dict[int, Callable[[bytes], bytes | None]] = {
            0x60: self._set_gates,
            0x61: lambda _: self.parameters.encode(),
            0x62: lambda _: self._set_engineering(True),
            0x63: lambda _: self._set_engineering(False),
            0x64: self._set_sensitivity,
            0xA0: lambda _: FIRMWARE,
            0xA2: lambda _: self._reset(),
            0xAA: self._set_resolution,
            0xAB: lambda _: struct.pack("<H", int(self._fine_next)),
        }

    def see(self, scene: Scene) -> None:
        """What stands in front of the radar from now on."""
        self._scene = scene

    def due(self) -> int | None:
        waiting = [self._out[0][0]] if self._out else []
        if not self._configuring:
            waiting.append(self._next_report)
        return min(waiting, default=None)

    def transmit(self, now: int) -> bytes:
        sent = bytearray()
        while self._out and self._out[0][0] <= now:
            sent += self._out.popleft()[1]
        if not self._configuring and self._next_report <= now:
            sent += encode_report(self._look(now))
            # one report however late we are: a UART does not catch up
            late = (now - self._next_report) // REPORT_MS
            self._next_report += (late + 1) * REPORT_MS
        return bytes(sent)

    def receive(self, data: bytes, now: int) -> None:
        if now < self._deaf_until:
            return
        self._buffer += data
        while (command := self._next_command()) is not None:
            self._execute(command, now)

    def _boot(self, now: int, pause: int) -> None:
        self.parameters.fine = self._fine_next
        self._engineering = False
        self._configuring = False
        self._deaf_until = now + pause
        self._next_report = now + pause + REPORT_MS
        self._last = Report()
        self._seen_at: int | None = None
        self._buffer.clear()

    def _next_command(self) -> bytes | None:
        """Data of the next complete command; noise before it is dropped byte by byte."""
        buffer = self._buffer
        while True:
            start = buffer.find(COMMAND_HEAD)
            if start < 0:
                del buffer[: max(0, len(buffer) - len(COMMAND_HEAD) + 1)]
                return None
            del buffer[:start]
            if len(buffer) < 6:
                return None
            (length,) = struct.unpack_from("<H", buffer, 4)
            if 2 <= length <= _MAX_COMMAND:
                if len(buffer) < 10 + length:
                    return None
                if buffer[6 + length : 10 + length] == COMMAND_TAIL:
                    data = bytes(buffer[6 : 6 + length])
                    del buffer[: 10 + length]
                    return data
            del buffer[:1]

    def _execute(self, data: bytes, now: int) -> None:
        (word,) = struct.unpack_from("<H", data)
        value = data[2:]
        if word == 0xFF:
            self._configuring = True
            self._answer(encode_ack(word, _OK, bytes.fromhex("01004000")), now)
        elif not self._configuring:
            self._answer(encode_ack(word, _FAILED), now)
        elif word == 0xFE:
            self._answer(encode_ack(word, _OK), now)
            self._configuring = False
            self._next_report = now + REPORT_MS
        elif word == 0xA3:
            self._answer(encode_ack(word, _OK), now)
            self._boot(now, RESTART_MS)
        else:
            command = self._commands.get(word)
            answer = command(value) if command is not None else None
            if answer is None:
                self._answer(encode_ack(word, _FAILED), now)
            else:
                self._answer(encode_ack(word, _OK, answer), now)

    def _answer(self, frame: bytes, now: int) -> None:
        self._out.append((now + ACK_MS, frame))

    def _set_gates(self, value: bytes) -> bytes | None:
        words = _pairs(value)
        if words is None or set(words) != {0, 1, 2}:
            return None
        if not (2 <= words[0] < GATES and 2 <= words[1] < GATES and words[2] <= 0xFFFF):
            return None
        self.parameters.max_moving_gate, self.parameters.max_still_gate = words[0], words[1]
        self.parameters.no_one_s = words[2]
        return b""

    def _set_sensitivity(self, value: bytes) -> bytes | None:
        words = _pairs(value)
        if words is None or set(words) != {0, 1, 2} or words[1] > 100 or words[2] > 100:
            return None
        if words[0] != 0xFFFF and words[0] >= GATES:
            return None
        for gate in range(GATES) if words[0] == 0xFFFF else (words[0],):
            self.parameters.moving[gate], self.parameters.still[gate] = words[1], words[2]
        return b""

    def _set_engineering(self, on: bool) -> bytes:
        self._engineering = on
        return b""

    def _reset(self) -> bytes:
        self.parameters = Parameters(fine=self.parameters.fine)
        self._fine_next = False
        return b""

    def _set_resolution(self, value: bytes) -> bytes | None:
        if value not in (b"\x00\x00", b"\x01\x00"):
            return None
        self._fine_next = value == b"\x01\x00"
        return b""

    def _energies(self, moving: bool) -> tuple[int, ...]:
        """Echo per gate: a moving body gives more than a still one, a near one more than a far one."""
        energies = [0] * GATES
        for target in self._scene.targets:
            gate = target.distance_cm // self.parameters.gate_cm
            if gate < GATES:
                strength = 100 - 5 * gate if target.moving else 80 - 5 * gate
                if target.moving == moving:
                    energies[gate] = max(energies[gate], strength)
        return tuple(energies)

    def _nearest(self, moving: bool, energies: tuple[int, ...]) -> tuple[int, int] | None:
        """Distance and energy of the nearest target above the sensitivity of its gate; a gate at 100 is
        ignored.
        """
        limits = self.parameters.moving if moving else self.parameters.still
        last = self.parameters.max_moving_gate if moving else self.parameters.max_still_gate
        seen = []
        for target in self._scene.targets:
            gate = target.distance_cm // self.parameters.gate_cm
            if (
                target.moving == moving
                and gate <= last
                and limits[gate] < 100
                and energies[gate] >= limits[gate]
            ):
                seen.append((target.distance_cm, energies[gate]))
        return min(seen, default=None)

    def _look(self, now: int) -> Report:
        moving_energies, still_energies = self._energies(True), self._energies(False)
        moving, still = self._nearest(True, moving_energies), self._nearest(False, still_energies)
        last = self._last
        if moving is not None or still is not None:
            self._seen_at = now
            report = Report(
                status=(1 if moving else 0) | (2 if still else 0),
                moving_cm=moving[0] if moving else 0,
                moving_energy=moving[1] if moving else 0,
                still_cm=still[0] if still else 0,
                still_energy=still[1] if still else 0,
                detection_cm=moving[0] if moving else still[0] if still else 0,
            )
        elif self._seen_at is not None and now - self._seen_at < self.parameters.no_one_s * 1_000:
            report = Report(last.status, last.moving_cm, 0, last.still_cm, 0, last.detection_cm)
        else:
            report = Report(0, last.moving_cm, last.moving_energy, last.still_cm, last.still_energy)
        self._last = report
        if not self._engineering:
            return report
        return Report(
            report.status,
            report.moving_cm,
            report.moving_energy,
            report.still_cm,
            report.still_energy,
            report.detection_cm,
            Engineering(
                self.parameters.max_moving_gate,
                self.parameters.max_still_gate,
                moving_energies,
                still_energies,
                self._scene.light,
                int(report.status != 0),
            ),
        )


def _pairs(value: bytes) -> dict[int, int] | None:
    """Parameter words with their values (u16, u32); None if the length is wrong or a word comes twice."""
    if len(value) % 6:
        return None
    pairs = list(struct.iter_unpack("<HI", value))
    words = dict(pairs)
    return words if len(words) == len(pairs) else None
