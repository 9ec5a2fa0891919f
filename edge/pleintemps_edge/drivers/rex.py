"""Request to exit: the contact of an inside handle or exit button, one pin, debounced."""

import asyncio
from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.sensing.debounce import Changed, Effect, Flap
from pleintemps_edge.waiting import wait_until

from .base import Emit, ExitRequested
from .contact import follow
from .gpio import Level, PinNumber, Pull, open_input
from .health import HealthReporter
from .registry import Context, DeviceConfig, driver

STUCK_MS: Final = 60_000
"""Nobody holds a handle for so long: it is wedged, and would hide every break-in."""


class RexConfig(DeviceConfig, frozen=True, kw_only=True):
    """With the contact between pin and ground and ``pull`` up, pressed is low, and a cut wire is nobody."""

    pin: PinNumber
    active_when: Level = "low"
    pull: Pull = "up"

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


@driver("rex", RexConfig, serves="exit")
class Rex:
    """Pressed and let go after debouncing; one that was pressed before the start counts from its next time.

    A contact that flaps, or is held for a minute, is an error of the device.
    """

    series = ()

    def __init__(self, config: RexConfig, context: Context) -> None:
        self.device = config.device
        self._active_level = config.active_when == "high"
        self._world = context.world
        self._input = open_input(config.device, config.pin, config.pull, context.pin_factory)
        self._known = False
        self._held_since: int | None = None
        self._moved = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        health.report(Health.OK)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    follow(self._input, self._world, lambda effect: self._say(effect, emit, health))
                )
                group.create_task(self._find_stuck(health))
        finally:
            self._input.close()

    def _say(self, effect: Effect, emit: Emit, health: HealthReporter) -> None:
        if isinstance(effect, Changed):
            held = effect.level == self._active_level
            now = self._world.monotonic()
            self._held_since = now if held else None
            self._moved.set()
            if self._known:
                emit(ExitRequested(self.device, held, now))
            self._known = True
            if not held:
                health.report(Health.OK)
        elif effect is Flap.FLAPPING:
            health.report(Health.ERROR, "contact flapping")
        else:
            health.report(Health.OK)

    async def _find_stuck(self, health: HealthReporter) -> None:
        while True:
            self._moved.clear()
            due = None if self._held_since is None else self._held_since + STUCK_MS
            if due is not None and self._world.monotonic() >= due:
                health.report(Health.ERROR, "held for a minute")
                due = None
            await wait_until(self._world, self._moved, due)
