"""Door contact (reed switch): one pin, debounced."""

from typing import Annotated

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_edge.sensing.debounce import Changed, Effect, Flap

from .base import ContactChanged, Emit, Sampled, SeriesSpec
from .contact import follow
from .gpio import Level, PinNumber, Pull, open_input
from .health import HealthReporter
from .registry import Context, DeviceConfig, driver


class ReedConfig(DeviceConfig, frozen=True, kw_only=True):
    """With the contact between pin and ground and ``pull`` up, open is high, and so is a cut wire."""

    space: Slug
    pin: PinNumber
    open_when: Level = "high"
    pull: Pull = "up"
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 45

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


@driver("reed", ReedConfig, serves="contact")
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
        health.report(Health.OK)
        try:
            await follow(self._input, self._world, lambda effect: self._say(effect, emit, health))
        finally:
            self._input.close()

    def _say(self, effect: Effect, emit: Emit, health: HealthReporter) -> None:
        if isinstance(effect, Changed):
            opened = effect.level == self._open_level
            at = self._world.now()
            emit(ContactChanged(self.device, opened, at, self._world.monotonic()))
            emit(Sampled(self.device, at, float(opened)))
        elif effect is Flap.FLAPPING:
            health.report(Health.ERROR, "contact flapping")
        else:
            health.report(Health.OK)
