"""Electric strike or magnet behind a relay: one output."""

from typing import Literal

from .gpio import Level, PinNumber, open_output
from .registry import Context, DeviceConfig, driver


class StrikeConfig(DeviceConfig, frozen=True, kw_only=True):
    """``energise`` is the level that energises the lock, ``wiring`` what an energised lock does."""

    pin: PinNumber
    energise: Level = "high"
    wiring: Literal["energise-to-unlock", "energise-to-lock"] = "energise-to-unlock"

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


@driver("strike", StrikeConfig, serves="lock")
class Strike:
    """A lock that a level holds. Made secured: the output goes straight to the level that secures."""

    confirms = False

    def __init__(self, config: StrikeConfig, context: Context) -> None:
        self.device = config.device
        self._locks_on = config.wiring == "energise-to-lock"
        self._resting = self._locks_on and not context.idle
        self._output = open_output(
            config.device, config.pin, config.energise, self._resting, context.pin_factory
        )

    @property
    def frees_when_idle(self) -> bool:
        """A magnet that holds by current lets go without it."""
        return self._locks_on

    def release(self) -> None:
        """Let the door be opened."""
        self._output.value = not self._locks_on

    def secure(self) -> None:
        """Keep the door shut."""
        self._resting = self._locks_on
        self._output.value = self._locks_on

    def idle(self) -> None:
        """Energise nothing."""
        self._resting = False
        self._output.value = False

    def close(self) -> None:
        """Give the pin back at rest; from then on the board's own resistor holds the level."""
        self._output.value = self._resting
        self._output.close()
