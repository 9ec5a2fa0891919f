"""RS-485 sound level meter, Modbus RTU slave.

Registers: 0000 level x 10 (function 03), 07D0 address and 07D1 baud index (03, and 06 to set; they count from
the next power-up on). CRC-16 with the reflected polynomial A001, initial FFFF, low byte first (Modbus over
Serial Line V1.02, section 6.2.2). A frame begins and ends with a silence of 3.5 characters (section 2.5.1.1).
"""

import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LEVEL: Final = 0x0000
ADDRESS: Final = 0x07D0
BAUD: Final = 0x07D1
LOWEST_DB: Final = 30.0
HIGHEST_DB: Final = 130.0

_READ: Final = 3
_WRITE: Final = 6
_ILLEGAL_FUNCTION: Final = 1
_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3
_REQUEST_BYTES: Final = 8
_SILENCE_MS: Final = 20
"""Twice the 3.5 characters that end a frame at 4800 baud, rounded up for a host that is no real line."""
_BAUD_INDEX: Final = {2400: 0, 4800: 1, 9600: 2}
_CHARACTER_BITS: Final = 10


@dataclass(frozen=True, slots=True)
class Model:
    """What makers do differently. Ranges in dB, times in ms; ``registers`` is how many follow 0000.

    ``every_ms`` is how often the shown value is renewed.
    """

    what: str
    baud: int
    low_db: float
    high_db: float
    every_ms: int
    registers: int = 2
    delay_ms: int = 30


MODELS: Final[Mapping[str, Model]] = {
    "taidacent": Model("4800 baud, 30-130 dB", 4800, LOWEST_DB, HIGHEST_DB, 0),
    "s300nois": Model("4800 baud, 30-120 dB, one register", 4800, LOWEST_DB, 120.0, 0, registers=1),
    "m1495": Model("9600 baud, 30-130 dB, asked for two registers", 9600, LOWEST_DB, HIGHEST_DB, 0),
    "fast": Model("9600 baud, 30-130 dB, renewed each 500 ms", 9600, LOWEST_DB, HIGHEST_DB, 500),
    "slow": Model("9600 baud, 30-130 dB, renewed each 1.5 s", 9600, LOWEST_DB, HIGHEST_DB, 1_500),
}
"""Those of sconklin/taidacent-decibel-meter, the IOT-S300NOIS manual, myarduinosale's M1495 example, and the
9600 baud board of mikroelec.com (product 2571) with its jumper fast or slow.
"""


def _shifted(crc: int) -> int:
    for _ in range(8):
        crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


_TABLE: Final = tuple(map(_shifted, range(256)))


