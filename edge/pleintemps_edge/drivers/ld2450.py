"""HLK-LD2450 tracking radar on a serial port: motion as evidence, and how many targets it follows."""

import asyncio
from typing import Annotated, Final

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_edge.sensing.ld2450 import Reader, Tracker

from .base import Emit, Sampled, SeriesSpec
from .health import HealthReporter
from .patience import Patience
from .registry import Context, DeviceConfig, driver
from .serial_port import OpenPort, keep_open

_BAUD: Final = 256_000
_SILENCE_MS: Final = 5_000
_LONGEST_NAME: Final = 32


class Ld2450Config(DeviceConfig, frozen=True, kw_only=True):
    """``port`` is the serial port, relative to the configuration; 256000 baud, 8N1. ``hold_s`` is how long
    motion is said after the last target.
    """

    space: Slug
    port: Annotated[str, Meta(min_length=1)]
    hold_s: Annotated[float, Meta(ge=1, le=300)] = 15.0
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 45

    def __post_init__(self) -> None:
        if len(self.device) > _LONGEST_NAME:
            raise ValueError(f"`device` of a tracking radar has {_LONGEST_NAME} characters at most")

    def ports(self) -> tuple[str, ...]:
        return (self.port,)


@driver("ld2450", Ld2450Config)
class Ld2450:
    """Motion 0 or 1 and targets 0 to 3 at every change, and again after an outage.

    Without a valid report for 5 s the device is ``silent``.
    """

    def __init__(self, config: Ld2450Config, context: Context) -> None:
        self.device = config.device
        self._targets = f"{config.device}-targets"
        self.series = tuple(
            SeriesSpec(
                series=series,
                device=config.device,
                space=config.space,
                quantity=quantity,
                kind=SeriesKind.STATE,
                max_silence_s=config.max_silence_s,
            )
            for series, quantity in ((config.device, Quantity.MOTION), (self._targets, Quantity.TARGETS))
        )
        self._port = config.port
        self._context = context
        self._tracker = Tracker(round(config.hold_s * 1_000))

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)

        async def serve(port: OpenPort) -> None:
            self._tracker.forget()
            patience = Patience(self._context, _SILENCE_MS)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(port, patience, health))
                group.create_task(self._read(port, patience, health, emit))

        await keep_open(self._port, _BAUD, self._context, health, serve)

    async def _read(self, port: OpenPort, patience: Patience, health: HealthReporter, emit: Emit) -> None:
        reader = Reader()
        while True:
            for targets in reader.feed(await port.read()):
                patience.renew()
                health.report(Health.OK)
                self._take(len(targets), emit)

    def _take(self, count: int, emit: Emit) -> None:
        world = self._context.world
        told = self._tracker.take(count, world.monotonic())
        for series, value in ((self._targets, told.targets), (self.device, told.motion)):
            if value is not None:
                emit(Sampled(series, world.now(), float(value)))

    async def _watch(self, port: OpenPort, patience: Patience, health: HealthReporter) -> None:
        while True:
            await patience.out()
            self._tracker.forget()
            health.report(Health.SILENT, f"no report for {_SILENCE_MS // 1000} s")
            port.check_in_place()
            patience.renew()
