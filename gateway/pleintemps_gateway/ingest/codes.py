"""Codes that nobody asked for: of bookings from feeds, of rights, and offline codes two hours before."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from pleintemps_contract.envelope import Signer
from pleintemps_contract.logs import line
from pleintemps_gateway.access.duty import EasyDoor, easy_doors, needing_offline, without_credential
from pleintemps_gateway.access.service import CodeDesk, Issued, without_code
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import CodesExhaustedError
from pleintemps_gateway.store.writer import Writer

_WARN_MS: Final = 600_000
Job = Callable[[Connection], Issued | None]

_log = logging.getLogger(__name__)


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

    async def run(self) -> None:
        """Issue what is missing now; warn of doors that are easy to guess."""
        now = self._desk.world.monotonic()
        if self._warned is None or now >= self._warned + _WARN_MS:
            self._warned = now
            self._warn(await asyncio.to_thread(self._easy_doors))
        for job in await asyncio.to_thread(self._look):
            try:
                await asyncio.wrap_future(self._writer.submit(job))
            except CodesExhaustedError as error:
                _log.error(line("code-not-issued", site=self._site.site, error=error))
                break

    def _easy_doors(self) -> list[EasyDoor]:
        with self._engine.connect() as conn:
            return easy_doors(conn, self._site)

    def _look(self) -> list[Job]:
        desk, site, now = self._desk, self._site, self._desk.world.now()
        with self._engine.connect() as conn:
            jobs: list[Job] = [
                partial(desk.issue, site=site, booking=booking) for booking in without_code(conn, site, now)
            ]
            jobs += [
                partial(desk.issue_right, site=site, right=right, signer=self._signer())
                for right in without_credential(conn, site, now)
            ]
            jobs += [
                partial(desk.offline, site=site, booking=booking)
                for booking in needing_offline(conn, site, now)
            ]
            return jobs

    def _warn(self, easy: list[EasyDoor]) -> None:
        for each in easy:
            if each.door not in self._easy:
                facts = {"door": each.door, "codes": each.codes, "odds": f"{float(each.odds):.1e}"}
                _log.warning(line("codes-easy-to-guess", site=self._site.site, **facts))
        self._easy = frozenset(each.door for each in easy)
