"""What contacts on a pin have in common: edges debounced, buttons that people press, loops that get cut."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.world import World
from pleintemps_edge.sensing.debounce import Changed, ContactState, Effect, Flap, Timing, step
from pleintemps_edge.waiting import wait_until

from .base import Emit
from .gpio import Level, PinNumber, Pull, edges, open_input
from .health import HealthReporter
from .registry import Context, DeviceConfig

STUCK_MS: Final = 60_000
"""Nobody holds a handle or a button for so long: it is wedged."""
_USUAL: Final = Timing()

Say = Callable[[bool, int], None]
"""Told what is news and since when: the World's monotonic ms."""


async def follow(source: Any, world: World, say: Callable[[Effect], None], timing: Timing = _USUAL) -> None:
    """Until cancelled, say each change of ``source`` once it has settled, the level at start as the first."""
    state = ContactState(timing)
    unsettled = asyncio.Event()

    def advance(level: bool | None) -> None:
        nonlocal state
        state, effects = step(state, level, world.monotonic())
        for effect in effects:
            say(effect)
        if state.due is None:
            unsettled.clear()
        else:
            unsettled.set()

    def take(_ticks: Any, level: bool) -> None:
        advance(level)

    with edges(source, "both", take):
        advance(bool(source.pin.state))
        while True:
            await unsettled.wait()
            if state.due is not None:  # an edge meanwhile only moves it later
                await world.sleep_until(state.due)
            advance(None)


class ButtonConfig(DeviceConfig, frozen=True, kw_only=True):
    """With the contact between pin and ground and ``pull`` up, pressed is low, and a cut wire is nobody."""

    pin: PinNumber
    active_when: Level = "low"
    pull: Pull = "up"

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


class Button:
    """Pressed and let go after debouncing; one that was pressed before the start counts from its next time.

    A contact that flaps, or is held for a minute, is an error of the device.
    """

    def __init__(self, config: ButtonConfig, context: Context) -> None:
        self._device = config.device
        self._active_level = config.active_when == "high"
        self._world = context.world
        self._input = open_input(config.device, config.pin, config.pull, context.pin_factory)
        self._known = False
        self._held_since: int | None = None
        self._moved = asyncio.Event()

    async def run(self, emit: Emit, say: Say) -> None:
        """Say True at each press and False at its end, until cancelled."""
        health = HealthReporter(self._device, emit)
        health.report(Health.OK)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    follow(self._input, self._world, lambda effect: self._take(effect, say, health))
                )
                group.create_task(self._find_stuck(health))
        finally:
            self._input.close()

    def _take(self, effect: Effect, say: Say, health: HealthReporter) -> None:
        if isinstance(effect, Changed):
            held = effect.level == self._active_level
            now = self._world.monotonic()
            self._held_since = now if held else None
            self._moved.set()
            if self._known:
                say(held, now)
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


class LoopConfig(DeviceConfig, frozen=True, kw_only=True):
    """With a loop that rests closed between pin and ground and ``pull`` up, active is high: the contact has
    opened, or the wire is cut.
    """

    pin: PinNumber
    active_when: Level = "high"
    pull: Pull = "up"

    def pins(self) -> tuple[int, ...]:
        return (self.pin,)


class Loop:
    """A loop that is active or not, said once at start and at each change. While it flaps it is active."""

    def __init__(
        self, config: LoopConfig, context: Context, *, active_ms: int, clear_ms: int, unsettled_ms: int
    ) -> None:
        """``active_ms`` and ``clear_ms`` are how long each must last; unrest of ``unsettled_ms`` flaps."""
        self._device = config.device
        self._active_level = config.active_when == "high"
        high, low = (active_ms, clear_ms) if self._active_level else (clear_ms, active_ms)
        self._timing = Timing(low_ms=low, high_ms=high, unsettled_ms=unsettled_ms)
        self._world = context.world
        self._input = open_input(config.device, config.pin, config.pull, context.pin_factory)
        self._settled: bool | None = None
        self._said: bool | None = None

    async def run(self, emit: Emit, say: Say) -> None:
        """Say True when it is active and False when it is not, until cancelled."""
        health = HealthReporter(self._device, emit)
        health.report(Health.OK)
        try:
            await follow(
                self._input, self._world, lambda effect: self._take(effect, say, health), self._timing
            )
        finally:
            self._input.close()

    def _take(self, effect: Effect, say: Say, health: HealthReporter) -> None:
        active: bool | None
        if effect is Flap.FLAPPING:
            active = True
            health.report(Health.ERROR, "loop flapping")
        elif isinstance(effect, Changed):
            active = self._settled = effect.level == self._active_level
        else:
            active = self._settled
            health.report(Health.OK)
        if active is not None and active is not self._said:
            self._said = active
            say(active, self._world.monotonic())
