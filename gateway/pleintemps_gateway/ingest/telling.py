"""Telling sources of releases, off the event path: at least once, with growing pauses, until it is too late.

A row of ``tellings`` is the wish, the booking says what there is to tell: of several changes the last.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, select, update

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.bookings.sources.base import Release, Telling
from pleintemps_gateway.bookings.sources.telling import teller_of
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.courier import pause_ms
from pleintemps_gateway.errors import FeedError, LostSiteError, UntoldError
from pleintemps_gateway.privacy.finding import GONE
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings
from pleintemps_gateway.store.schema_rooms import tellings
from pleintemps_gateway.store.writer import Writer

LOOK_MS: Final = 2_000
GIVE_UP_MS: Final = 3_600_000
"""After the planned end of a booking its source is tried for so long."""
SHOWN_MS: Final = 7 * 86_400_000
"""A failure is shown for so long."""
_AT_ONCE: Final = 4
_MAX_ERROR: Final = 200

_log = logging.getLogger(__name__)


class Teller:
    """Tells the sources of ``sites``; a new process goes on where one ended."""

    def __init__(
        self,
        sites: Iterable[SiteConfig],
        engine: Engine,
        writer: Writer,
        world: World,
        held: Collection[str] | None = None,
    ) -> None:
        """``held``: those of ``sites`` that are ours now; all of them if it is left out."""
        self._tellers: dict[tuple[str, str], Telling] = {}
        for site in sites:
            for feed in site.sources:
                if (teller := teller_of(feed, site.zone)) is not None:
                    self._tellers[site.site, feed.feed] = teller
        self._held = held
        self._engine = engine
        self._writer = writer
        self._world = world
        self._down: set[tuple[str, str]] = set()
        self._threads = ThreadPoolExecutor(_AT_ONCE, "tellers")

    async def run(self) -> None:
        """Tell until cancelled."""
        while self._tellers:
            await self.tell_due()
            await self._world.sleep_until(self._world.monotonic() + LOOK_MS)
        await asyncio.Event().wait()  # nobody wants to be told

    async def tell_due(self) -> int:
        """Try everything that is due; how many were tried."""
        rows = await asyncio.to_thread(self._due)
        await asyncio.gather(*(self._tell(row) for row in rows))
        return len(rows)

    def _due(self) -> Sequence[Row[Any]]:
        now = self._world.now()
        same = (bookings.c.site == tellings.c.site) & (bookings.c.booking == tellings.c.booking)
        columns = [bookings.c[name] for name in ("uid", "start", "end", "planned_end", "released", "left")]
        wanted = (tellings.c.state == "queued") & (tellings.c.due <= now)
        old = (tellings.c.state == "failed") & (tellings.c.asked < now - SHOWN_MS)
        here = tellings.c.site.in_(
            {site for site, _ in self._tellers if self._held is None or site in self._held}
        )
        query = select(tellings, *columns).join(bookings, same).where(here, wanted | old)
        with self._engine.connect() as conn:
            return conn.execute(query.order_by(tellings.c.due).limit(20)).all()

    async def _tell(self, row: Row[Any]) -> None:
        teller = self._tellers.get((row.site, row.feed))
        if teller is None or row.state == "failed" or row.uid.startswith(GONE):
            await self._write(row, None)
            return
        release = _release(row)
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, teller.released, release)
        except FeedError as error:
            await self._failed(row, error, release)
            return
        if (row.site, row.feed) in self._down:
            self._down.discard((row.site, row.feed))
            _log.info(line("releases-told-again", site=row.site, feed=row.feed))
        await self._write(row, None)

    async def _failed(self, row: Row[Any], error: FeedError, release: Release) -> None:
        now, attempts = self._world.now(), row.attempts + 1
        values: dict[str, Any] = {"error": str(error)[:_MAX_ERROR], "attempts": attempts}
        if isinstance(error, UntoldError) or now >= release.planned_end + GIVE_UP_MS:
            values["state"] = "failed"
        else:
            values["due"] = now + pause_ms(attempts)
            if (row.site, row.feed) not in self._down:
                self._down.add((row.site, row.feed))
                _log.warning(line("releases-not-told", site=row.site, feed=row.feed, error=values["error"]))
        await self._write(row, values)

    async def _write(self, row: Row[Any], values: dict[str, Any] | None) -> None:
        """New ``values`` for a row, or its end; one that was asked for anew meanwhile stays as it is."""
        mine = (tellings.c.site == row.site) & (tellings.c.booking == row.booking)
        mine &= tellings.c.asked == row.asked
        change: Any = delete(tellings) if values is None else update(tellings).values(**values)

        def write(conn: Connection) -> None:
            conn.execute(change.where(mine))
            record_change(conn, row.site, "tellings", row.booking, self._world.now())

        with suppress(LostSiteError):  # who holds it now goes on from its row
            await asyncio.wrap_future(self._writer.submit(write, site=row.site))


def _release(row: Row[Any]) -> Release:
    if row.released is None:
        return Release(row.uid, row.start, row.end, row.end, "restored", row.asked)
    why = "left" if row.left is not None and row.left >= row.start else "no-show"
    return Release(row.uid, row.start, row.end, row.planned_end or row.end, why, row.asked)
