"""OSDP v2 frames (IEC 60839-11-5, SIA OSDP 2.2): head, control byte, security block, code, data, check.

    53 | address, bit 7 of an answer | length u16 | control | [security block] | code | data | [MAC] | check

Control: bits 0-1 sequence, bit 2 CRC-16 (else a sum of one byte), bit 3 a security block is there. Code and
check are clear also in the secure channel, data is not.
"""

from collections.abc import Callable, Mapping
from typing import Final

Frame = tuple[int, str, dict[str, str], bool]

_WAIT: Final[Frame] = (0, "", {}, True)
_NONE: Final[Frame] = (-1, "", {}, False)
_START: Final = 0x53
_HEAD: Final = 5
_LONGEST: Final = 1_440
_ENCRYPTED: Final = (0x17, 0x18)
_MAC: Final = 4
_COMMANDS: Final[Mapping[int, str]] = {
    0x60: "POLL", 0x61: "ID", 0x62: "CAP", 0x64: "LSTAT", 0x65: "ISTAT", 0x66: "OSTAT", 0x67: "RSTAT",
    0x68: "OUT", 0x69: "LED", 0x6A: "BUZ", 0x6B: "TEXT", 0x6E: "COMSET", 0x73: "BIOREAD", 0x74: "BIOMATCH",
    0x75: "KEYSET", 0x76: "CHLNG", 0x77: "SCRYPT", 0x7B: "ACURXSIZE", 0x7C: "FILETRANSFER", 0x80: "MFG",
    0xA1: "XWR", 0xA2: "ABORT", 0xA3: "PIVDATA", 0xA7: "KEEPACTIVE",
}  # fmt: skip
_REPLIES: Final[Mapping[int, str]] = {
    0x40: "ACK", 0x41: "NAK", 0x45: "PDID", 0x46: "PDCAP", 0x48: "LSTATR", 0x49: "ISTATR", 0x4A: "OSTATR",
    0x4B: "RSTATR", 0x50: "RAW", 0x51: "FMT", 0x53: "KEYPAD", 0x54: "COM", 0x57: "BIOREADR",
    0x58: "BIOMATCHR", 0x76: "CCRYPT", 0x78: "RMAC_I", 0x79: "BUSY", 0x7A: "FTSTAT", 0x90: "MFGREP",
    0xB1: "XRD",
}  # fmt: skip
_NAKS: Final = (
    "",
    "check",
    "length",
    "command",
    "sequence",
    "security block",
    "secure channel",
    "bio",
    "format",
)


def find(data: bytes, _out: bool) -> Frame:
    """Command or answer at the front; the bit in its address says which."""
    if data[0] != _START:
        return _NONE
    if len(data) < _HEAD:
        return _WAIT
    length, control = int.from_bytes(data[2:4], "little"), data[4]
    check = 2 if control & 4 else 1
    if not _HEAD + 1 + check <= length <= _LONGEST:
        return _NONE
    if len(data) < length:
        return _WAIT
    frame = data[:length]
    if not _checked(frame, check):
        return _NONE
    answer = bool(frame[1] & 0x80)
    fields = {"address": str(frame[1] & 0x7F), "sequence": str(control & 3)}
    at, end, block = _HEAD, length - check, 0
    if control & 8:
        size, block = frame[at], frame[at + 1]
        if size < 2 or at + size >= end:
            return _NONE
        fields["security"] = f"{block:02X}"
        at += size
        end -= _MAC if block >= 0x15 else 0
    code, value = frame[at], frame[at + 1 : max(at + 1, end)]
    name = (_REPLIES if answer else _COMMANDS).get(code, f"{code:02X}")
    if value and block in _ENCRYPTED:
        fields["sealed"] = f"{len(value)} bytes"
    elif value:
        fields |= _VALUES.get(name, _raw)(value)
    return length, name, fields, True


def _checked(frame: bytes, check: int) -> bool:
    if check == 1:
        return sum(frame) & 0xFF == 0
    return crc(frame[:-2]) == int.from_bytes(frame[-2:], "little")


def crc(data: bytes) -> int:
    """CRC-16 with polynomial 1021, initial 1D0F (OSDP 2.2, annex C)."""
    value = 0x1D0F
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021) & 0xFFFF if value & 0x8000 else value << 1
    return value


def _raw(value: bytes) -> dict[str, str]:
    return {"data": value.hex()}


def _nak(value: bytes) -> dict[str, str]:
    return {"because": _NAKS[value[0]] if value[0] < len(_NAKS) else f"{value[0]:02X}"}


def _keypad(value: bytes) -> dict[str, str]:
    keys = "".join({0x0D: "#", 0x7F: "*"}.get(key, chr(key)) for key in value[2 : 2 + 255] if key < 0x80)
    return {"reader": str(value[0]), "keys": keys}


def _card(value: bytes) -> dict[str, str]:
    if len(value) < 4:
        return _raw(value)
    bits = int.from_bytes(value[2:4], "little")
    text = "".join(f"{byte:08b}" for byte in value[4:])
    return {"reader": str(value[0]), "bits": str(bits), "card": text[:bits]}


def _led(value: bytes) -> dict[str, str]:
    if len(value) < 14:
        return _raw(value)
    return {
        "control": str(value[2]),
        "on": str(value[3]),
        "off": str(value[4]),
        "on_colour": str(value[5]),
        "off_colour": str(value[6]),
        "timer": str(int.from_bytes(value[7:9], "little")),
        "resting": f"control {value[9]} on_colour {value[12]}",
    }


def _sounder(value: bytes) -> dict[str, str]:
    if len(value) < 5:
        return _raw(value)
    return {"control": str(value[1]), "on": str(value[2]), "off": str(value[3]), "count": str(value[4])}


_VALUES: Final[Mapping[str, Callable[[bytes], dict[str, str]]]] = {
    "NAK": _nak,
    "KEYPAD": _keypad,
    "RAW": _card,
    "LED": _led,
    "BUZ": _sounder,
}
