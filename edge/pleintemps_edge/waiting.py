"""Waiting for whichever comes first: an event or a time."""

import asyncio

from pleintemps_contract.world import World


async def wait_until(world: World, event: asyncio.Event, until: int | None) -> None:
    """Return when ``event`` is set or ``world``'s monotonic time has reached ``until`` (None is never)."""
    if until is None:
        await event.wait()
        return
    sleeper = asyncio.ensure_future(world.sleep_until(until))
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({sleeper, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # not awaited: a cancellation that came meanwhile would be taken for theirs
        sleeper.cancel()
        waiter.cancel()
