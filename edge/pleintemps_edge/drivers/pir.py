"""Passive infrared motion detector (HC-SR501 class): one pin, one series of motion."""

import asyncio
from typing import Annotated, Any

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_edge.sensing.pir import PirState, step

from .base import Emit, HealthChanged, Sampled, SeriesSpec
from .gpio import Level, PinNumber, Pull, edges, open_input
from .registry import Context, DeviceConfig, driver


class PirConfig(DeviceConfig, frozen=True, kw_only=True):
    """``warm_up_s`` seconds after start the output is not believed; 0 for a detector that stays powered."""

    space: Slug
    pin: PinNumber
    motion_when: Level = "high"
    pull: Pull = "down"
    warm_up_s: Annotated[float, Meta(ge=0, le=600)] = 60.0
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 45

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


@driver("pir", PirConfig)
class Pir:
    """Motion 0 or 1 on every change, and once when the warm-up is over."""

    def __init__(self, config: PirConfig, context: Context) -> None:
        self.device = config.device
        self.series = (
            SeriesSpec(
                series=config.device,
                device=config.device,
                space=config.space,
                quantity=Quantity.MOTION,
                kind=SeriesKind.STATE,
                max_silence_s=config.max_silence_s,
            ),
        )
        self._config = config
        self._world = context.world
        self._input = open_input(config.device, config.pin, config.pull, context.pin_factory)

    async def run(self, emit: Emit) -> None:
        warm_at = self._world.monotonic() + int(self._config.warm_up_s * 1000)
        state = PirState(warm_at)

        def take(_ticks: Any, level: bool) -> None:
            nonlocal state
            motion = level == (self._config.motion_when == "high")
            state, news = step(state, motion, self._world.monotonic())
            if news is not None:
                emit(Sampled(self.device, self._world.now(), float(news)))

        try:
            with edges(self._input, "both", take):
                if self._config.warm_up_s:
                    emit(HealthChanged(self.device, Health.OK, "warming up"))
                    await self._world.sleep_until(warm_at)
                emit(HealthChanged(self.device, Health.OK, ""))
                take(None, bool(self._input.pin.state))
                await asyncio.Event().wait()
        finally:
            self._input.close()
