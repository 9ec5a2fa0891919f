"""HLK-LD2410 firmware (24 GHz presence radar): reports at 10 Hz, configuration commands and their answers.

Frames, command words and defaults are those of Hi-Link "LD2410C Serial Communication Protocol" V1.07. Neither
kind of frame has a checksum. Distances are in centimetres, energies 0-100, times monotonic milliseconds.
"""

import struct
from dataclasses import dataclass, field, replace
from typing import Final

from .hilink import RESTART_MS, CommandLine, firmware

REPORT_HEAD: Final = bytes.fromhex("F4F3F2F1")
REPORT_TAIL: Final = bytes.fromhex("F8F7F6F5")

GATES: Final = 9
FIRMWARE: Final = (1, 0x07, 0x2209_1516)
"""V1.07.22091516."""
NEWEST: Final = (2, 0x44, 0x2507_0917)
"""V2.44.25070917."""
CALIBRATION_PAUSE_MS: Final = 10_000
_TYPE: Final = 0x0100
_KNOWS_LIGHT: Final = (2, 0x04)
_KNOWS_CALIBRATION: Final = (2, 0x44)
_TOLD_MS: Final = 1_000
"""How long the end of a calibration stays in the reports."""


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


@dataclass(slots=True)
class Parameters:
    """What the module keeps in flash; the defaults are the maker's."""

    max_moving_gate: int = 8
    max_still_gate: int = 8
    moving: list[int] = field(default_factory=lambda: [50, 50, 40, 30, 20, 15, 15, 15, 15])
    still: list[int] = field(default_factory=lambda: [0, 0, 40, 40, 30, 30, 20, 20, 20])
    no_one_s: int = 5
    fine: bool = False
    light: tuple[int, int, int] = (0, 0x80, 0)
    """Of the OUT pin: 0 whatever the light, 1 only below, 2 only above; threshold; level at rest."""
    password: bytes = b"HiLink"

    @property
    def gate_cm(self) -> int:
        return 20 if self.fine else 75

    def encode(self) -> bytes:
        """Value of the answer to 0061."""
        gates = bytes((GATES - 1, self.max_moving_gate, self.max_still_gate))
        return b"\xaa" + gates + bytes(self.moving) + bytes(self.still) + struct.pack("<H", self.no_one_s)


_Near = tuple[int, int] | None
_Sensed = tuple[tuple[int, ...], tuple[int, ...], _Near, _Near]
"""Energies of moving and of still bodies by gate, and the nearest of each."""


