"""Modbus RTU frames of the sound meter, as :mod:`..devices.modbus_sound` reads and makes them."""

import struct
from collections.abc import Mapping
from typing import Final

from pleintemps_firmware_sim.devices.modbus_sound import ADDRESS, BAUD, LEVEL, crc16

Frame = tuple[int, str, dict[str, str], bool]

_NONE: Final[Frame] = (-1, "", {}, False)
_REQUEST: Final = 8
_REGISTERS: Final[Mapping[int, str]] = {LEVEL: "level", ADDRESS: "address", BAUD: "baud"}
_FUNCTIONS: Final[Mapping[int, str]] = {3: "read", 6: "write"}
_REFUSALS: Final[Mapping[int, str]] = {1: "function", 2: "register", 3: "value", 4: "failure", 6: "busy"}


def find(data: bytes, out: bool) -> Frame:
    """Request of the host, or answer of the meter, at the front."""
    if len(data) < 2:
        return 0, "", {}, True
    length = _answer_length(data) if out else _REQUEST
    if length < 0 or data[1] & 0x7F not in _FUNCTIONS:
        return _NONE
    if len(data) < length or length == 0:
        return 0, "", {}, True
    frame = data[:length]
    if crc16(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
        return _NONE
    fields = {"address": str(frame[0])}
    name = _FUNCTIONS[frame[1] & 0x7F]
    if frame[1] & 0x80:
        return length, f"{name} refused", fields | {"illegal": _REFUSALS.get(frame[2], str(frame[2]))}, True
    if not out or frame[1] == 6:
        register, value = struct.unpack_from(">HH", frame, 2)
        fields["register"] = _REGISTERS.get(register, f"{register:04X}")
        fields["count" if frame[1] == 3 else "value"] = str(value)
        return length, f"{name} {'done' if out else 'wanted'}", fields, True
    words = [word for (word,) in struct.iter_unpack(">H", frame[3:-2])]
    fields["registers"] = " ".join(map(str, words))
    if words:
        fields["tenth"] = f"{words[0] / 10:g}"  # what a level register says, in dB
    return length, "read done", fields, True


def _answer_length(data: bytes) -> int:
    """0: too early to say; -1: no answer has this function."""
    if data[1] & 0x80:
        return 5
    if data[1] == 6:
        return _REQUEST
    if len(data) < 3:
        return 0
    return 5 + data[2] if data[2] % 2 == 0 else -1
