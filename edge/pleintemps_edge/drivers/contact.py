"""What every contact on a pin has in common: its raw edges, debounced."""

import asyncio
from collections.abc import Callable
from typing import Any

from pleintemps_contract.world import World
from pleintemps_edge.sensing.debounce import ContactState, Effect, step

from .gpio import edges


async def follow(source: Any, world: World, say: Callable[[Effect], None]) -> None:
    """Until cancelled, say each change of ``source`` once it has settled, the level at start as the first."""
    state = ContactState()
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
