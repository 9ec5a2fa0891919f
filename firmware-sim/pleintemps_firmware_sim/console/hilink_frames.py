"""Frames of Hi-Link's radars, as :mod:`..devices.hilink`, ``ld2410`` and ``ld2450`` make them."""

import struct
from collections.abc import Callable, Mapping
from typing import Final

from pleintemps_firmware_sim.devices import ld2410 as first
from pleintemps_firmware_sim.devices import ld2450 as second
from pleintemps_firmware_sim.devices.hilink import COMMAND_HEAD, COMMAND_TAIL

Frame = tuple[int, str, dict[str, str], bool]

_WAIT: Final[Frame] = (0, "", {}, True)
_NONE: Final[Frame] = (-1, "", {}, False)
_LONGEST: Final = 128
_STATUS: Final = ("nobody", "moving", "still", "moving and still", "calibrating", "calibrated", "failed")
_COMMANDS: Final[Mapping[int, str]] = {
    0xFF: "enter configuration",
    0xFE: "end configuration",
    0x60: "set gates",
    0x61: "read parameters",
    0x62: "engineering on",
    0x63: "engineering off",
    0x64: "set sensitivity",
    0xA0: "read firmware",
    0xA1: "set baud",
    0xA2: "factory settings",
    0xA3: "restart",
    0xA4: "set bluetooth",
    0xA5: "read address",
    0xA8: "bluetooth password",
    0xA9: "set bluetooth password",
    0xAA: "set resolution",
    0xAB: "read resolution",
    0xAD: "set light control",
    0xAE: "read light control",
    0x0B: "calibrate",
    0x1B: "read calibration",
    0x80: "one target",
    0x90: "several targets",
    0x91: "read targets",
    0xC1: "read regions",
    0xC2: "set regions",
}


def ld2410(data: bytes, out: bool) -> Frame:
    """Report, command or answer at the front."""
    return _either(data, out, first.REPORT_HEAD, _ld2410_report)


def ld2450(data: bytes, out: bool) -> Frame:
    """Report, command or answer at the front."""
    return _either(data, out, second.REPORT_HEAD, _ld2450_report)


def _either(data: bytes, out: bool, head: bytes, report: Callable[[bytes], Frame]) -> Frame:
    for begins, read in ((head, report), (COMMAND_HEAD, lambda frame: _command(frame, out))):
        if data.startswith(begins):
            return read(data)
        if begins.startswith(data):
            return _WAIT
    return _NONE


def _body(data: bytes, tail: bytes) -> tuple[int, bytes]:
    """Length of the frame (0 wait, -1 none) and what is between length and tail."""
    if len(data) < 6:
        return 0, b""
    (length,) = struct.unpack_from("<H", data, 4)
    if not 2 <= length <= _LONGEST:
        return -1, b""
    if len(data) < 10 + length:
        return 0, b""
    if data[6 + length : 10 + length] != tail:
        return -1, b""
    return 10 + length, data[6 : 6 + length]


def _command(data: bytes, out: bool) -> Frame:
    length, body = _body(data, COMMAND_TAIL)
    if length <= 0:
        return (length, "", {}, True)
    (word,) = struct.unpack_from("<H", body)
    value = body[2:]
    fields = {"word": f"{word:04X}"}
    name = _COMMANDS.get(word & 0xFEFF, "command")
    if out:
        name = f"answer: {name}"
        if len(value) >= 2:
            fields["status"] = "done" if value[:2] == b"\0\0" else "failed"
            value = value[2:]
    if value:
        fields["value"] = value.hex()
    return length, name, fields, True


def _ld2410_report(data: bytes) -> Frame:
    length, body = _body(data, first.REPORT_TAIL)
    if length <= 0:
        return (length, "", {}, True)
    if len(body) < 13 or body[1] != 0xAA or body[-2:] != b"\x55\x00":
        return length, "report with a wrong body", {"body": body.hex()}, False
    kind, _, status, moving, energy, still, rest, far = struct.unpack_from("<BBBHBHBH", body)
    fields = {
        "status": _STATUS[status] if status < len(_STATUS) else str(status),
        "moving_cm": str(moving),
        "moving_energy": str(energy),
        "still_cm": str(still),
        "still_energy": str(rest),
        "detection_cm": str(far),
    }
    gates = first.GATES
    if kind == 1 and len(body) >= 15 + 2 * gates + 2:
        more = body[11:-2]
        fields |= {
            "max_moving_gate": str(more[0]),
            "max_still_gate": str(more[1]),
            "moving": " ".join(map(str, more[2 : 2 + gates])),
            "still": " ".join(map(str, more[2 + gates : 2 + 2 * gates])),
            "light": str(more[2 + 2 * gates]),
            "out": str(more[3 + 2 * gates]),
        }
    return length, "engineering report" if kind == 1 else "report", fields, True


def _ld2450_report(data: bytes) -> Frame:
    whole = len(second.REPORT_HEAD) + 8 * second.PLACES + len(second.REPORT_TAIL)
    if len(data) < whole:
        return _WAIT
    if data[whole - 2 : whole] != second.REPORT_TAIL:
        return _NONE
    fields: dict[str, str] = {}
    for place in range(second.PLACES):
        words = struct.unpack_from("<4H", data, 4 + 8 * place)
        if any(words):
            x, y, speed = (word & 0x7FFF if word & 0x8000 else -word for word in words[:3])
            fields[f"target {place + 1}"] = f"x_mm {x} y_mm {y} speed {speed} resolution_mm {words[3]}"
    return whole, "report", fields or {"targets": "none"}, True
