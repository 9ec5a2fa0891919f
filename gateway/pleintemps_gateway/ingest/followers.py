"""Taking notice of what other processes write: ten looks a second at the change feed of every site."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from sqlalchemy import Engine

from pleintemps_gateway.errors import LostSiteError
from pleintemps_gateway.store.changes import told_since
from pleintemps_gateway.store.inline import InlineWriter
from pleintemps_gateway.store.writer import Writer

from .crew import Crew
from .following import FOLLOWED

FOLLOW_S: Final = 0.1
"""Real seconds between two looks at what other processes have written."""


class Follower:
    """Of all sites that ``crews`` has at the moment."""

    def __init__(self, engine: Engine, writer: Writer, crews: Callable[[], Mapping[str, Crew]]) -> None:
        self._engine = engine
        self._writer = writer
        self._crews = crews

    async def run(self) -> None:
        """Until cancelled."""
        never = asyncio.Event()
        while True:
            before = self._writer.changed.copy() if isinstance(self._writer, InlineWriter) else None
            await self._look()
            if isinstance(self._writer, InlineWriter) and before is not None:
                await self._changed(self._writer, before)
            try:
                await asyncio.wait_for(never.wait(), FOLLOW_S)
            except TimeoutError:
                continue

    @staticmethod
    async def _changed(writer: InlineWriter, before: Counter[str]) -> None:
        """Return when there was a change since ``before`` of which somebody has to take notice."""
        while all(before[kind] == writer.changed[kind] for kind in FOLLOWED):
            await writer.written.wait()
            writer.written.clear()

    async def _look(self) -> None:
        crews = dict(self._crews())
        since = {name: crew.memory.followed for name, crew in crews.items()}
        for name, news in (await asyncio.to_thread(self._news, since)).items():
            with suppress(LostSiteError):
                await self._follow(crews[name], *news)

    async def _follow(self, crew: Crew, through: int, told: bool) -> None:
        if not told:
            crew.memory.followed = through
        else:
            found = await asyncio.wrap_future(self._writer.submit(crew.memory.follow, site=crew.site))
            crew.codes.wake(found.bookings, found.rights)
        for feed in crew.memory.take_hooked():
            crew.tell(feed)

    def _news(self, since: dict[str, int]) -> dict[str, tuple[int, bool]]:
        with self._engine.connect() as conn:
            return told_since(conn, since, FOLLOWED)
