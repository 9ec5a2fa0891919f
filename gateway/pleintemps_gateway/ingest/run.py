"""The ingest process: owns all sites from take-over to stop, or those that its leases give it."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.cores import GatewayBroker, GatewayLine
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.audit.daily import sign_daily
from pleintemps_gateway.backup.copies import last_made
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.connections.guarded import Networks, Poster
from pleintemps_gateway.connections.post_office import PostOffice
from pleintemps_gateway.delivery.courier import Courier
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.delivery.setup import channels_of
from pleintemps_gateway.errors import (
    DeposedError,
    GatewayError,
    LostSiteError,
    StoreBusyError,
    StoreError,
)
from pleintemps_gateway.home_assistant.bridge import SOURCE, Bridge
from pleintemps_gateway.keys import Peppers, load_all_peppers, load_gateway_keys
from pleintemps_gateway.leases.keeper import LeaseKeeper
from pleintemps_gateway.leases.name import name_of
from pleintemps_gateway.notify.bell import Bell
from pleintemps_gateway.notify.duty import DutyBook
from pleintemps_gateway.notify.ringer import MorningPost, Ringer
from pleintemps_gateway.report.sending import report_maker
from pleintemps_gateway.series.standing import Standing
from pleintemps_gateway.series.writer import SeriesWriter
from pleintemps_gateway.signing import fingerprint, load_signing
from pleintemps_gateway.store import raw
from pleintemps_gateway.store.answer import Answer
from pleintemps_gateway.store.changes import is_told_since
from pleintemps_gateway.store.engine import is_shared, migrate, open_engine, write_transaction
from pleintemps_gateway.store.inline import InlineWriter
from pleintemps_gateway.store.schema import deliveries, usage
from pleintemps_gateway.store.writer import Writer

from .arrivals import Taking
from .crew import Crew
from .followers import FOLLOW_S, Follower
from .following import FOLLOWED
from .hours_keeper import LOOK_MS as HOURS_LOOK_MS
from .leased import LeasedMemory
from .memory import GatewayMemory, take_over
from .session import BUSY_S, PahoBroker, Session
from .settling import LOOK_MS
from .sharing import Sharing
from .site import SiteMemory
from .telling import Teller
from .trimming import keep_small

WATCH_S: Final = 5.0
"""Seconds between two looks whether the store has failed, where the loop itself would have noticed."""
_TICK_MS: Final = 1_000
_LOOK_MS: Final = 60_000
_SELDOM_MS: Final = 600_000
_NOT_STORED: Final = "the store does not take it"

_log = logging.getLogger(__name__)


class Ingest:
    """Everything of one ingest process; :meth:`run` ends when ``stop`` is set or the store has failed."""

    def __init__(self, config: GatewayConfig, world: World, broker: GatewayBroker | None = None) -> None:
        """Migrates, takes the sites over and reads what is stored. Raises the package's errors.

        On PostgreSQL :meth:`run` takes what the leases give it instead, and gives it back. With a ``broker``
        of its own nothing here has a thread: the loop's clock is the only time there is.
        """
        self._keys_seen = fingerprint(Path(config.keys))
        keys = load_gateway_keys(Path(config.keys))
        self._signing = keys.signing
        migrate(config.database_url)
        self._config = config
        self._world = world
        shared = broker is None and is_shared(config.database_url)
        name, run = name_of(config.gateway), world.new_id() if shared else ""
        self.engine: Engine = open_engine(config.database_url, f"ingest {name} {run[:12]}".strip())
        self._desk = CodeDesk(keys.sealing, world, Outbox(config.delivery, keys.sealing, world))
        self._series = SeriesWriter.open(config.series, Path(config.state), world) if config.series else None
        names = [site.site for site in config.sites]
        self._leases: LeaseKeeper | None = None
        self._sharing: Sharing | None = None
        self._session: GatewayLine
        self._memory: GatewayMemory
        if shared:
            with write_transaction(self.engine, ["*"]) as conn:
                raw.add_days(conn, world.now())
            self._share(name, run, names)
        else:
            peppers = load_all_peppers(Path(config.keys), names)
            sites = [
                self._make_site(site, take_over(self.engine, site.site, world), peppers[site.site])
                for site in config.sites
            ]
            own = broker or PahoBroker(config.mqtt, Path(config.keys))
            self._session = own.session(names, self._take, self._on_connected)
            self._memory = GatewayMemory(sites, self._session.publish, alone=broker is not None)
            with self.engine.connect() as conn:
                self._memory.reload(conn)
            self._writer = (
                Writer(self.engine, names, memory=self._memory, parts=self._memory, watch=world.monotonic)
                if broker is None
                else InlineWriter(self.engine, names, memory=self._memory)
            )
        held = self._memory.sites
        channels = channels_of(config, world)
        self._courier = Courier(self.engine, self._writer, channels, keys.sealing, held, world)
        duty = DutyBook(config)
        self._ringer = Ringer(self.engine, self._writer, config.sites, duty, world, held)
        self._post = MorningPost(config, duty, world)
        make_report = report_maker(config, self.engine, world)
        self._bell = Bell(self.engine, self._writer, config, duty, world, make_report, held)
        self._teller = Teller(config.sites, self.engine, self._writer, world, held)
        poster = Poster(Networks(config.webhooks.private_networks))
        self._posts = PostOffice(held, self.engine, self._writer, self._desk.vault, world, poster)
        self._bridged = config.home_assistant is not None and broker is None
        self._crews = {name: self._make_crew(site) for name, site in self._memory.sites.items()}

    def _share(self, name: str, run: str, sites: list[str]) -> None:
        """Be one gateway of several: at first without any site."""
        self._leases = leases = LeaseKeeper(self.engine, self._world, name, run, sites)
        keys = Path(self._config.keys)
        self._session = session = Session(
            self._config.mqtt, keys, [], self._take, self._on_connected, name=name, followed=self._on_followed
        )
        self._memory = memory = LeasedMemory(session.publish, leases.speaks)
        names, watch = memory.sites.keys(), self._world.monotonic
        self._writer = Writer(self.engine, names, memory=memory, fence=memory, parts=memory, watch=watch)
        made = (self._make_site, self._make_crew, self._beside)
        self._begin_sharing = partial(
            Sharing, self._config, self._world, self.engine, self._writer, memory, session, *made
        )

    def _make_site(self, site: SiteConfig, epoch: int, peppers: Peppers) -> SiteMemory:
        return SiteMemory(
            site,
            self._world,
            self._signing,
            self._desk.vault,
            peppers,
            epoch,
            self._series.sink if self._series else None,
            self._desk.outbox,
        )

    def _make_crew(self, site: SiteMemory) -> Crew:
        if site.signing is not self._signing:  # changed while the site was read
            self._writer.submit(lambda _conn: site.sign_with(self._signing), site=site.site)
        return Crew(site, self._desk, self.engine, self._writer, lambda: self._signing.signer)

    def _beside(self, site: str) -> list[Coroutine[Any, Any, None]]:
        """What is of the whole gateway, and done by who holds its first site."""
        if not self._bridged or site != self._config.sites[0].site:
            return []
        return [Bridge(self._config, self.engine, self._writer, self._world, self._refuse_bridge).run()]

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; raises StoreError when the store has failed (a new process must take
        over), DeposedError when another process has taken over."""
        try:
            await self._work(stop)
        except (GatewayError, SQLAlchemyError) as error:
            if isinstance(failure := self._writer.failure, DeposedError):
                raise failure from error
            if isinstance(error, SQLAlchemyError):
                raise StoreError(f"the store has failed: {type(error).__name__}") from error
            raise

    def submit(self, job: Callable[[Connection], Any]) -> None:
        """Let the writer run ``job``."""
        self._writer.submit(job)

    def hear(self) -> None:
        """Read every calendar at once."""
        for crew in self._crews.values():
            crew.hear()

    def abandon(self) -> None:
        """Let go of all that is not committed; for a worker that is alone on its store."""
        if isinstance(self._writer, InlineWriter):
            self._writer.abandon()

    def idle(self) -> bool:
        """Whether nothing waits for the writer, for those who follow it, or for the courier."""
        now = self._world.now()
        with self.engine.connect() as conn:
            news = [
                is_told_since(conn, name, site.followed, FOLLOWED)
                for name, site in self._memory.sites.items()
            ]
            queued = conn.scalar(
                select(func.count()).where(deliveries.c.state == "queued", deliveries.c.due <= now)
            )
            unsettled = conn.scalar(select(func.count()).where(usage.c.due <= now))
        return not (any(told for _, told in news) or queued or unsettled or self._writer.waiting)

    async def _work(self, stop: asyncio.Event) -> None:
        # composes the first grants, site by site: what is wrong with keys shows here
        await asyncio.gather(*[self._do(lambda _conn: None, site) for site in self._memory.sites])
        self._session.start()
        follower = Follower(self.engine, self._writer, lambda: self._crews)
        jobs: list[Awaitable[None]] = [self._ticking(), follower.run(), self._settling(), self._rolling()]
        jobs += [self._watching(stop), self._courier.run(), self._teller.run(), self._posts.run()]
        jobs += [self._bell.run(), self._ringing()]
        jobs += [] if self._writer.alone else [follower.hear(), keep_small(self._world)]
        if self._leases is not None:
            self._sharing = sharing = self._begin_sharing()
            self._crews = sharing.crews
            jobs += [self._leases.run(sharing), sharing.run()]
        jobs += [crew.codes.run() for crew in self._crews.values()]
        for crew in self._crews.values():
            jobs += crew.feeding()
        if self._series:
            sink, fresh = self._series.sink, not any(self._series.counts())
            held = self._memory.sites
            standing = Standing(self._config.sites, self.engine, sink, self._world, fresh=fresh, held=held)
            jobs += [self._series.run(), standing.run()]
        for site in self._crews:
            jobs += self._beside(site)
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._writer.end()  # what is not begun has no receipt: agents say it again
            if self._sharing is not None:
                await self._sharing.stop()
            await asyncio.to_thread(self._session.stop)
            await asyncio.to_thread(self._writer.close)
            if self._leases is not None:
                await asyncio.to_thread(self._leases.leave)
            if self._series:
                self._series.close()
            self.engine.dispose()

    # --- called by the session's thread ---------------------------------------------------------------

    def _take(self, topic: str, payload: bytes, retained: bool) -> Answer:
        job, answer = self._memory.take(topic, payload, retained), Taking(topic, self._let_go)
        self._writer.hand(job, answer, wait_s=BUSY_S, patient=job.is_patient, part=job.site)
        return answer

    def _let_go(self, topic: str, error: BaseException) -> bool:
        """A message was undone alone, and would fail again: count it, unless it is the store that fails."""
        if self._writer.ends or self._writer.failure is not None:
            return False
        _log.warning(line("message-not-stored", error=type(error).__name__))
        self._count_refused(topic)
        return True

    def _count_refused(self, topic: str) -> None:
        site = self._memory.sites.get(topic.split("/")[2])
        if site is None:
            return
        channel = topic.rpartition("/")[2][:40]
        try:
            self._writer.submit(lambda _conn: site.refuse(f"messages/{channel}", _NOT_STORED), wait_s=0)
        except StoreBusyError:
            _log.warning(line("refusal-not-counted", channel=channel))

    def _refuse_bridge(self, site: str, reason: str) -> None:
        def count(_conn: Connection) -> None:
            if (memory := self._memory.sites.get(site)) is not None:
                memory.refuse(SOURCE, reason)

        self._writer.submit(count)

    def _on_followed(self, sites: Collection[str]) -> None:
        if self._sharing is not None:
            self._sharing.followed(sites)

    def _on_connected(self) -> None:
        try:
            self._writer.submit(self._memory.announce)
        except StoreError:
            self._session.failed = True

    # --- tasks ----------------------------------------------------------------------------------------

    async def _do(self, job: Callable[[Connection], None], site: str | None = None) -> None:
        with suppress(LostSiteError):
            await asyncio.wrap_future(self._writer.submit(job, site=site))

    def _at_work(self) -> list[Crew]:
        return [crew for crew in self._crews.values() if crew.at_work]

    async def _watching(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self._writer.failure is not None:
                raise StoreError(f"the store has failed: {self._writer.failure}")
            if self._session.failed:
                raise StoreError("the store takes no more messages")
            try:
                await asyncio.wait_for(stop.wait(), WATCH_S if self._writer.alone else FOLLOW_S)
            except TimeoutError:
                continue

    async def _ticking(self) -> None:
        began = kept = looked = self._world.monotonic()
        while True:
            now = self._world.monotonic()
            crews = self._at_work()
            if not self._writer.alone or self._memory.judge():
                await self._do(self._follow_keys)
            for crew in crews:
                if crew.releaser.is_due():
                    await self._do(crew.releaser.look, crew.site)
            for crew in crews:
                if crew.judge.is_due():
                    await self._do(crew.judge.run, crew.site)
            if now >= looked + _LOOK_MS:
                looked = now
                for crew in crews:
                    crew.codes.wake_for_all()
            # what it takes away is days old
            if now >= kept + (_SELDOM_MS if self._writer.alone else _LOOK_MS):
                if kept == began and not self._writer.alone:
                    gc.collect()
                    gc.freeze()  # agents are there: no collection walks through all their rooms again
                kept = now
                for crew in crews:
                    await self._do(crew.housekeeper.run, crew.site)
                await self._do(self._sign_logs)
                await self._do(self._look_at_backups)
            await self._world.sleep_until(now + _TICK_MS)

    async def _settling(self) -> None:
        while True:
            due = self._world.monotonic() + LOOK_MS
            for crew in self._at_work():
                with suppress(LostSiteError):
                    await crew.settler.run()
            await self._world.sleep_until(due)

    async def _rolling(self) -> None:
        while True:
            due = self._world.monotonic() + HOURS_LOOK_MS
            for crew in self._at_work():
                with suppress(LostSiteError):
                    await crew.hours.run()
            await self._world.sleep_until(due)

    async def _ringing(self) -> None:
        while True:
            began = self._world.monotonic()
            if await asyncio.to_thread(self._ringer.is_due):
                await self._do(self._ringer.look)
            first = self._config.sites[0].site
            if first in self._memory.sites and self._post.is_due():
                await self._do(self._post.look, first)
            await self._ringer.rest(began, self._post.rests_ms)

    def _sign_logs(self, conn: Connection) -> None:
        for site in self._memory.sites:
            sign_daily(conn, site, self._signing.signer, self._world.now())

    def _look_at_backups(self, _conn: Connection) -> None:
        """The store is one: its alert stands at the first site."""
        wanted, first = self._config.backup, self._memory.sites.get(self._config.sites[0].site)
        if wanted is not None and first is not None:
            first.engine.on_backup(last_made(Path(self._config.state)), int(wanted.max_age_h * 3_600_000))

    def _follow_keys(self, _conn: Connection) -> None:
        """Take up another step of a change of key; a folder that cannot be read changes nothing."""
        keys = Path(self._config.keys)
        if (seen := fingerprint(keys)) == self._keys_seen:
            return
        self._keys_seen = seen
        try:
            signing = load_signing(keys)
        except KeyFileError as error:
            _log.error(line("keys-not-read", error=error))
            return
        self._signing = signing
        _log.info(line("keys-changed", signs=signing.signer.kid, wanted=signing.wanted))
        for site in self._memory.sites.values():
            site.sign_with(signing)
