"""One OSDP reader behind libosdp's control panel: bytes in and out, secure channel, events, commands.

libosdp keeps the protocol; this module keeps what it leaves to its user:

- ``osdp_sys``, its compiled module, is used directly: its calls do not block, so they run on the event loop
  and need no thread, and ``osdp.ControlPanel`` would add one and a queue without end. It is imported when
  the first session is made: an agent without OSDP readers never loads it.
- Its challenges come from the C library's ``rand``, which starts with the same numbers in every process: a
  recorded session could be played back to an agent that starts. So ``rand`` is sown afresh before each step
  that may draw a challenge.
- Replies pass :func:`pleintemps_edge.sensing.osdp.judge` before the library sees them: it takes a reply in a
  block of type 12 for a part of the secure channel although no MAC proves it.
- It waits 300 s after every failure: it is woken after one second.
- It goes by the wall clock, and sleeps as long as that one was set back: when it has said nothing for three
  seconds it is replaced.
- Keys and cards that a reader has kept from before the connection, or over an outage of more than two
  seconds, are nobody's wish any more: they are dropped until the reader has had nothing to say once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from pleintemps_contract.world import World
from pleintemps_edge.access.feedback import Light
from pleintemps_edge.sensing.osdp import NAK, Deframer, Frame, judge, nak, parse, with_crc

from .osdp_feedback import Buzzer, Led

LIBRARY: Final = "osdp_sys"
TICK_MS: Final = 20
_RETRY_MS: Final = 1_000
_STALE_MS: Final = 2_000
_STUCK_MS: Final = 3_000
_POLL: Final = 0x60
_ACK: Final = 0x40
_STEPS: Final = 2
"""The library needs one call to choose a command and one to send it."""
_ONLINE: Final = 1

_Words = Mapping[str, Any]
"""A command or event in libosdp's words (``osdp.h``, ``osdp_sys/data.c``)."""
_COLOURS: Final[dict[Light, str]] = {
    "off": "LED_COLOR_NONE",
    "red": "LED_COLOR_RED",
    "green": "LED_COLOR_GREEN",
    "amber": "LED_COLOR_AMBER",
}
_CANCEL: Final = 1
_SET_TEMPORARY: Final = 2
_SET_PERMANENT: Final = 1
_TONE_OFF: Final = 1
_TONE: Final = 2


def installed() -> bool:
    """Whether libosdp is there; does not load it."""
    return find_spec(LIBRARY) is not None


@dataclass(frozen=True, slots=True)
class Keys:
    """Bytes of a KEYPAD reply."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Card:
    """A RAW reply: ``count`` bits, left-aligned in ``data``."""

    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """A LSTATR reply."""

    tamper: bool
    power_fails: bool


Said = Keys | Card | LocalStatus


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is at the other end: ``address`` 0 to 126, ``key`` the 16 bytes of its site key.

    ``installing`` puts ``key`` into a reader that is on the default key; never so in service.
    """

    address: int
    key: bytes
    installing: bool = False


