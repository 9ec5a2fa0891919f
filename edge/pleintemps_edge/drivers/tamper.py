"""Tamper contact of a housing, which rests closed; one pin, debounced."""

from pleintemps_edge.sensing.debounce import STABLE_MS, UNSETTLED_MS

from .base import Emit, TamperChanged
from .contact import Loop, LoopConfig
from .registry import Context, driver


@driver("tamper", LoopConfig)
class Tamper:
    """Active while the housing is open, the wire is cut or the contact flaps; said once at start."""

    series = ()

    def __init__(self, config: LoopConfig, context: Context) -> None:
        self.device = config.device
        self._loop = Loop(config, context, active_ms=STABLE_MS, clear_ms=STABLE_MS, unsettled_ms=UNSETTLED_MS)

    async def run(self, emit: Emit) -> None:
        await self._loop.run(emit, lambda active, now: emit(TamperChanged(self.device, active, now)))
