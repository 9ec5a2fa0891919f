"""Sound level meter on Modbus RTU (RS-485 through a serial port): one series of levels."""

import asyncio
from typing import Annotated, Final, Literal

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_edge.sensing.modbus_rtu import Refusal, Registers, Request, answer, why_not

from .base import Emit, Sampled, SeriesSpec
from .health import HealthReporter
from .patience import Patience
from .registry import Context, DeviceConfig, driver
from .serial_port import OpenPort, keep_open

_ANSWER_MS: Final = 1_000
_FAILURES: Final = 3
_MAX_ANSWER: Final = 256
_PLAUSIBLE_DB: Final = (20.0, 140.0)
_SOUND: Final = (Quantity.LEVEL, Quantity.LAEQ, Quantity.LAFMAX)


class ModbusSoundConfig(DeviceConfig, frozen=True, kw_only=True):
    """Level in dB = register x ``scale``; the label or manual of the device gives baud, address and both."""

    space: Slug
    port: Annotated[str, Meta(min_length=1)]
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 4800
    address: Annotated[int, Meta(ge=1, le=247)] = 1
    register: Annotated[int, Meta(ge=0, le=65_535)] = 0
    scale: Annotated[float, Meta(gt=0, le=100)] = 0.1
    quantity: Quantity = Quantity.LEVEL
    poll_s: Annotated[float, Meta(ge=0.1, le=3600)] = 1.0
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 45

    def __post_init__(self) -> None:
        if self.quantity not in _SOUND:
            raise ValueError(f"`quantity` of a sound meter is one of {', '.join(_SOUND)}")
        if self.poll_s > self.max_silence_s:
            raise ValueError("`poll_s` is longer than `max_silence_s`")

    def ports(self) -> tuple[str, ...]:
        return (self.port,)


@driver("modbus_sound", ModbusSoundConfig)
class ModbusSound:
    """One level a poll. Three failures in a row are an error of the device, the next good answer is ``ok``.

    A failure is an answer that does not come within 1 s, is damaged, an exception, or outside 20 to 140 dB.
    """

    def __init__(self, config: ModbusSoundConfig, context: Context) -> None:
        self.device = config.device
        self.series = (
            SeriesSpec(
                series=config.device,
                device=config.device,
                space=config.space,
                quantity=config.quantity,
                kind=SeriesKind.LEVEL,
                max_silence_s=config.max_silence_s,
            ),
        )
        self._config = config
        self._context = context

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)

        async def serve(port: OpenPort) -> None:
            talk = _Talk(self._config, self._context, port, health, emit)
            async with asyncio.TaskGroup() as group:
                group.create_task(talk.listen())
                group.create_task(talk.ask())

        await keep_open(self._config.port, self._config.baud, self._context, health, serve)


class _Talk:
    """Polls on one open port."""

    def __init__(
        self,
        config: ModbusSoundConfig,
        context: Context,
        port: OpenPort,
        health: HealthReporter,
        emit: Emit,
    ) -> None:
        self._config = config
        self._context = context
        self._world = context.world
        self._port = port
        self._health = health
        self._emit = emit
        self._request = Request(config.address, config.register)
        self._data = b""
        self._failures = 0
        self._open = False
        self._judged_at = 0
        self._over = asyncio.Event()

    async def ask(self) -> None:
        """Poll for ever."""
        frame = self._request.encode()
        poll_ms = round(self._config.poll_s * 1000)
        due = self._world.monotonic()
        while True:
            self._port.drain()  # what came late belongs to an earlier poll
            self._data, self._open = b"", True
            self._over.clear()
            patience = Patience(self._context, _ANSWER_MS)
            self._port.write(frame)
            # most answers are there long before the next poll, and nobody has to wait for them
            await self._world.sleep_until(min(due + poll_ms, self._world.monotonic() + _ANSWER_MS))
            if self._open:
                await self._late(patience)
            # a poll that took long is not made up for
            due += poll_ms * max(1, -(-(self._judged_at - due) // poll_ms))
            await self._world.sleep_until(due)

    async def _late(self, patience: Patience) -> None:
        """Wait for an answer until there is no more patience."""
        out = asyncio.ensure_future(patience.out())
        out.add_done_callback(lambda _: self._over.set())
        try:
            await self._over.wait()
        finally:
            out.cancel()
        if self._open:
            self._judge(why_not(self._request, self._data))

    async def listen(self) -> None:
        """Judge each answer when it is whole."""
        while True:
            more = await self._port.read()
            if not self._open:
                continue
            self._data += more
            found = answer(self._request, self._data)
            if found is None and len(self._data) > _MAX_ANSWER:
                self._judge(why_not(self._request, self._data))
            elif isinstance(found, Refusal):
                self._judge(found.reason)
            elif found is not None:
                self._judge(self._level(found))

    def _level(self, found: Registers) -> float | str:
        """The level in dB, or why it is none."""
        level = round(found.values[0] * self._config.scale, 3)
        low, high = _PLAUSIBLE_DB
        return level if low <= level <= high else f"implausible level {level:.1f} dB"

    def _judge(self, level: float | str) -> None:
        """The poll is over: with a level, or why there is none."""
        self._open, self._judged_at = False, self._world.monotonic()
        self._over.set()
        if isinstance(level, float):
            self._failures = 0
            self._health.report(Health.OK)
            self._emit(Sampled(self._config.device, self._world.now(), level))
            return
        self._failures += 1
        if self._failures >= _FAILURES:
            self._health.report(Health.ERROR, level)
        self._port.check_in_place()
