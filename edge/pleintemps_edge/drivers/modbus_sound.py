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
        self._request = Request(config.address, config.register)

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        world = self._context.world

        async def serve(port: OpenPort) -> None:
            failures = 0
            poll_ms = round(self._config.poll_s * 1000)
            due = world.monotonic()
            while True:
                level = await self._poll(port)
                if isinstance(level, float):
                    failures = 0
                    health.report(Health.OK)
                    emit(Sampled(self.device, world.now(), level))
                else:
                    failures += 1
                    if failures >= _FAILURES:
                        health.report(Health.ERROR, level)
                    port.check_in_place()
                # a poll that took long is not made up for
                due += poll_ms * max(1, -(-(world.monotonic() - due) // poll_ms))
                await world.sleep_until(due)

        await keep_open(self._config.port, self._config.baud, self._context, health, serve)

    async def _poll(self, port: OpenPort) -> float | str:
        """The level in dB, or why there is none."""
        port.drain()  # what came late belongs to an earlier poll
        port.write(self._request.encode())
        found = await self._answer(port)
        if isinstance(found, str):
            return found
        if isinstance(found, Refusal):
            return found.reason
        level = round(found.values[0] * self._config.scale, 3)
        low, high = _PLAUSIBLE_DB
        return level if low <= level <= high else f"implausible level {level:.1f} dB"

    async def _answer(self, port: OpenPort) -> Registers | Refusal | str:
        data = b""
        patience = asyncio.ensure_future(Patience(self._context, _ANSWER_MS).out())
        patience.add_done_callback(lambda _: port.wake())
        try:
            while len(data) <= _MAX_ANSWER and (more := await port.read()):
                data += more
                if (found := answer(self._request, data)) is not None:
                    return found
            return why_not(self._request, data)
        finally:
            patience.cancel()
