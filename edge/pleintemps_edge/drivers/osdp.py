"""OSDP v2 reader on a serial port (RS-485): keys, cards, tamper, light, sound; in its secure channel only."""

import asyncio
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open
from pleintemps_edge.sensing.osdp import DEFAULT_KEY, KEY_BYTES, card_of, key_of

from .base import CardRead, Emit, Feedback, KeyPressed, TamperChanged, Unreadable
from .health import HealthReporter
from .osdp_feedback import Show
from .osdp_session import TICK_MS, Card, Keys, Reader, Said, Session, installed
from .patience import Patience
from .registry import Context, DeviceConfig, driver
from .serial_port import OpenPort, keep_open

_SILENCE_MS: Final = 3_000
_KEY_PAUSE_MS: Final = 5_000
_FORGED_MS: Final = 60_000


class OsdpConfig(DeviceConfig, frozen=True, kw_only=True):
    """``key_file`` holds the reader's site key, see :func:`read_key`; ``osdp-install`` writes it."""

    port: Annotated[str, Meta(min_length=1)]
    key_file: Annotated[str, Meta(min_length=1)]
    address: Annotated[int, Meta(ge=0, le=126)] = 0
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600
    swap_star_hash: bool = False

    def __post_init__(self) -> None:
        if not installed():
            raise ValueError("`driver` osdp needs libosdp, which is not installed: pip install libosdp")

    def ports(self) -> tuple[str, ...]:
        return (self.port,)


def read_key(path: Path) -> bytes:
    """The key in ``path``, 32 hexadecimal digits, readable by its owner only; raises KeyFileError.

    A key that everybody knows is none: all zeros, or the standard's default.
    """
    try:
        refuse_if_open(path)
        text = path.read_text("ascii").strip()
        key = bytes.fromhex(text)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    except KeyFileError:
        raise
    except ValueError as error:
        raise KeyFileError(f"{path}: want 32 hexadecimal digits") from error
    if len(key) != KEY_BYTES or len(text) != 2 * KEY_BYTES:
        raise KeyFileError(f"{path}: want 32 hexadecimal digits")
    if key in (DEFAULT_KEY, bytes(KEY_BYTES)):
        raise KeyFileError(f"{path}: that key is known to everybody")
    return key


@driver("osdp", OsdpConfig, serves="readers")
class Osdp:
    """Keys, cards, and tamper (an open housing or failing supply), at each connection and when it changes.

    The device is ``ok`` while the reader answers in a secure channel on its own key, ``silent`` after 3 s
    without an answer, and an ``error`` when it answers otherwise: in clear, or on another key. Then nothing
    of it is believed, and nothing is shown by it. A missing key is looked for every 5 s.
    """

    series = ()

    def __init__(self, config: OsdpConfig, context: Context) -> None:
        self.device = config.device
        self._config = config
        self._context = context
        self._show = Show()
        self._port: OpenPort | None = None

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        reader = Reader(self._config.address, await self._key(health))
        session = Session(reader, self._context.line, self._context.world, self._send)

        async def serve(port: OpenPort) -> None:
            link = _Link(self.device, self._context, session, self._show, self._config.swap_star_hash)
            self._port = port
            async with asyncio.TaskGroup() as group:
                group.create_task(link.read(port, health, emit))
                group.create_task(link.tick(health, emit))
                group.create_task(link.watch(port, health))

        try:
            await keep_open(self._config.port, self._config.baud, self._context, health, serve)
        finally:
            session.close()

    def show(self, feedback: Feedback) -> None:
        self._show.begin(feedback, self._context.line.monotonic())

    async def _key(self, health: HealthReporter) -> bytes:
        world = self._context.world
        while True:
            try:
                return read_key(self._context.base / self._config.key_file)
            except KeyFileError as error:
                health.report(Health.ERROR, f"{error}; osdp-install makes a key")
            await world.sleep_until(world.monotonic() + _KEY_PAUSE_MS)

    def _send(self, data: bytes) -> None:
        if self._port is not None:
            self._port.write(data)


class _Link:
    """One open port of one reader."""

    def __init__(self, device: str, context: Context, session: Session, show: Show, swap: bool) -> None:
        self._device = device
        self._world = context.world
        self._line = context.line
        self._session = session
        self._show = show
        self._swap = swap
        self._patience = Patience(context, _SILENCE_MS)
        self._frames = session.frames
        self._secure = False
        self._forged = session.forged
        self._warn_until = 0

    async def read(self, port: OpenPort, health: HealthReporter, emit: Emit) -> None:
        while True:
            self._session.receive(await port.read())
            self._look(health, emit)

    async def tick(self, health: HealthReporter, emit: Emit) -> None:
        while True:
            self._session.turn()
            self._look(health, emit)
            await self._line.sleep_until(self._line.monotonic() + TICK_MS)

    async def watch(self, port: OpenPort, health: HealthReporter) -> None:
        """Say that the reader is silent."""
        while True:
            await self._patience.out()
            health.report(Health.SILENT, f"no answer for {_SILENCE_MS // 1000} s")
            port.check_in_place()
            self._patience.renew()

    def _look(self, health: HealthReporter, emit: Emit) -> None:
        """What the last step has brought."""
        session = self._session
        heard, self._frames = session.frames != self._frames, session.frames
        if session.secure and not self._secure:
            session.greet()
        self._secure = session.secure
        if heard:
            self._patience.renew()
        if session.forged != self._forged:
            self._forged, self._warn_until = session.forged, self._world.monotonic() + _FORGED_MS
            heard = True
        if heard:
            self._judge(health)
        for said in session.take():
            self._say(said, emit)
        for command in self._show.due(self._line.monotonic()):
            session.show(command)

    def _judge(self, health: HealthReporter) -> None:
        session = self._session
        if not session.secure and session.fault:
            health.report(Health.ERROR, f"it {session.fault}")
        elif session.secure and self._world.monotonic() < self._warn_until:
            health.report(Health.ERROR, "somebody else speaks on its line: frames that nothing proves")
        elif session.ready:
            health.report(Health.OK)

    def _say(self, said: Said, emit: Emit) -> None:
        now = self._world.monotonic()
        if isinstance(said, Keys):
            for key in (key_of(byte, self._swap) for byte in said.data):
                emit(KeyPressed(self._device, key, now) if key else self._unreadable("a byte that is no key"))
        elif isinstance(said, Card):
            card = card_of(said.count, said.data)
            emit(CardRead(self._device, card, now) if card else self._unreadable("a card that was misread"))
        else:
            emit(TamperChanged(self._device, said.tamper or said.power_fails, now))

    def _unreadable(self, reason: str) -> Unreadable:
        return Unreadable(self._device, reason, self._world.monotonic())