class Session:
    """The dialogue with one reader; on the event loop only, nothing here blocks.

    ``send`` puts bytes on the line. :meth:`receive` and :meth:`turn` may call it; what it raises comes out of
    them. ``line`` is the machine's clock, ``chance`` gives random bytes.
    """

    def __init__(self, reader: Reader, line: World, chance: World, send: Callable[[bytes], None]) -> None:
        import ctypes

        import osdp_sys

        self._lib = osdp_sys
        self.key_changed = False
        """The reader has taken the key of :meth:`change_key`."""
        self._line = line
        self._chance = chance
        self._channel = _Channel(reader, send)
        self._said: list[Said] = []
        self._refused: set[int] = set()
        self._wake_at: int | None = None
        self._ready = False
        self._heard = (0, 0)
        self._sow = ctypes.CDLL(None).srand
        self._reader = reader
        self._turned_at = self._spoke_at = line.monotonic()
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        self._panel = self._new_panel()

    def _new_panel(self) -> Any:
        lib = self._lib
        flags = lib.FLAG_ENABLE_NOTIFICATION | lib.FLAG_IGN_UNSOLICITED
        if not self._reader.installing:
            flags |= lib.FLAG_ENFORCE_SECURE
        info = {
            "name": "reader",
            "address": self._reader.address,
            "flags": flags,
            "scbk": self._reader.key,
            "channel": self._channel,
        }
        panel = lib.ControlPanel([info])
        panel.set_event_callback(self._happened)
        panel.set_command_completion_callback(self._completed)
        return panel

    def close(self) -> None:
        """Let the library go; the session is of no use afterwards."""
        self._panel = None

    @property
    def installing(self) -> bool:
        return self._reader.installing

    @property
    def secure(self) -> bool:
        """Whether the reader answers in a secure channel on its own key."""
        return bool(self._panel.status() & self._panel.sc_status() & 1)

    @property
    def ready(self) -> bool:
        """Whether it is secure, and what it says is new."""
        return self._ready and self.secure

    @property
    def in_clear(self) -> bool:
        """Whether the library goes on without a secure channel: an installation has failed."""
        return bool(self._panel.status() & ~self._panel.sc_status() & 1)

    @property
    def fault(self) -> str:
        """What was wrong with the reader's answers since it last was secure; empty if nothing was."""
        return self._channel.fault

    @property
    def frames(self) -> int:
        """How many frames of the reader have come; within a secure channel those that were believed."""
        return self._channel.frames

    @property
    def forged(self) -> int:
        """How many frames were refused within the secure channel, in all."""
        return self._channel.forged

    def receive(self, data: bytes) -> None:
        """Take bytes from the line."""
        self._channel.feed(data)
        frames, at = self._heard
        if self.frames != frames:
            now = self._line.monotonic()
            self._ready &= now - at <= _STALE_MS
            self._heard = (self.frames, now)
        self.turn()

    def turn(self) -> None:
        """Go on; to be called every :data:`TICK_MS`."""
        for _ in range(_STEPS):
            if not self.secure:
                self._sow(int.from_bytes(self._chance.random_bytes(4)))
            self._panel.refresh()
        secure = self.secure
        if secure and not self._channel.secure:
            self._channel.fault = ""
        self._channel.secure = secure
        self._ready = secure and (self._ready or self._channel.idle)
        self._channel.idle = False
        self._wake()
        self._unstick()
        self._channel.raise_lost()

    def take(self) -> list[Said]:
        """What the reader has said in its secure channel, oldest first; each is handed out once."""
        said, self._said = self._said, []
        return said

    def greet(self) -> None:
        """Ask for tamper and supply, and put the light out for the times when nothing is shown."""
        lib = self._lib
        self._submit({"command": lib.CMD_STATUS, "type": lib.STATUS_REPORT_LOCAL})
        self._led(temporary=False, control=_SET_PERMANENT, colour="off", on=1, off=0, timer=0)

    def show(self, command: Led | Buzzer) -> None:
        """Send ``command`` with the next turns, if the reader has what it is for."""
        if isinstance(command, Led):
            control = _SET_TEMPORARY if command.count else _CANCEL
            self._led(True, control, command.light, command.on, command.off, command.tenths)
        elif self._has(self._lib.CAP_READER_AUDIBLE_OUTPUT):
            self._submit(
                {
                    "command": self._lib.CMD_BUZZER,
                    "reader": 0,
                    "control_code": _TONE if command.count else _TONE_OFF,
                    "on_count": command.on,
                    "off_count": command.off,
                    "rep_count": command.count,
                }
            )

    def change_key(self, key: bytes) -> None:
        """Put ``key`` into the reader; :attr:`key_changed` tells that it has it, and ends this session."""
        self._submit({"command": self._lib.CMD_KEYSET, "type": 1, "data": key})

    def _led(self, temporary: bool, control: int, colour: Light, on: int, off: int, timer: int) -> None:
        if self._has(self._lib.CAP_READER_LED_CONTROL):
            self._submit(
                {
                    "command": self._lib.CMD_LED,
                    "reader": 0,
                    "led_number": 0,
                    "temporary": temporary,
                    "control_code": control,
                    "on_count": on,
                    "off_count": off,
                    "on_color": getattr(self._lib, _COLOURS[colour]),
                    "off_color": self._lib.LED_COLOR_NONE,
                    "timer_count": timer,
                }
            )

    def _submit(self, command: _Words) -> None:
        """Nothing is kept for a later connection, and nothing sent that the reader has refused before: a
        refusal costs the connection.
        """
        if self.secure and command["command"] not in self._refused:
            self._panel.submit_command(0, dict(command))

    def _has(self, function: int) -> bool:
        level, _count = self._panel.check_capability(0, function)
        return bool(level)

    def _happened(self, _reader: int, event: dict[str, Any]) -> int:
        lib = self._lib
        if event["event"] == lib.EVENT_NOTIFICATION:
            if event["type"] == lib.EVENT_NOTIFICATION_PD_STATUS and event["arg0"] != _ONLINE:
                self._wake_at = self._line.monotonic() + _RETRY_MS
        elif event["event"] == lib.EVENT_STATUS and event["type"] == lib.STATUS_REPORT_LOCAL and self.secure:
            tamper, power = event["report"]
            self._said.append(LocalStatus(bool(tamper), bool(power)))
        elif event["event"] == lib.EVENT_KEYPRESS and self.ready:
            self._said.append(Keys(event["data"]))
        elif event["event"] == lib.EVENT_CARDREAD and "length" in event and self.ready:
            self._said.append(Card(event["length"], event["data"]))
        event.clear()  # the binding never lets its dictionaries go, and typed digits are not to stay
        return 0

    def _completed(self, _reader: int, command: _Words, status: int) -> None:
        if status == self._lib.COMPLETION_OK:
            self.key_changed |= command["command"] == self._lib.CMD_KEYSET
        elif status == self._lib.COMPLETION_FAILED and self._channel.last_reply == NAK:
            self._refused.add(command["command"])

    def _unstick(self) -> None:
        now = self._line.monotonic()
        if self._channel.spoke or now - self._turned_at > _RETRY_MS:
            self._spoke_at = now
        elif now - self._spoke_at > _STUCK_MS:
            self._panel, self._wake_at, self._spoke_at = self._new_panel(), None, now
        self._channel.spoke = False
        self._turned_at = now

    def _wake(self) -> None:
        if self._wake_at is None:
            return
        if self._panel.is_pd_enabled(0):
            self._panel.disable_pd(0)
        elif self._line.monotonic() >= self._wake_at:
            self._wake_at = None
            self._panel.enable_pd(0)


