"""Codes that nobody asked for: of bookings from feeds, of rights, and offline codes two hours before."""

import asyncio
import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine

from pleintemps_contract.envelope import Signer
from pleintemps_contract.logs import line
from pleintemps_gateway.access.duty import EasyDoor, easy_doors, needing_offline, without_credential
from pleintemps_gateway.access.service import CodeDesk, Issued, without_code
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import CodesExhaustedError
from pleintemps_gateway.store.writer import Writer

_WARN_MS: Final = 600_000
_MANY: Final = 200
"""So many that changed at once are not named one by one."""
Job = Callable[[Connection], Issued | None]

_log = logging.getLogger(__name__)


class _Changed(NamedTuple):
    """Names of what has changed since the last look."""

    bookings: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()


_NOTHING: Final = _Changed()


class CodeKeeper:
    """Looks what one site needs, and lets the writer issue it, one after another: each costs milliseconds."""

    def __init__(
        self,
        site: SiteConfig,
        desk: CodeDesk,
        engine: Engine,
        writer: Writer,
        signer: Callable[[], Signer],
    ) -> None:
        """``signer`` is who signs tokens now."""
        self._site = site
        self._desk = desk
        self._engine = engine
        self._writer = writer
        self._signer = signer
        self._easy: frozenset[str] = frozenset()
        self._warned: int | None = None
        self._woken = asyncio.Event()
        self._changed: _Changed | None = None

    def wake(self, bookings: Collection[str], rights: Collection[str]) -> None:
        """Look at what has changed; what else is due is found by :meth:`wake_for_all`, once a minute."""
        if self._changed is not None and (bookings or rights):
            own, entitled = self._changed
            changed = _Changed(own.union(bookings), entitled.union(rights))
            self._changed = None if max(map(len, changed)) > _MANY else changed
            self._woken.set()

    def wake_for_all(self) -> None:
        self._changed = None
        self._woken.set()

    async def run(self) -> None:
        """Issue what is missing, first of everything, whenever something has changed; until cancelled."""
        while True:
            self._woken.clear()
            changed, self._changed = self._changed, _NOTHING
            await self._issue(changed)
            await self._woken.wait()

    async def _issue(self, changed: "_Changed | None") -> None:
        now = self._desk.world.monotonic()
        if self._warned is None or now >= self._warned + _WARN_MS:
            self._warned = now
            self._warn(await asyncio.to_thread(self._easy_doors))
        for job in await asyncio.to_thread(self._look, changed):
            try:
                await asyncio.wrap_future(self._writer.submit(job, site=self._site.site))
            except CodesExhaustedError as error:
                _log.error(line("code-not-issued", site=self._site.site, error=error))
                break

    def _easy_doors(self) -> list[EasyDoor]:
        with self._engine.connect() as conn:
            return easy_doors(conn, self._site)

    def _look(self, changed: "_Changed | None") -> list[Job]:
        desk, site, now = self._desk, self._site, self._desk.world.now()
        some, entitled = (None, None) if changed is None else changed
        with self._engine.connect() as conn:
            jobs: list[Job] = [
                partial(desk.issue, site=site, booking=booking)
                for booking in without_code(conn, site, now, among=some)
            ]
            jobs += [
                partial(desk.issue_right, site=site, right=right, signer=self._signer())
                for right in without_credential(conn, site, now, entitled)
            ]
            jobs += [
                partial(desk.offline, site=site, booking=booking)
                for booking in needing_offline(conn, site, now, some)
            ]
            return jobs

    def _warn(self, easy: list[EasyDoor]) -> None:
        for each in easy:
            if each.door not in self._easy:
                facts = {"door": each.door, "codes": each.codes, "odds": f"{float(each.odds):.1e}"}
                _log.warning(line("codes-easy-to-guess", site=self._site.site, **facts))
        self._easy = frozenset(each.door for each in easy)