# who polls asks the same each time, and a level repeats itself
@lru_cache(maxsize=1024)
def crc16(data: bytes) -> int:
    """Modbus CRC-16."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def seal(body: bytes) -> bytes:
    """``body`` with its CRC."""
    return body + struct.pack("<H", crc16(body))


class ModbusSoundMeter:
    """Answers its own address only; a damaged request gets no answer, one to all (address 0) neither.

    An answer is complete ``delay_ms`` and the time that request, silence and answer take on the line after
    the request came in.
    """

    def __init__(
        self,
        model: Model = MODELS["taidacent"],
        *,
        address: int | None = None,
        baud: int | None = None,
        delay_ms: int | None = None,
    ) -> None:
        """``address`` 1-247, ``baud`` one of 2400, 4800, 9600; what is None is the model's."""
        self.model = model
        self.baud = model.baud if baud is None else baud
        self.delay_ms = model.delay_ms if delay_ms is None else delay_ms
        self._address = 1 if address is None else address
        self._stored = {ADDRESS: self._address, BAUD: _BAUD_INDEX[self.baud]}
        self._heard = self._shown = model.low_db
        self._renewed: int | None = None
        self._muted = self._frozen = self._echoes = False
        self._damaged = self._halved = 0
        self._refused = (0, 0)
        self._buffer = bytearray()
        self._last_byte = 0
        self._out: deque[tuple[int, bytes]] = deque()

    @property
    def level(self) -> float:
        """What is heard, within the meter's range."""
        return self._heard

    def hear(self, level_db: float) -> None:
        """The level at the microphone from now on; shown within the meter's range to 0.1 dB."""
        self._heard = min(self.model.high_db, max(self.model.low_db, level_db))

    def mute(self, muted: bool) -> None:
        """While muted it answers nothing, as without supply."""
        self._muted = muted

    def freeze(self, frozen: bool) -> None:
        """While frozen it shows the same value for ever."""
        self._frozen = frozen

    def echo(self, echoes: bool) -> None:
        """Whether the transceiver hears itself: the host gets each request back."""
        self._echoes = echoes

    def damage(self, count: int) -> None:
        """The next ``count`` answers have a wrong CRC."""
        self._damaged = count

    def halve(self, count: int) -> None:
        """The next ``count`` answers end in the middle."""
        self._halved = count

    def refuse(self, code: int, count: int) -> None:
        """The next ``count`` answers are exception ``code``."""
        self._refused = (code, count)

    def restart(self, now: int) -> None:
        """Supply taken and given: a written address and baud count, what was under way is lost."""
        self._address = self._stored[ADDRESS]
        self.baud = next(baud for baud, index in _BAUD_INDEX.items() if index == self._stored[BAUD])
        self._renewed = None
        self._last_byte = now
        self._buffer.clear()
        self._out.clear()

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
            if self._echoes:
                self._out.append((now, request))
            if not self._muted and request[0] in (0, self._address):
                self._reply(request, now)

    def _reply(self, request: bytes, now: int) -> None:
        body = bytes((self._address,)) + self._answer(request, now)
        if request[0] == 0:
            return
        code, count = self._refused
        if count:
            self._refused = (code, count - 1)
            body = bytes((self._address, request[1] | 0x80, code))
        answer = seal(body)
        if self._damaged:
            self._damaged -= 1
            answer = answer[:-1] + bytes((answer[-1] ^ 0xFF,))
        if self._halved:
            self._halved -= 1
            answer = answer[: len(answer) // 2]
        self._out.append((now + self.delay_ms + self._line_ms(len(request) + len(answer)), answer))

    def _line_ms(self, count: int) -> int:
        """What ``count`` characters and a silence of 3.5 take, rounded up."""
        half_characters = 2 * count + 7
        return -(-half_characters * _CHARACTER_BITS * 1000 // (2 * self.baud))

    def _show(self, now: int) -> int:
        every = self.model.every_ms
        if not self._frozen and (self._renewed is None or now - self._renewed >= every):
            self._shown = self._heard
            self._renewed = now if self._renewed is None or not every else now - (now - self._renewed) % every
        return round(self._shown * 10)

    def _answer(self, request: bytes, now: int) -> bytes:
        function, register, count = struct.unpack_from(">BHH", request, 1)
        if function == _WRITE:
            return self._write(request, register, count)
        if function != _READ:
            return bytes((function | 0x80, _ILLEGAL_FUNCTION))
        if not 1 <= count <= 125:
            return bytes((function | 0x80, _ILLEGAL_VALUE))
        # the meter has one measuring register; those who ask for two get 0 in the second (M1495 example)
        shown = self._show(now)
        if register == LEVEL and count == 1:
            return struct.pack(">BBH", function, 2, shown)
        registers = {LEVEL: shown, **self._stored}
        registers |= dict.fromkeys(range(LEVEL + 1, LEVEL + self.model.registers), 0)
        wanted = range(register, register + count)
        if any(number not in registers for number in wanted):
            return bytes((function | 0x80, _ILLEGAL_ADDRESS))
        values = b"".join(struct.pack(">H", registers[number]) for number in wanted)
        return bytes((function, len(values))) + values

    def _write(self, request: bytes, register: int, value: int) -> bytes:
        allowed = {ADDRESS: range(1, 248), BAUD: range(len(_BAUD_INDEX))}
        if register not in allowed:
            return bytes((_WRITE | 0x80, _ILLEGAL_ADDRESS))
        if value not in allowed[register]:
            return bytes((_WRITE | 0x80, _ILLEGAL_VALUE))
        self._stored[register] = value
        return request[1:6]