class _Channel:
    """What libosdp reads from and writes to. It must not raise: an error is kept for :meth:`raise_lost`."""

    def __init__(self, reader: Reader, send: Callable[[bytes], None]) -> None:
        self.id = 0
        self.fault = ""
        self.frames = 0
        self.forged = 0
        self.secure = False
        self.last_reply = 0
        self.spoke = False
        self.idle = False
        """The reader has answered a poll with nothing, in its secure channel."""
        self._reader = reader
        self._send = send
        self._deframer = Deframer()
        self._command: Frame | None = None
        self._incoming = bytearray()
        self._lost: OSError | None = None

    def feed(self, data: bytes) -> None:
        for frame in self._deframer.feed(data):
            if not frame.is_reply:
                continue  # our own echo
            verdict = judge(self._command, frame, self._reader.key, installing=self._reader.installing)
            if verdict.fault and not self.secure:
                self.fault = verdict.fault
            self.frames += verdict.believed or not self.secure
            if verdict.believed:
                self.last_reply = frame.id
                polled = self._command is not None and self._command.id == _POLL
                self.idle |= self.secure and polled and frame.id == _ACK
                self._incoming += with_crc(frame)
            elif self.secure:
                self.forged += bool(verdict.fault)  # the true reply may still come
            elif verdict.fault:
                self.last_reply = 0
                self._incoming += nak(frame)

    def read(self, most: int) -> bytes:
        data = bytes(self._incoming[:most])
        del self._incoming[:most]
        return data

    def write(self, data: bytes) -> int:
        self.spoke = True
        self._command = parse(data.removeprefix(b"\xff"))
        try:
            self._send(data)
        except OSError as error:
            self._lost = error
        return len(data)

    def flush(self) -> None:
        self._incoming.clear()
        self._deframer.clear()

    def raise_lost(self) -> None:
        if self._lost is not None:
            lost, self._lost = self._lost, None
            raise lost
