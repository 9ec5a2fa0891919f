"""Door contact (reed switch): one pin, debounced."""

import asyncio
from typing import Annotated, Any

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_edge.sensing.debounce import Changed, ContactState, Flap, step

from .base import ContactChanged, Emit, Sampled, SeriesSpec
from .gpio import Level, PinNumber, Pull, edges, open_input
from .health import HealthReporter
from .registry import Context, DeviceConfig, driver


class ReedConfig(DeviceConfig, frozen=True, kw_only=True):
    """With the contact between pin and ground and ``pull`` up, open is high, and so is a cut wire."""

    space: Slug
    pin: PinNumber
    open_when: Level = "high"
    pull: Pull = "up"
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 90

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


@driver("reed", ReedConfig)
class Reed:
    """Open and closed after debouncing, and once at start; a flapping contact is an error of the device."""

    def __init__(self, config: ReedConfig, context: Context) -> None:
        self.device = config.device
        self.series = (
            SeriesSpec(
                series=config.device,
                device=config.device,
                space=config.space,
                quantity=Quantity.CONTACT,
                kind=SeriesKind.STATE,
                max_silence_s=config.max_silence_s,
            ),
        )
        self._open_level = config.open_when == "high"
        self._world = context.world
        self._input = open_input(config.device, config.pin, config.pull, context.pin_factory)

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        state = ContactState()
        unsettled = asyncio.Event()

        def advance(level: bool | None) -> None:
            nonlocal state
            state, effects = step(state, level, self._world.monotonic())
            for effect in effects:
                self._say(effect, emit, health)
            if state.due is None:
                unsettled.clear()
            else:
                unsettled.set()

        def take(_ticks: Any, level: bool) -> None:
            advance(level)

        try:
            with edges(self._input, "both", take):
                health.report(Health.OK)
                advance(bool(self._input.pin.state))
                while True:
                    await unsettled.wait()
                    if state.due is not None:  # an edge meanwhile only moves it later
                        await self._world.sleep_until(state.due)
                    advance(None)
        finally:
            self._input.close()

    def _say(self, effect: Changed | Flap, emit: Emit, health: HealthReporter) -> None:
        if isinstance(effect, Changed):
            opened = effect.level == self._open_level
            at = self._world.now()
            emit(ContactChanged(self.device, opened, at, self._world.monotonic()))
            emit(Sampled(self.device, at, float(opened)))
        elif effect is Flap.FLAPPING:
            health.report(Health.ERROR, "contact flapping")
        else:
            health.report(Health.OK)
