"""RS-485 sound level meter, Modbus RTU slave (4800 8N1, address 1).

Registers (function 03, read holding registers): 0000 level x 10, 07D0 address, 07D1 baud index. CRC-16 with
the reflected polynomial A001, initial FFFF, low byte first (Modbus over Serial Line V1.02, section 6.2.2).
"""

import struct
from collections import deque
from typing import Final

LEVEL: Final = 0x0000
ADDRESS: Final = 0x07D0
BAUD: Final = 0x07D1
LOWEST_DB: Final = 30.0
HIGHEST_DB: Final = 130.0

_READ: Final = 3
_ILLEGAL_FUNCTION: Final = 1
_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3
_REQUEST_BYTES: Final = 8
_SILENCE_MS: Final = 20
"""Twice the 3.5 characters that end a frame at 4800 baud, rounded up for a host that is no real line."""
_BAUD_INDEX: Final = {2400: 0, 4800: 1, 9600: 2}


def crc16(data: bytes) -> int:
    """Modbus CRC-16."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def seal(body: bytes) -> bytes:
    """``body`` with its CRC."""
    return body + struct.pack("<H", crc16(body))


class ModbusSoundMeter:
    """Answers its own address only, ``delay_ms`` after a request; a damaged request gets no answer."""

    def __init__(self, *, address: int = 1, baud: int = 4800, delay_ms: int = 30) -> None:
        """``address`` 1-247, ``baud`` one of 2400, 4800, 9600."""
        self._address = address
        self._baud_index = _BAUD_INDEX[baud]
        self._delay = delay_ms
        self._level = LOWEST_DB
        self._muted = False
        self._buffer = bytearray()
        self._last_byte = 0
        self._out: deque[tuple[int, bytes]] = deque()

    def hear(self, level_db: float) -> None:
        """The level at the microphone from now on; shown within the meter's range (30-130 dB) to 0.1 dB."""
        self._level = min(HIGHEST_DB, max(LOWEST_DB, level_db))

    def mute(self, muted: bool) -> None:
        """While muted it answers nothing, as without supply."""
        self._muted = muted

    def due(self) -> int | None:
        return self._out[0][0] if self._out else None

    def transmit(self, now: int) -> bytes:
        sent = bytearray()
        while self._out and self._out[0][0] <= now:
            sent += self._out.popleft()[1]
        return bytes(sent)

    def receive(self, data: bytes, now: int) -> None:
        if now - self._last_byte > _SILENCE_MS:
            self._buffer.clear()
        self._last_byte = now
        self._buffer += data
        while len(self._buffer) >= _REQUEST_BYTES:
            request = bytes(self._buffer[:_REQUEST_BYTES])
            if struct.unpack_from("<H", request, 6)[0] != crc16(request[:6]):
                # out of step: only silence begins a frame, but a frame may follow noise at once on a bad line
                del self._buffer[0]
                continue
            del self._buffer[:_REQUEST_BYTES]
            if request[0] == self._address and not self._muted:
                self._out.append((now + self._delay, seal(bytes((self._address,)) + self._answer(request))))

    def _answer(self, request: bytes) -> bytes:
        function, register, count = struct.unpack_from(">BHH", request, 1)
        if function != _READ:
            return bytes((function | 0x80, _ILLEGAL_FUNCTION))
        if not 1 <= count <= 125:
            return bytes((function | 0x80, _ILLEGAL_VALUE))
        # the meter has one measuring register; those who ask for two get 0 in the second (M1495 example)
        registers = {
            LEVEL: round(self._level * 10),
            LEVEL + 1: 0,
            ADDRESS: self._address,
            BAUD: self._baud_index,
        }
        wanted = range(register, register + count)
        if any(number not in registers for number in wanted):
            return bytes((function | 0x80, _ILLEGAL_ADDRESS))
        values = b"".join(struct.pack(">H", registers[number]) for number in wanted)
        return bytes((function, len(values))) + values
