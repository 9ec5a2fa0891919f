"""Taking notice of what other processes write: ten looks a second at the change feed of every site."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_gateway.errors import GatewayError, LostSiteError, StoreError
from pleintemps_gateway.store.changes import told_since
from pleintemps_gateway.store.inline import InlineWriter
from pleintemps_gateway.store.writer import Writer

from .crew import Crew
from .following import FOLLOWED, Followed
from .hints import hear

FOLLOW_S: Final = 0.1
"""Real seconds between two looks at what other processes have written."""
REST_S: Final = 0.02
"""A site is looked at for a word so often at most: who says much at once does not hold the others up."""


class Follower:
    """Of all sites that ``crews`` has at the moment."""

    def __init__(self, engine: Engine, writer: Writer, crews: Callable[[], Mapping[str, Crew]]) -> None:
        self._engine = engine
        self._writer = writer
        self._crews = crews
        self._told_of: set[str] = set()
        self._looks: set[asyncio.Future[None]] = set()
        self._rests: dict[str, float] = {}

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

    async def hear(self) -> None:
        """Look at a site as soon as another process says that it has written there; until cancelled."""
        await hear(self._engine, self._told)

    def _told(self, site: str) -> None:
        crew = self._crews().get(site)
        if crew is not None and site not in self._told_of:
            self._told_of.add(site)
            loop = asyncio.get_running_loop()
            if loop.time() >= (due := self._rests.get(site, 0.0)):
                self._begin(crew)  # another round of the loop would wait for the interpreter again
            else:
                loop.call_at(due, self._begin, crew)

    def _begin(self, crew: Crew) -> None:
        def look(conn: Connection) -> Followed:
            self._told_of.discard(crew.site)  # what is said from now on this look may not see
            return crew.memory.follow(conn)

        self._rests[crew.site] = asyncio.get_running_loop().time() + REST_S
        try:
            looked = self._writer.submit(look, site=crew.site, urgent=True)
        except StoreError:
            self._told_of.discard(crew.site)
            return
        looking = asyncio.ensure_future(self._look_at(crew, looked))
        self._looks.add(looking)
        looking.add_done_callback(self._looks.discard)

    async def _look_at(self, crew: Crew, looked: "Future[Followed]") -> None:
        try:
            with suppress(GatewayError, SQLAlchemyError):  # the other look finds it as well, or says why not
                await self._followed(crew, looked)
        finally:
            self._told_of.discard(crew.site)

    async def _follow(self, crew: Crew, through: int, told: bool) -> None:
        if not told:
            crew.memory.followed = max(through, crew.memory.followed)
        else:
            await self._followed(crew, self._writer.submit(crew.memory.follow, site=crew.site))

    async def _followed(self, crew: Crew, looked: "Future[Followed]") -> None:
        found = await asyncio.wrap_future(looked)
        crew.codes.wake(found.bookings, found.rights)
        for feed in crew.memory.take_hooked():
            crew.tell(feed)

    def _news(self, since: dict[str, int]) -> dict[str, tuple[int, bool]]:
        with self._engine.connect() as conn:
            return told_since(conn, since, FOLLOWED)