class Ld2410:
    """One module. It reports by itself; between 00FF and 00FE it only answers.

    ``version`` decides what it knows: light control from 2.04 on, noise calibration from 2.44 on.
    """

    def __init__(self, now: int, version: tuple[int, int, int] = FIRMWARE) -> None:
        self.parameters = Parameters()
        self._fine_next = False
        self._scene = Scene()
        self._engineering = False
        self._last = Report()
        self._told: tuple[Report, bytes] | None = None
        self._seen_at: int | None = None
        self._sensed: _Sensed | None = None
        self._calibrating: tuple[int, int, bool] | None = None
        light = version[:2] >= _KNOWS_LIGHT
        calibrates = version[:2] >= _KNOWS_CALIBRATION
        self.line = CommandLine(
            firmware(_TYPE, *version),
            {
                0x60: self._set_gates,
                0x61: lambda _, __: self.parameters.encode(),
                0x62: lambda _, __: self._set_engineering(True),
                0x63: lambda _, __: self._set_engineering(False),
                0x64: self._set_sensitivity,
                0xA8: lambda value, _: b"" if value == self.parameters.password else None,
                0xA9: self._set_password,
                0xAA: self._set_resolution,
                0xAB: lambda _, __: struct.pack("<H", int(self._fine_next)),
                **({0xAD: self._set_light, 0xAE: self._light} if light else {}),
                **({0x0B: self._calibrate, 0x1B: self._calibration} if calibrates else {}),
            },
            self._booted,
            self._reset,
        )
        self.line.boot(now, 0)

    @property
    def scene(self) -> Scene:
        """What stands in front of the radar."""
        return self._scene

    def see(self, scene: Scene) -> None:
        """What stands in front of the radar from now on."""
        if scene is not self._scene:
            self._scene, self._sensed = scene, None

    def restart(self, now: int) -> None:
        """Supply taken and given."""
        self.line.boot(now, RESTART_MS)

    def due(self) -> int | None:
        return self.line.due()

    def transmit(self, now: int) -> bytes:
        answers = self.line.answers(now)
        if not self.line.reports(now):
            return answers
        report = self._look(now)
        if self._told is None or self._told[0] != report:
            self._told = (report, encode_report(report))
        return answers + self._told[1]

    def receive(self, data: bytes, now: int) -> None:
        self._sensed = None  # a command may change what is sensed
        self.line.receive(data, now)

    def _booted(self, _: int) -> None:
        self.parameters.fine = self._fine_next
        self._sensed = None
        self._engineering = False
        self._last = Report()
        self._seen_at = None
        self._calibrating = None

    def _set_gates(self, value: bytes, _: int) -> bytes | None:
        words = _pairs(value)
        if words is None or set(words) != {0, 1, 2}:
            return None
        if not (2 <= words[0] < GATES and 2 <= words[1] < GATES and words[2] <= 0xFFFF):
            return None
        self.parameters.max_moving_gate, self.parameters.max_still_gate = words[0], words[1]
        self.parameters.no_one_s = words[2]
        return b""

    def _set_sensitivity(self, value: bytes, _: int) -> bytes | None:
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

    def _reset(self) -> None:
        self.parameters = Parameters(fine=self.parameters.fine)
        self._fine_next = False

    def _set_password(self, value: bytes, _: int) -> bytes | None:
        if len(value) != len(self.parameters.password):
            return None
        self.parameters.password = value
        return b""

    def _set_light(self, value: bytes, _: int) -> bytes | None:
        if len(value) != 4 or value[0] > 2 or value[2] > 1 or value[3]:
            return None
        self.parameters.light = (value[0], value[1], value[2])
        return b""

    def _light(self, _: bytes, __: int) -> bytes:
        return bytes((*self.parameters.light, 0))

    def _calibrate(self, value: bytes, now: int) -> bytes | None:
        if len(value) != 2 or value == b"\x00\x00":
            return None
        start = now + CALIBRATION_PAUSE_MS
        self._calibrating = (start, start + 1_000 * int.from_bytes(value, "little"), False)
        return b""

    def _calibration(self, _: bytes, now: int) -> bytes:
        state = 0 if self._calibrating is None else 1 if now < self._calibrating[1] else 2
        return struct.pack("<H", state)

    def _calibration_status(self, now: int) -> int | None:
        """Status 4 while it runs, then 5 or, when somebody was seen meanwhile, 6 for a second."""
        if self._calibrating is None:
            return None
        start, end, seen = self._calibrating
        if not start <= now < end + _TOLD_MS:
            return None
        if now < end:
            self._calibrating = (start, end, seen or bool(self._scene.targets))
            return 4
        return 6 if seen else 5

    def _set_resolution(self, value: bytes, _: int) -> bytes | None:
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

    def _sense(self) -> _Sensed:
        """The same until somebody moves or a command comes."""
        if self._sensed is None:
            moving, still = self._energies(True), self._energies(False)
            self._sensed = moving, still, self._nearest(True, moving), self._nearest(False, still)
        return self._sensed

    def _look(self, now: int) -> Report:
        moving_energies, still_energies, moving, still = self._sense()
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
        told = self._calibration_status(now)
        if told is not None:
            report = replace(report, status=told)
        if not self._engineering:
            return report
        more = Engineering(
            self.parameters.max_moving_gate,
            self.parameters.max_still_gate,
            moving_energies,
            still_energies,
            self._scene.light,
            self._out(self._last.status != 0),
        )
        return replace(report, engineering=more)

    def _out(self, present: bool) -> int:
        """Level of the OUT pin."""
        mode, threshold, at_rest = self.parameters.light
        light = self._scene.light
        counts = mode == 0 or (light < threshold if mode == 1 else light > threshold)
        return at_rest ^ int(present and counts)


def _pairs(value: bytes) -> dict[int, int] | None:
    """Parameter words with their values (u16, u32); None if the length is wrong or a word comes twice."""
    if len(value) % 6:
        return None
    pairs = list(struct.iter_unpack("<HI", value))
    words = dict(pairs)
    return words if len(words) == len(pairs) else None
