"""Everything that works for one site beside the writer's memory of it: calendars, codes, rules that look by
themselves, house-keeping.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import Engine

from pleintemps_contract.envelope import Signer
from pleintemps_contract.world import World
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings.sources.base import SourceConfig
from pleintemps_gateway.store.writer import Writer

from .codes import CodeKeeper
from .feeds import FeedFollower
from .hours_keeper import HourKeeper
from .housekeeping import Housekeeper
from .judge import Judge
from .releases import Releaser
from .settling import Settler
from .site import SiteMemory


class Crew:
    """Of one site, as long as it is ours. What :meth:`tasks` gives runs until cancelled."""

    def __init__(
        self,
        memory: SiteMemory,
        desk: CodeDesk,
        engine: Engine,
        writer: Writer,
        signer: Callable[[], Signer],
    ) -> None:
        """``signer`` is who signs tokens now."""
        self.memory = memory
        self.site = memory.site
        self._desk = desk
        self._writer = writer
        self.codes = CodeKeeper(memory.config, desk, engine, writer, signer)
        self.housekeeper = Housekeeper(memory.config, desk.world)
        self.releaser = Releaser(memory, desk)
        self.judge = Judge(memory, desk)
        self.settler = Settler(memory, engine, writer)
        self.hours = HourKeeper(memory, engine, writer)
        self._told = {feed.feed: asyncio.Event() for feed in memory.config.sources}
        self._tasks: list[asyncio.Task[None]] = []
        self.at_work = True
        """Whether what is not urgent may begin: rules that look by themselves, hours, house-keeping."""

    @property
    def _world(self) -> World:
        return self._desk.world

    def tell(self, feed: str) -> None:
        """Something was told of a calendar: read it at once."""
        if waiting := self._told.get(feed):
            waiting.set()

    def hear(self) -> None:
        """Read every calendar at once."""
        for told in self._told.values():
            told.set()

    def feeding(self) -> list[Coroutine[Any, Any, None]]:
        """One for each calendar."""
        return [self._feed(feed) for feed in self.memory.config.sources]

    async def _feed(self, feed: SourceConfig) -> None:
        follower = FeedFollower(feed, self.memory, self._writer, self._desk)
        told = self._told[feed.feed]
        while True:
            told.clear()  # before the poll: what is told meanwhile is read at once after it
            due = self._world.monotonic() + round(feed.poll_s * 1000)
            await follower.poll()
            waits = [asyncio.ensure_future(each) for each in (self._world.sleep_until(due), told.wait())]
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
            finally:
                for each in waits:
                    each.cancel()

    # --- where sites come and go ----------------------------------------------------------------------

    def start(self, more: list[Coroutine[Any, Any, None]], failed: Callable[[BaseException], None]) -> None:
        """Work, with ``more`` that goes with this site; ``failed`` gets what ends it before :meth:`stop`."""

        def ended(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                failed(error)

        self.at_work = True
        for work in (self.codes.run(), *self.feeding(), *more):
            task = asyncio.ensure_future(work)
            task.add_done_callback(ended)
            self._tasks.append(task)

    async def stop(self) -> None:
        """End what was started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
