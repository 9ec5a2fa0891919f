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


class Signal:
    """An event for one who waits for it, or for a time, again and again."""

    def __init__(self) -> None:
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._set = True
        if self._waiter is not None:
            _resolve(self._waiter)

    def clear(self) -> None:
        self._set = False

    async def wait_until(self, world: World, until: int | None) -> None:
        """As :func:`wait_until`; one waits at a time."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        sleeper: asyncio.Task[None] | None = None
        if self._set:
            loop.call_soon(_resolve, waiter)  # who only ever finds news lets others run too
        elif until is not None:
            sleeper = asyncio.ensure_future(world.sleep_until(until))
            sleeper.add_done_callback(lambda _: _resolve(waiter))
        try:
            await waiter
        finally:
            self._waiter = None
            if sleeper is not None:
                sleeper.cancel()


def _resolve(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
