"""Request to exit: the contact of an inside handle or exit button, one pin, debounced."""

from .base import Emit, ExitRequested
from .contact import Button, ButtonConfig
from .registry import Context, driver


@driver("rex", ButtonConfig, serves="exit")
class Rex:
    """Pressed and let go; one that is wedged would hide every break-in, so after a minute it is an error."""

    series = ()

    def __init__(self, config: ButtonConfig, context: Context) -> None:
        self.device = config.device
        self._button = Button(config, context)

    async def run(self, emit: Emit) -> None:
        await self._button.run(emit, lambda held, now: emit(ExitRequested(self.device, held, now)))
