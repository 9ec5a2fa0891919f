"""Modbus RTU, function 03 (read holding registers), seen from the master.

    request   address 03 register u16 count u16 CRC
    answer    address 03 bytes u8 value u16 ... CRC
    exception address 83 code CRC

Big-endian, CRC-16 with polynomial A001 and initial value FFFF, low byte first. Source: "MODBUS over Serial
Line" V1.02.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_READ: Final = 0x03
_FAILED: Final = 0x80
_EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal register",
    3: "illegal value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
}


@dataclass(frozen=True, slots=True)
class Request:
    """Read ``count`` (1 to 125) registers from ``register`` of device ``address`` (1 to 247)."""

    address: int
    register: int
    count: int = 1

    def encode(self) -> bytes:
        return _encoded(self.address, self.register, self.count)


# each poll asks the same
@lru_cache(maxsize=64)
def _encoded(address: int, register: int, count: int) -> bytes:
    body = struct.pack(">BBHH", address, _READ, register, count)
    return body + crc16(body)


@dataclass(frozen=True, slots=True)
class Registers:
    """The values asked for, 0 to 65535 each."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The device answered with an exception."""

    code: int

    @property
    def reason(self) -> str:
        return f"exception {self.code:02X} ({_EXCEPTIONS.get(self.code, 'unknown')})"


def _shifted(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


_TABLE: Final = tuple(map(_shifted, range(256)))


def crc16(data: bytes) -> bytes:
    """The two CRC bytes as they follow ``data`` on the line."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


# a level repeats itself, and its answer with it
@lru_cache(maxsize=256)
def answer(request: Request, data: bytes) -> Registers | Refusal | None:
    """The answer to ``request`` in what came since it was sent, or None while there is none.

    Searched byte by byte, so an echo of the request, noise or another device's answer before it do no harm.
    """
    data = data.removeprefix(request.encode())
    size = 3 + 2 * request.count + 2
    good = bytes((request.address, _READ, 2 * request.count))
    failed = bytes((request.address, _READ | _FAILED))
    for at in range(len(data)):
        if data.startswith(good, at) and _whole(data[at : at + size], size):
            return Registers(struct.unpack_from(f">{request.count}H", data, at + 3))
        if data.startswith(failed, at) and _whole(data[at : at + 5], 5):
            return Refusal(data[at + 2])
    return None


def why_not(request: Request, data: bytes) -> str:
    """Why ``data``, all that came until the time-out, holds no answer; a few words for a person."""
    data = data.removeprefix(request.encode())
    size = 3 + 2 * request.count + 2
    if not data:
        return "no answer"
    if len(data) >= size and data[0] != request.address and _whole(data[:size], size):
        return f"answer from address {data[0]}, not {request.address}"
    if len(data) < size:
        return f"{len(data)} of {size} bytes"
    return "bad CRC"


def _whole(frame: bytes, size: int) -> bool:
    return len(frame) == size and crc16(frame[:-2]) == frame[-2:]
