"""A light or sign that warns the people in a room: one output behind a relay, dark from the start."""

import asyncio

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.errors import LockError

from .base import Emit
from .gpio import Level, PinNumber, give_back, open_output, put
from .health import HealthReporter
from .registry import Context, DeviceConfig, driver


class WarningLightConfig(DeviceConfig, frozen=True, kw_only=True):
    """``energise`` is the level of ``pin`` that lights it."""

    pin: PinNumber
    energise: Level = "high"

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


@driver("warning_light", WarningLightConfig, serves="signal")
class WarningLight:
    """Lights and goes dark as it is told; says of itself only whether its output obeys."""

    series = ()

    def __init__(self, config: WarningLightConfig, context: Context) -> None:
        self.device = config.device
        self._output = open_output(config.device, config.pin, config.energise, False, context.pin_factory)
        self._health: HealthReporter | None = None

    def warn(self, on: bool) -> None:
        """Light it, or make it dark; raises LockError if the output does not obey."""
        try:
            put(self.device, self._output, on)
        except LockError:
            if self._health is not None:
                self._health.report(Health.ERROR, "its output does not obey")
            raise
        if self._health is not None:
            self._health.report(Health.OK)

    async def run(self, emit: Emit) -> None:
        self._health = HealthReporter(self.device, emit)
        self._health.report(Health.OK)
        try:
            await asyncio.Event().wait()
        finally:
            give_back(self._output, False)
