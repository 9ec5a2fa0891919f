"""HLK-LD2410 presence radar on a serial port: one series of its status."""

import asyncio
from typing import Annotated, Final

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_edge.sensing.ld2410 import Reader, Report, Status

from .base import Emit, Sampled, SeriesSpec
from .health import HealthReporter
from .patience import Patience
from .registry import Context, DeviceConfig, driver
from .serial_port import OpenPort, keep_open

_BAUD: Final = 256_000
_SILENCE_MS: Final = 5_000


class Ld2410Config(DeviceConfig, frozen=True, kw_only=True):
    """``port`` is the serial port, relative to the configuration; 256000 baud, 8N1."""

    space: Slug
    port: Annotated[str, Meta(min_length=1)]
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 45

    def ports(self) -> tuple[str, ...]:
        return (self.port,)


@driver("ld2410", Ld2410Config)
class Ld2410:
    """Status 0 to 3 at every change, and again after an outage.

    Without a valid report for 5 s the device is ``silent``; while the radar calibrates its noise it says
    nothing of presence, and is ``silent`` too.
    """

    def __init__(self, config: Ld2410Config, context: Context) -> None:
        self.device = config.device
        self.series = (
            SeriesSpec(
                series=config.device,
                device=config.device,
                space=config.space,
                quantity=Quantity.RADAR,
                kind=SeriesKind.STATE,
                max_silence_s=config.max_silence_s,
            ),
        )
        self._port = config.port
        self._context = context
        self._said: Status | None = None

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)

        async def serve(port: OpenPort) -> None:
            self._said = None
            patience = Patience(self._context, _SILENCE_MS)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(port, patience, health))
                group.create_task(self._read(port, patience, health, emit))

        await keep_open(self._port, _BAUD, self._context, health, serve)

    async def _read(self, port: OpenPort, patience: Patience, health: HealthReporter, emit: Emit) -> None:
        reader = Reader()
        while True:
            for report in reader.feed(await port.read()):
                patience.renew()
                self._take(report, health, emit)

    def _take(self, report: Report, health: HealthReporter, emit: Emit) -> None:
        if report.status > Status.BOTH:
            self._said = None
            health.report(Health.SILENT, "noise calibration")
            return
        health.report(Health.OK)
        if report.status != self._said:
            self._said = report.status
            emit(Sampled(self.device, self._context.world.now(), float(report.status)))

    async def _watch(self, port: OpenPort, patience: Patience, health: HealthReporter) -> None:
        while True:
            await patience.out()
            self._said = None
            health.report(Health.SILENT, f"no report for {_SILENCE_MS // 1000} s")
            port.check_in_place()
            patience.renew()
