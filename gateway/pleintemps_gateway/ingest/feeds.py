"""Following one calendar: read it off the event path, keep the last good answer, say when it is ill."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.logs import line
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings.following import Following, Place
from pleintemps_gateway.bookings.places import to_occurrences
from pleintemps_gateway.bookings.service import Occurrence
from pleintemps_gateway.bookings.sources import registry
from pleintemps_gateway.bookings.sources.base import Hearing, Parsed, Rejected, SourceConfig
from pleintemps_gateway.errors import CalendarError, FeedError
from pleintemps_gateway.privacy.masking import blank_told
from pleintemps_gateway.store.schema import bookings, feeds
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.store.writer import Writer

from .hooked import read_told
from .refusals import reason_of
from .site import SiteMemory

EMPTY_POLLS: Final = 2
"""So many empty answers in a row are not believed while bookings are ahead."""
_DAY_MS: Final = 86_400_000
_NOT_STORED: Final = "the store does not take it"
# apart from the threads that look for commands: slow calendars must not hold an unlock
_threads: Final = ThreadPoolExecutor(4, "calendars")

T = TypeVar("T")
_log = logging.getLogger(__name__)


class FeedFollower:
    """One feed of one site."""

    def __init__(self, config: SourceConfig, memory: SiteMemory, writer: Writer, desk: CodeDesk) -> None:
        self._config = config
        self._memory = memory
        self._writer = writer
        self._desk = desk
        self._source = registry.build(config, memory.config.zone)
        self._empty = 0
        self._ill = False

    async def poll(self) -> bool:
        """Read the calendar once and make the store follow; whether the store may have changed."""
        now = self._desk.world.now()
        error: str | None = None
        parsed: Parsed | None = None
        found: list[Occurrence] | None = None
        rejected: list[Rejected] = []
        await self._hear(now)
        try:
            loop = asyncio.get_running_loop()
            parsed = await loop.run_in_executor(_threads, self._source.read, now)
        except (FeedError, CalendarError) as failure:
            error = str(failure)
            if isinstance(self._source, Hearing):
                parsed = self._source.remembered()  # what webhooks told must not wait for the polling
        if parsed is not None:
            site = self._memory.config
            found, rejected = to_occurrences(
                parsed, site.spaces, self._config.space, site.rules.amplified_words
            )
            self._empty = 0 if found or parsed.told else self._empty + 1
        self._log_change(error)
        try:
            named, refused = await self._follow(found, rejected, now, told=parsed is not None and parsed.told)
            rejected += refused
            await self._do(lambda conn: self._store(conn, named, rejected, error, now))
        except SQLAlchemyError:
            # one calendar with what no column takes must not end the process, now and after each start
            self._source.forget()
            self._log_change(_NOT_STORED)
            await self._do(lambda conn: self._store(conn, None, [], _NOT_STORED, now))
            return False
        return found is not None

    async def _follow(
        self, found: list[Occurrence] | None, rejected: list[Rejected], now: int, *, told: bool
    ) -> tuple[int | None, list[Rejected]]:
        """How many bookings the feed names that are stored, None if it said nothing, or nothing that is
        believed; and what the store refused.
        """
        if found is None or not (found or told or await self._do(lambda conn: self._may_be_empty(conn, now))):
            return None, []
        unreadable = frozenset(item.uid for item in rejected)
        site, feed = self._memory.config, self._config.feed
        following, place = Following(site, self._desk, feed, found, now, unreadable), Place()
        while not place.done:
            place = await self._do(partial(following.step, place=place))
        refused = following.refused
        return len(found) - len(refused), refused

    async def _do(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(job, site=self._memory.site))

    async def _hear(self, now: int) -> None:
        if not isinstance(self._source, Hearing):
            return
        site, feed = self._memory.config, self._config.feed
        before = now - site.privacy.access_days * _DAY_MS

        def read(conn: Connection) -> list[bytes]:
            blank_told(conn, site.site, feed, self._desk.vault)
            return read_told(conn, site.site, feed, before)

        self._source.tell(await self._do(read))

    def _log_change(self, error: str | None) -> None:
        if (error is not None) != self._ill:
            self._ill = error is not None
            event = "feed-down" if self._ill else "feed-up"
            _log.warning(line(event, site=self._memory.site, feed=self._config.feed, error=error or ""))

    def _store(
        self,
        conn: Connection,
        named: int | None,
        rejected: list[Rejected],
        error: str | None,
        now: int,
    ) -> None:
        site, feed = self._memory.site, self._config.feed
        old = conn.execute(select(feeds).where(feeds.c.site == site, feeds.c.feed == feed)).first()
        row: dict[str, Any] = {"etag": None, "bookings": 0, "rejected": 0, "good": None}
        if old is not None:
            row = dict(old._mapping)
        row |= {"site": site, "feed": feed, "tried": now, "error": error[:200] if error else None}
        if error is None:
            row["good"] = now
        if named is not None:
            row["bookings"] = named
        if rejected or named is not None:
            row["rejected"] = len(rejected)
        for item in rejected:
            self._memory.refuse(f"feed/{feed}", reason_of(item.reason))
        upsert(conn, feeds, [row])
        self._memory.pending.changes["feeds", feed] = None
        self._memory.engine.on_feed(feed, error, now)

    def _may_be_empty(self, conn: Connection, now: int) -> bool:
        """Whether an answer without bookings is believed: nothing is ahead, or it was so often enough."""
        ahead = select(bookings.c.booking).where(
            bookings.c.site == self._memory.site,
            bookings.c.source == self._config.feed,
            bookings.c.status == "confirmed",
            bookings.c.end > now,
        )
        if conn.execute(ahead.limit(1)).first() is None:
            return True
        self._source.forget()  # an empty answer is asked for again, not taken for unchanged
        return self._empty > EMPTY_POLLS
