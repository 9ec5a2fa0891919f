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

    def __init__(self, config: StrikeConfig, context: Context) -> None:
        self.device = config.device
        self._locks_on = config.wiring == "energise-to-lock"
        self._output = open_output(
            config.device, config.pin, config.energise, self._locks_on, context.pin_factory
        )

    def release(self) -> None:
        """Let the door be opened."""
        self._output.value = not self._locks_on

    def secure(self) -> None:
        """Keep the door shut."""
        self._output.value = self._locks_on

    def close(self) -> None:
        """Give the pin back, secured; from then on the board's own resistor holds the level."""
        self.secure()
        self._output.close()
