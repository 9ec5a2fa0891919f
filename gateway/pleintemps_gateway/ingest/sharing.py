"""One ingest among several: sites that the leases bring or take begin and end here."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.keys import Peppers, load_all_peppers
from pleintemps_gateway.store.together import together
from pleintemps_gateway.store.writer import Writer

from .crew import Crew
from .leased import LeasedMemory
from .session import Session
from .site import SiteMemory

_READ_AT_ONCE: Final = 8
"""Sites that are read before the first of them is ruled: reading one takes some 10 ms."""
_ASK_S: Final = 1.0
"""Between two looks whether the broker has refused a subscription."""
MakeSite = Callable[[SiteConfig, int, Peppers], SiteMemory]
"""Of a site, the epoch of our reign, and the secrets of its agents."""


class Sharing:
    """The :class:`pleintemps_gateway.leases.keeper.Owner` of an ingest process; ``crews`` are who works."""

    def __init__(
        self,
        config: GatewayConfig,
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
        self._engine = engine
        self._writer = writer
        self._memory = memory
        self._session = session
        self._make_site = make_site
        self._make_crew = make_crew
        self._more = more
        self.crews: dict[str, Crew] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def take(self, tokens: Mapping[str, int]) -> None:
        """Read these sites, rule them, hear them, and say who rules: then agents send what has no receipt."""
        wanted = list(tokens.items())
        peppers = await asyncio.to_thread(load_all_peppers, self._keys, tokens)
        for start in range(0, len(wanted), _READ_AT_ONCE):
            made = await asyncio.to_thread(self._read, wanted[start : start + _READ_AT_ONCE], peppers)
            self._memory.join(made)
            await asyncio.wrap_future(self._writer.submit(lambda _conn: None))
            for site in made:
                crew = self.crews[site.site] = self._make_crew(site)
                crew.start(self._more(site.site), self._fail)
            self._session.follow([site.site for site in made])

    def _read(self, tokens: Collection[tuple[str, int]], peppers: Mapping[str, Peppers]) -> list[SiteMemory]:
        made = [self._make_site(self._sites[name], token, peppers[name]) for name, token in tokens]
        with self._engine.connect() as conn, together(conn, [site.site for site in made]):
            for site in made:
                site.speaker.listening = False  # agents that are told now would speak to nobody
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
            self._writer.submit(lambda _conn: self._memory.announce_some(sites))
        except StoreError:
            self._session.failed = True

    async def run(self) -> None:
        """Look after the subscriptions until cancelled; raises what has ended a crew."""
        while not self.failed.done():
            await asyncio.wait({self.failed}, timeout=_ASK_S)
            self._session.ask_again()
        self.failed.result()

    async def stop(self) -> None:
        """End every crew."""
        for crew in self.crews.values():
            await crew.stop()

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)
