"""Fire panel: a second contact of its relay, which rests closed; one pin.

The first contact cuts the lock's supply by itself. This one tells the agent, so that it stops energising too.
"""

from typing import Final

from .base import Emit, FireChanged
from .contact import Loop, LoopConfig
from .registry import Context, driver

ACTIVE_MS: Final = 10
"""A cut that lasts so long is a fire: longer than a relay bounces, shorter than anybody notices."""
CLEAR_MS: Final = 250
"""So long the loop must be whole again."""
UNSETTLED_MS: Final = 300
"""A loop that chatters with cuts shorter than ``ACTIVE_MS`` is active after this time: it flaps."""


@driver("fire", LoopConfig, serves="fire")
class Fire:
    """Active while the loop is open or flaps, said once at start and at each change."""

    series = ()

    def __init__(self, config: LoopConfig, context: Context) -> None:
        self.device = config.device
        self._loop = Loop(config, context, active_ms=ACTIVE_MS, clear_ms=CLEAR_MS, unsettled_ms=UNSETTLED_MS)

    async def run(self, emit: Emit) -> None:
        await self._loop.run(emit, lambda active, now: emit(FireChanged(self.device, active, now)))
