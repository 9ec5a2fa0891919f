"""Following one calendar: read it off the event path, keep the last good answer, say when it is ill."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.logs import line
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings.places import to_occurrences
from pleintemps_gateway.bookings.service import Occurrence, follow_feed
from pleintemps_gateway.bookings.sources import registry
from pleintemps_gateway.bookings.sources.base import Hearing, Parsed, Rejected, SourceConfig
from pleintemps_gateway.errors import CalendarError, FeedError
from pleintemps_gateway.privacy.masking import blank_told, without_erased
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
            found, rejected = to_occurrences(parsed, self._memory.config.spaces, self._config.space)
            self._empty = 0 if found or parsed.told else self._empty + 1
        told = parsed is not None and parsed.told
        self._log_change(error)
        stored = self._writer.submit(lambda conn: self._store(conn, found, rejected, error, now, told))
        try:
            await asyncio.wrap_future(stored)
        except SQLAlchemyError:
            # one calendar with what no column takes must not end the process, now and after each start
            self._source.forget()
            self._log_change(_NOT_STORED)
            again = self._writer.submit(lambda conn: self._store(conn, None, [], _NOT_STORED, now))
            await asyncio.wrap_future(again)
            return False
        return found is not None

    async def _hear(self, now: int) -> None:
        if not isinstance(self._source, Hearing):
            return
        site, feed = self._memory.config, self._config.feed
        before = now - site.privacy.access_days * _DAY_MS

        def read(conn: Connection) -> list[bytes]:
            blank_told(conn, site.site, feed, self._desk.vault)
            return read_told(conn, site.site, feed, before)

        told = await asyncio.wrap_future(self._writer.submit(read))
        self._source.tell(told)

    def _log_change(self, error: str | None) -> None:
        if (error is not None) != self._ill:
            self._ill = error is not None
            event = "feed-down" if self._ill else "feed-up"
            _log.warning(line(event, site=self._memory.site, feed=self._config.feed, error=error or ""))

    def _store(
        self,
        conn: Connection,
        found: list[Occurrence] | None,
        rejected: list[Rejected],
        error: str | None,
        now: int,
        told: bool = False,
    ) -> None:
        site, feed = self._memory.site, self._config.feed
        old = conn.execute(select(feeds).where(feeds.c.site == site, feeds.c.feed == feed)).first()
        row: dict[str, Any] = {"etag": None, "bookings": 0, "rejected": 0, "good": None}
        if old is not None:
            row = dict(old._mapping)
        row |= {"site": site, "feed": feed, "tried": now, "error": error[:200] if error else None}
        if error is None:
            row["good"] = now
        if found is not None:
            if found or told or self._may_be_empty(conn, now):
                unreadable = frozenset(item.uid for item in rejected)
                named = without_erased(conn, site, feed, found, self._desk.vault)
                follow_feed(conn, self._memory.config, self._desk, feed, named, now, unreadable)
                row["bookings"] = len(found)
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
