"""OSDP v2 reader with keypad, lamp, sounder and tamper switch: libosdp's peripheral behind a serial line.

Made as a reader comes from its maker (``key`` None: no key of its own, secure channel on the default key for
who installs one), or with the key that was put into it. A :class:`~.serial_core.SerialCore`: bytes in, bytes
out; libosdp reads the machine's own clock for its time-outs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_ENTER: Final = 0x0D
_DELETE: Final = 0x7F
_LEVEL: Final = 1
_ID_AT: Final = 5
_PDCAP: Final = 0x46
_CRC_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Lamp:
    """The last LED command: colours by their numbers (0 off, 1 red, 2 green, 3 amber), tenths of seconds."""

    temporary: bool
    control: int
    on: int
    off: int
    on_colour: int
    off_colour: int
    timer: int


@dataclass(frozen=True, slots=True)
class Sounder:
    """The last BUZ command, in tenths of seconds; ``control`` 1 is off, 2 the tone."""

    control: int
    on: int
    off: int
    count: int


class OsdpReader:
    """Answers as reader ``address``.

    ``key`` 16 bytes, or None for a reader on the default key. ``clear_only`` is a reader without a secure
    channel, ``denies_crc`` one that says it knows no CRC although it does, ``bare`` one without lamp and
    sounder.
    """

    def __init__(
        self,
        key: bytes | None,
        *,
        address: int = 0,
        clear_only: bool = False,
        denies_crc: bool = False,
        bare: bool = False,
        tamper: bool = False,
    ) -> None:
        import osdp_sys  # only who simulates such a reader needs it

        self._lib = osdp_sys
        self.key = key
        self.lamp: Lamp | None = None
        """The last temporary setting of the lamp."""
        self.resting: Lamp | None = None
        """The last permanent setting of the lamp."""
        self.sounder: Sounder | None = None
        self.orders: list[Lamp | Sounder] = []
        """Every order for lamp and sounder, in order."""
        self._address = address
        self._clear_only = clear_only
        self._denies_crc = denies_crc
        self._bare = bare
        self._muted = False
        self._status = [tamper, False]
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        self.restart()

    def restart(self) -> None:
        """Begin anew, as after a power cut: the key stays, connection and unsaid reports do not."""
        lib = self._lib
        self._wire = _Wire()
        self._reader: Any = lib.PeripheralDevice(
            {
                "name": "simulated",
                "address": self._address,
                "flags": 0 if self.key is None or self._clear_only else lib.FLAG_ENFORCE_SECURE,
                "scbk": self.key,
                "channel": self._wire,
                "version": 1,
                "model": 1,
                "vendor_code": 0x5054,
                "serial_number": 0x01020304,
                "firmware_version": 0x010203,
            },
            capabilities=self._capabilities(),
        )
        self._reader.set_command_callback(self._obey)

    def _capabilities(self) -> list[dict[str, int]]:
        lib = self._lib
        levels = {
            lib.CAP_CARD_DATA_FORMAT: _LEVEL,
            lib.CAP_READER_LED_CONTROL: 0 if self._bare else _LEVEL,
            lib.CAP_READER_AUDIBLE_OUTPUT: 0 if self._bare else _LEVEL,
            lib.CAP_READERS: _LEVEL,
        }
        return [
            {"function_code": function, "compliance_level": level, "num_items": 1}
            for function, level in levels.items()
        ]

    @property
    def secure(self) -> bool:
        """Whether a secure channel is open."""
        return bool(self._reader.is_sc_active())

    def press(self, keys: str) -> None:
        """Type ``keys``, of ``0-9*#``, in one report; raises ValueError for what is no key."""
        codes = {**{digit: ord(digit) for digit in "0123456789"}, "#": _ENTER, "*": _DELETE}
        if not keys or not set(keys) <= codes.keys():
            raise ValueError(f"{keys!r} are not keys: 0-9, * or #")
        data = bytes(codes[key] for key in keys)
        self._say({"event": self._lib.EVENT_KEYPRESS, "reader_no": 0, "data": data})

    def card(self, bits: str) -> None:
        """Read a card of ``bits``, 0s and 1s, the first on the left."""
        filled = bits.ljust(-(-len(bits) // 8) * 8, "0")
        data = bytes(int(filled[at : at + 8], 2) for at in range(0, len(filled), 8))
        self._say(
            {
                "event": self._lib.EVENT_CARDREAD,
                "reader_no": 0,
                "format": self._lib.CARD_FMT_RAW_WIEGAND,
                "direction": 0,
                "length": len(bits),
                "data": data,
            }
        )

    def tamper(self, open_: bool) -> None:
        """Open or close the housing."""
        self._status[0] = open_
        self._say_status()

    def power(self, fails: bool) -> None:
        """Let the supply fail, or come back."""
        self._status[1] = fails
        self._say_status()

    def mute(self, muted: bool) -> None:
        """While muted it hears and answers nothing, as with a cut line."""
        self._muted = muted

    def receive(self, data: bytes, now: int) -> None:
        if self._muted:
            return
        self._wire.incoming += data
        self._reader.refresh()

    def transmit(self, now: int) -> bytes:
        data = bytes(self._wire.outgoing)
        self._wire.outgoing.clear()
        return b"" if self._muted else self._own_levels(data)

    def due(self) -> int | None:
        return None

    def _own_levels(self, reply: bytes) -> bytes:
        """A list of capabilities without those that libosdp claims for every reader, and this one denies."""
        lib = self._lib
        denied = {lib.CAP_CHECK_CHARACTER_SUPPORT} if self._denies_crc else set()
        denied |= {lib.CAP_COMMUNICATION_SECURITY} if self._clear_only else set()
        mark = reply[:1] == b"\xff"
        if not denied or reply[mark + _ID_AT : mark + _ID_AT + 1] != bytes((_PDCAP,)):
            return reply
        body = bytearray(reply[mark:-_CRC_BYTES])
        for at in range(_ID_AT + 1, len(body), 3):
            if body[at] in denied:
                body[at + 1] = 0
        return reply[:mark] + bytes(body) + _crc(bytes(body))

    def _say(self, event: Mapping[str, Any]) -> None:
        """Report ``event`` at the next poll."""
        self._reader.submit_event(event)

    def _say_status(self) -> None:
        lib = self._lib
        self._say({"event": lib.EVENT_STATUS, "type": lib.STATUS_REPORT_LOCAL, "report": bytes(self._status)})

    def _obey(self, command: Mapping[str, Any]) -> tuple[int, Mapping[str, Any] | None]:
        lib = self._lib
        if command["command"] == lib.CMD_LED:
            self._light(command)
        elif command["command"] == lib.CMD_BUZZER:
            self.sounder = Sounder(
                command["control_code"], command["on_count"], command["off_count"], command["rep_count"]
            )
            self.orders.append(self.sounder)
        elif command["command"] == lib.CMD_KEYSET:
            self.key = bytes(command["data"])
        elif command["command"] == lib.CMD_STATUS and any(self._status):
            self._say_status()  # the binding's own answer to LSTAT is always "closed, supplied"
        # a tuple made anew: the binding takes a reference of its parts with it
        answer: Mapping[str, Any] | None = None
        return (0, answer)

    def _light(self, command: Mapping[str, Any]) -> None:
        lamp = Lamp(
            temporary=command["temporary"],
            control=command["control_code"],
            on=command["on_count"],
            off=command["off_count"],
            on_colour=command["on_color"],
            off_colour=command["off_color"],
            timer=command.get("timer_count", 0),
        )
        if lamp.temporary:
            self.lamp = lamp
        else:
            self.resting = lamp
        self.orders.append(lamp)


def _crc(body: bytes) -> bytes:
    """CRC-16, polynomial 1021, initial 1D0F, low byte first."""
    crc = 0x1D0F
    for byte in body:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc.to_bytes(2, "little")


class _Wire:
    """What libosdp reads from and writes to."""

    id = 0

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()

    def read(self, most: int) -> bytes:
        data = bytes(self.incoming[:most])
        del self.incoming[:most]
        return data

    def write(self, data: bytes) -> int:
        self.outgoing += data
        return len(data)

    def flush(self) -> None:
        self.incoming.clear()
