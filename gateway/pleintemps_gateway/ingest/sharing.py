"""One ingest among several: sites that the leases bring or take begin and end here."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine

from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.errors import LostSiteError, StoreError
from pleintemps_gateway.keys import Peppers, load_all_peppers
from pleintemps_gateway.store.together import together
from pleintemps_gateway.store.writer import Writer

from .crew import Crew
from .leased import LeasedMemory
from .session import Session
from .site import SiteMemory

_READ_AT_ONCE: Final = 25
"""Sites that are read before the first of them is heard: each statement is of all of them."""
_BUSY: Final = 32
"""While so many jobs wait for the writer, what is not urgent waits as well, for ``_WAIT_MS`` a site."""
_WAIT_MS: Final = 200
_ASK_S: Final = 1.0
"""Between two looks whether the broker has refused a subscription."""
MakeSite = Callable[[SiteConfig, int, Peppers], SiteMemory]
"""Of a site, the epoch of our reign, and the secrets of its agents."""


class Sharing:
    """The :class:`pleintemps_gateway.leases.keeper.Owner` of an ingest process; ``crews`` are who works."""

    def __init__(
        self,
        config: GatewayConfig,
        world: World,
        engine: Engine,
        writer: Writer,
        memory: LeasedMemory,
        session: Session,
        make_site: MakeSite,
        make_crew: Callable[[SiteMemory], Crew],
        more: Callable[[str], list[Coroutine[Any, Any, None]]],
    ) -> None:
        """``more`` is what goes on beside a site's crew, as long as the site is ours."""
        self._sites = {site.site: site for site in config.sites}
        self._keys = Path(config.keys)
        self._world = world
        self._engine = engine
        self._writer = writer
        self._memory = memory
        self._session = session
        self._make_site = make_site
        self._make_crew = make_crew
        self._more = more
        self.crews: dict[str, Crew] = {}
        self._resting: deque[Crew] = deque()
        self._rested = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def take(self, tokens: Mapping[str, int]) -> None:
        """Read these sites, rule them, hear them, and say who rules: then agents send what has no receipt.

        Grants, calendars and all that is not urgent follow, one site after another.
        """
        wanted = list(tokens.items())
        peppers = await asyncio.to_thread(load_all_peppers, self._keys, tokens)
        for start in range(0, len(wanted), _READ_AT_ONCE):
            made = await asyncio.to_thread(self._read, wanted[start : start + _READ_AT_ONCE], peppers)
            self._memory.join(made)  # of the group in which the first message of theirs is
            for site in made:
                crew = self.crews[site.site] = self._make_crew(site)
                crew.at_work = False
                self._resting.append(crew)
            self._session.follow([site.site for site in made])
        self._rested.set()

    def _read(self, tokens: Collection[tuple[str, int]], peppers: Mapping[str, Peppers]) -> list[SiteMemory]:
        made = [self._make_site(self._sites[name], token, peppers[name]) for name, token in tokens]
        with self._engine.connect() as conn, together(conn, [site.site for site in made]):
            for site in made:
                site.speaker.listening = False  # agents that are told now would speak to nobody
                site.speaker.patient = True
                site.reload(conn)
        return made

    async def give(self, sites: Collection[str]) -> None:
        """Work for these no more; returns when everything of theirs is written."""
        for crew in [self.crews.pop(name) for name in sites if name in self.crews]:
            await crew.stop()
        self._session.unfollow(sites)
        self._memory.leave(sites)
        await asyncio.wrap_future(self._writer.submit(lambda _conn: None))

    def followed(self, sites: Collection[str]) -> None:
        """Called by the session's thread: what these sites say arrives from now on."""
        try:
            self._writer.submit(lambda _conn: self._memory.hear(sites))
        except StoreError:
            self._session.failed = True

    async def run(self) -> None:
        """Look after the subscriptions until cancelled; raises what has ended a crew."""
        beginning = asyncio.ensure_future(self._begin())
        ends = {self.failed, beginning}
        try:
            while not any(end.done() for end in ends):
                await asyncio.wait(ends, timeout=_ASK_S, return_when=asyncio.FIRST_COMPLETED)
                self._session.ask_again()
            for end in ends:
                if end.done():
                    end.result()
        finally:
            beginning.cancel()

    async def _begin(self) -> None:
        """What the sites that came last still lack, one after another; readings go first."""
        while True:
            await self._rested.wait()
            self._rested.clear()
            while self._resting:
                crew = self._resting.popleft()
                if self._writer.waiting > _BUSY:
                    await self._world.sleep_until(self._world.monotonic() + _WAIT_MS)
                with suppress(LostSiteError):
                    await asyncio.wrap_future(self._writer.submit(partial(_compose, crew), site=crew.site))
                    if self.crews.get(crew.site) is crew:
                        crew.start(self._more(crew.site), self._fail)

    async def stop(self) -> None:
        """End every crew."""
        for crew in self.crews.values():
            await crew.stop()

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)


def _compose(crew: Crew, _conn: Connection) -> None:
    """The group in which it stands composes the grants; what the broker holds of rooms was another's word."""
    site = crew.memory
    site.speaker.patient = False
    site.pending.messages += site.speaker.all_rooms()
