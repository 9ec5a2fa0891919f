"""Reader of QR codes or NFC tags that sends each as a line of text on a serial port."""

import asyncio
from typing import Annotated, Final, Literal

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.sensing.lines import Garbage, Line, Lines

from .base import Emit, TokenRead
from .health import HealthReporter
from .patience import Patience
from .registry import Context, DeviceConfig, driver
from .serial_port import OpenPort, keep_open

_END_MS: Final = 1_000
"""A line whose end does not come for so long is none."""
_LOOK_MS: Final = 5_000
_BAD: Final = 3
"""So many bad lines in a row are an error of the device."""


class TokenReaderConfig(DeviceConfig, frozen=True, kw_only=True):
    """``port`` is the serial port, relative to the configuration; 8N1, each text ended by CR, LF or both."""

    port: Annotated[str, Meta(min_length=1)]
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 9600

    def ports(self) -> tuple[str, ...]:
        return (self.port,)


@driver("token_reader", TokenReaderConfig, serves="readers")
class TokenReader:
    """What was read, whatever it is: whether it opens is decided elsewhere.

    Such a reader says nothing of itself: the device is ``ok`` while its port is open. Three lines in a row
    that are no text, without an end, or longer than 1024 bytes, are an error with their number; a good one
    ends it.
    """

    series = ()

    def __init__(self, config: TokenReaderConfig, context: Context) -> None:
        self.device = config.device
        self._config = config
        self._context = context

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)

        async def serve(port: OpenPort) -> None:
            health.report(Health.OK)
            stream = _Stream(self.device, self._context, health, emit)
            async with asyncio.TaskGroup() as group:
                group.create_task(stream.read(port))
                group.create_task(stream.give_up())
                group.create_task(self._look(port))

        await keep_open(self._config.port, self._config.baud, self._context, health, serve)

    async def _look(self, port: OpenPort) -> None:
        """A port that is silent by nature has to be looked after."""
        while True:
            await Patience(self._context, _LOOK_MS).out()
            port.check_in_place()


class _Stream:
    """What comes over one open port."""

    def __init__(self, device: str, context: Context, health: HealthReporter, emit: Emit) -> None:
        self._device = device
        self._world = context.world
        self._health = health
        self._emit = emit
        self._lines = Lines()
        self._patience = Patience(context, _END_MS)
        self._bad = 0

    async def read(self, port: OpenPort) -> None:
        while True:
            data = await port.read()
            self._patience.renew()
            self._take(self._lines.feed(data))

    async def give_up(self) -> None:
        """Forget lines whose end does not come."""
        while True:
            await self._patience.out()
            self._take(self._lines.give_up())
            self._patience.renew()

    def _take(self, found: list[Line | Garbage]) -> None:
        for each in found:
            if isinstance(each, Line):
                self._bad = 0
                self._health.report(Health.OK)
                self._emit(TokenRead(self._device, each.text, self._world.monotonic()))
                continue
            self._bad += 1
            if self._bad >= _BAD:
                self._health.report(Health.ERROR, f"{self._bad} lines in a row were no tokens: {each.reason}")
