"""What the rims of devices share."""

import asyncio
from typing import Any

from pleintemps_contract.world import World


async def until_due(world: World, due: int | None, wake: asyncio.Event) -> None:
    """Wait until ``due`` (monotonic ms; None is never) or until ``wake`` is set."""
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(wake.wait())]
    if due is not None:
        waits.append(asyncio.ensure_future(world.sleep_until(due)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
