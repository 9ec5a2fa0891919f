"""What Hi-Link's radars (LD2410, LD2450) have in common: the command side of their serial line.

    FD FC FB FA | length u16 | word u16 | value | 04 03 02 01       little-endian, no checksum

The answer repeats the word with 0100 set, then status u16 (0 done, 1 failed) and a value. Any command wants
00FF before it and 00FE after the last; reports pause between the two. Times in monotonic milliseconds.
"""

import struct
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

COMMAND_HEAD: Final = bytes.fromhex("FDFCFBFA")
COMMAND_TAIL: Final = bytes.fromhex("04030201")
REPORT_MS: Final = 100
ACK_MS: Final = 10
RESTART_MS: Final = 1_000
BAUDS: Final = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 256_000, 460_800)
"""By their index in command 00A1, less one."""
FACTORY_BAUD: Final = 256_000
MAC: Final = bytes.fromhex("8F272EB80F65")
"""The manuals' example."""

_MAX_COMMAND: Final = 64
_OK: Final = 0
_FAILED: Final = 1

Command = Callable[[bytes, int], bytes | None]
"""Value and now in; the answer's value out, or None: failed."""


def encode_command(word: int, value: bytes = b"") -> bytes:
    """A command frame as a host sends it."""
    return COMMAND_HEAD + struct.pack("<HH", 2 + len(value), word) + value + COMMAND_TAIL


def encode_ack(word: int, status: int, value: bytes = b"") -> bytes:
    """The answer to command ``word``: the word with 0100 set, status 0 (done) or 1 (failed), value."""
    return encode_command(word | 0x0100, struct.pack("<H", status) + value)


def firmware(kind: int, major: int, minor: int, build: int) -> bytes:
    """The answer's value to 00A0: V``major``.``minor``.``build``, the latter three in hexadecimal digits."""
    return struct.pack("<HBBI", kind, minor, major, build)


class CommandLine:
    """Takes commands, answers after 10 ms, restarts. The radar adds ``commands`` of its own.

    ``on_boot`` is called with the moment at each restart, ``on_reset`` when factory settings are wanted.
    ``refusing`` is a fault: every command fails.
    """

    def __init__(
        self,
        version: bytes,
        commands: Mapping[int, Command],
        on_boot: Callable[[int], None],
        on_reset: Callable[[], None],
    ) -> None:
        self.baud = FACTORY_BAUD
        self.configuring = False
        self.bluetooth = True
        self.refusing = False
        self.mute = False
        """A fault: commands are obeyed and not answered."""
        self._on_boot = on_boot
        self._on_reset = on_reset
        self._baud_next = FACTORY_BAUD
        self._baud_at: int | None = None
        self._bluetooth_next = True
        self._deaf_until = 0
        self._next_report = 0
        self._buffer = bytearray()
        self._out: deque[tuple[int, bytes]] = deque()
        self._commands: dict[int, Command] = {
            0xA0: lambda _, __: version,
            0xA1: self._set_baud,
            0xA2: self._reset,
            0xA4: self._set_bluetooth,
            0xA5: lambda value, _: MAC if value == b"\x01\x00" else None,
            **commands,
        }

    def boot(self, now: int, pause: int) -> None:
        """Start, deaf and silent for ``pause`` ms; what takes effect at a restart does."""
        self.configuring = False
        self.bluetooth = self._bluetooth_next
        self._deaf_until = now + pause
        self._next_report = now + pause + REPORT_MS
        self._buffer.clear()
        self._on_boot(now)

    def due(self) -> int | None:
        """When there will next be something to send, or another speed to send it at."""
        if not (self._out or self._baud_at is not None or self.configuring):
            return self._next_report
        waiting = [self._out[0][0]] if self._out else []
        if self._baud_at is not None:
            waiting.append(self._baud_at)
        if not self.configuring:
            waiting.append(self._next_report)
        return min(waiting, default=None)

    def answers(self, now: int) -> bytes:
        """Answers that are on the line by ``now``; each is handed out once."""
        if not self._out and self._baud_at is None:
            return b""
        sent = bytearray()
        while self._out and self._out[0][0] <= now:
            sent += self._out.popleft()[1]
        if self._baud_at is not None and self._baud_at <= now and not sent:
            self.baud, self._baud_at = self._baud_next, None
        return bytes(sent)

    def reports(self, now: int) -> bool:
        """Whether a report is due; one however late we are, for a UART does not catch up."""
        if self.configuring or self._next_report > now:
            return False
        late = (now - self._next_report) // REPORT_MS
        self._next_report += (late + 1) * REPORT_MS
        return True

    def receive(self, data: bytes, now: int) -> None:
        """Bytes from the host; noise before a command is dropped byte by byte."""
        if now < self._deaf_until:
            return
        self._buffer += data
        while (command := self._next_command()) is not None:
            self._execute(command, now)

    def _next_command(self) -> bytes | None:
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
        if self.refusing:
            self._answer(encode_ack(word, _FAILED), now)
        elif word == 0xFF:
            self.configuring = True
            self._answer(encode_ack(word, _OK, bytes.fromhex("01004000")), now)
        elif not self.configuring:
            self._answer(encode_ack(word, _FAILED), now)
        elif word == 0xFE:
            self._answer(encode_ack(word, _OK), now)
            self.configuring = False
            self._next_report = now + REPORT_MS
        elif word == 0xA3:
            self._answer(encode_ack(word, _OK), now)
            self._baud_at = now + ACK_MS + 1  # the answer is still at the old speed
            self.boot(now, RESTART_MS)
        else:
            command = self._commands.get(word)
            answer = command(value, now) if command is not None else None
            if answer is None:
                self._answer(encode_ack(word, _FAILED), now)
            else:
                self._answer(encode_ack(word, _OK, answer), now)

    def _answer(self, frame: bytes, now: int) -> None:
        if not self.mute:
            self._out.append((now + ACK_MS, frame))

    def _set_baud(self, value: bytes, _: int) -> bytes | None:
        if len(value) != 2 or not 1 <= int.from_bytes(value, "little") <= len(BAUDS):
            return None
        self._baud_next = BAUDS[int.from_bytes(value, "little") - 1]
        return b""

    def _set_bluetooth(self, value: bytes, _: int) -> bytes | None:
        if value not in (b"\x00\x00", b"\x01\x00"):
            return None
        self._bluetooth_next = value == b"\x01\x00"
        return b""

    def _reset(self, _: bytes, __: int) -> bytes:
        self._baud_next = FACTORY_BAUD
        self._bluetooth_next = True
        self._on_reset()
        return b""
