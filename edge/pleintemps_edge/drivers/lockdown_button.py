"""Attack button: locks down, entry only. One pin, debounced; a press counts once, however long it lasts."""

from .base import Emit, LockdownPressed
from .contact import Button, ButtonConfig
from .registry import Context, driver


@driver("lockdown_button", ButtonConfig, serves="lockdown")
class LockdownButton:
    """Says each press. One that stays pressed for a minute is an error until it is let go: a button that
    latches cannot be pressed again.
    """

    series = ()

    def __init__(self, config: ButtonConfig, context: Context) -> None:
        self.device = config.device
        self._button = Button(config, context)

    async def run(self, emit: Emit) -> None:
        def say(held: bool, now: int) -> None:
            if held:
                emit(LockdownPressed(self.device, now))

        await self._button.run(emit, say)
