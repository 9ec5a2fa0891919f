"""Sending what is queued for caretakers, beside everything else: at least once, until it is of no use."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, delete, select, update

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.connections.guarded import Networks, Poster
from pleintemps_gateway.delivery.courier import pause_ms
from pleintemps_gateway.errors import GoneError, LostSiteError, UndeliveredError
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.glance import Glance
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.reading import alert as alert_row
from pleintemps_gateway.store.schema import notices, push_subscriptions
from pleintemps_gateway.store.writer import Writer

from .duty import PUSH, DutyBook
from .outbox import next_now, subscriptions
from .push import send_push, vapid_key

if TYPE_CHECKING:
    from pleintemps_gateway.web.notices import Notice

LOOK_MS: Final = 1_000
GIVE_UP_MS: Final = {"report": 86_400_000, "test": 0}
"""How long a kind is tried; everything else for two hours, or until somebody has it."""
_GIVE_UP_MS: Final = 7_200_000
_AT_ONCE: Final = 8
_MAX_ERROR: Final = 200
_WANTED: Final = {"alert": ("open",), "given": ("open",), "back": ("open",), "reminder": ("acknowledged",)}
"""The states of an alert in which telling it is still of use."""
_DUE: Final = (
    select(notices)
    .where(notices.c.site.in_(bindparam("sites", expanding=True)))
    .where(notices.c.state == "queued", notices.c.due <= bindparam("now"))
    .order_by(notices.c.due, notices.c.notice)
    .limit(100)
)
_WAITING: Final = Prepared(_DUE)
_QUEUED: Final = Prepared(
    select(notices.c.due)
    .where(notices.c.site.in_(bindparam("sites", expanding=True)), notices.c.state == "queued")
    .limit(1)
)
# a slow service must hold neither a door's command nor a message to the people of a booking
_threads: Final = ThreadPoolExecutor(4, "notices")


class _Outcome(NamedTuple):
    """``dropped``: why it is of no use any more; browsers that took it, and those that have ended it."""

    dropped: str = ""
    fault: UndeliveredError | None = None
    used: Sequence[Row[Any]] = ()
    gone: Sequence[Row[Any]] = ()


class Report(NamedTuple):
    """A morning report as it is sent; without ``pdf`` as HTML alone."""

    title: str
    html: str
    pdf: bytes | None
    name: str


MakeReport = Callable[[str, str, str], Report]
"""Of (whom it is for, local day on which the night began, language); raises UndeliveredError."""

_log = logging.getLogger(__name__)


class Bell:
    """Sends the notices of a gateway; a row is the truth, so a new process goes on where one ended."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        config: GatewayConfig,
        book: DutyBook,
        world: World,
        make_report: MakeReport,
        held: Collection[str] | None = None,
    ) -> None:
        """``held``: those of the sites that are ours now; all of them if it is left out."""
        self._engine = engine
        self._writer = writer
        self._keys = Path(config.keys)
        self._public_url = config.web.public_url
        self._sites = {site.site: site for site in config.sites}
        self._held = self._sites if held is None else held
        self._book = book
        self._world = world
        self._make_report = make_report
        self._poster = Poster(Networks(config.webhooks.private_networks))
        self._glance = Glance(writer, world, notices.name, self._queued)
        self._down: set[str] = set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if self._glance.is_due():
                await self.send_due()
            await self._glance.rest(LOOK_MS)

    async def send_due(self) -> int:
        """Try everything that is due; how many were tried."""
        rows = await asyncio.to_thread(self._due)
        for start in range(0, len(rows), _AT_ONCE):
            await asyncio.gather(*(self._try(row) for row in rows[start : start + _AT_ONCE]))
        return len(rows)

    def _queued(self) -> bool:
        return _QUEUED.finds(self._engine, {"sites": list(self._held)})

    def _due(self) -> Sequence[Row[Any]]:
        asked = {"sites": list(self._held), "now": self._world.now()}
        if not _WAITING.finds(self._engine, asked):
            return ()
        with self._engine.connect() as conn:
            return conn.execute(_DUE, asked).all()

    async def _try(self, row: Row[Any]) -> None:
        loop = asyncio.get_running_loop()
        try:
            outcome = await loop.run_in_executor(_threads, self._send, row)
        except UndeliveredError as error:
            outcome = _Outcome(fault=error)
        for browser in outcome.gone:
            await self._write(row.site, partial(_forget, row=browser, now=self._world.now()))
        for browser in outcome.used:
            await self._write(row.site, partial(_use, row=browser, now=self._world.now()))
        if outcome.fault is not None:
            await self._failed(row, outcome.fault)
            return
        if row.channel in self._down and not outcome.dropped:
            self._down.discard(row.channel)
            _log.info(line("notices-back", channel=row.channel))
        state = "dropped" if outcome.dropped else "sent"
        await self._set(row, {"state": state, "error": outcome.dropped or None, "done": self._world.now()})

    def _send(self, row: Row[Any]) -> _Outcome:
        """In a thread; raises UndeliveredError."""
        from pleintemps_gateway.web.notices import alert_notice, test_notice  # heavy, for a worker

        person = self._book.person(row.person)
        language = person.language if person else "fr"
        if row.kind == "report":
            return self._send_report(row, language)
        if row.kind == "test":
            notice = test_notice(language)
        else:
            with self._engine.connect() as conn:
                alert = alert_row(conn, (row.site,), row.alert or "")
            if alert is None or alert.state not in _WANTED.get(row.kind, ("open",)):
                over = alert is None or alert.state == "resolved"
                return _Outcome("resolved" if over else "taken")
            notice = alert_notice(alert, self._sites[row.site], row.kind, language, self._world.now())
        if row.channel == PUSH:
            return self._push(row, notice)
        link = f"\n\n{self._public_url}{notice.path}" if self._public_url else ""
        _through_apprise(self._address(row), notice.title, notice.body + link)
        return _Outcome()

    def _address(self, row: Row[Any]) -> str:
        person = self._book.person(row.person)
        if person is None or row.channel not in person.channels:
            raise UndeliveredError("this channel is not in the duty file any more", final=True)
        return person.channels[row.channel]

    def _send_report(self, row: Row[Any], language: str) -> _Outcome:
        made = self._make_report(row.person, row.day or "", language)
        files = [(made.name, made.pdf, "application/pdf")] if made.pdf else []
        _through_apprise(self._address(row), made.title, made.html, kind="html", files=files)
        return _Outcome()

    def _push(self, row: Row[Any], notice: "Notice") -> _Outcome:
        """To every browser of the person: one that takes it is enough."""
        with self._engine.connect() as conn:
            browsers = subscriptions(conn, row.site, row.person)
        if not browsers:
            raise UndeliveredError("no browser has asked for it", final=True)
        try:
            key = vapid_key(self._keys)
        except KeyFileError as error:
            raise UndeliveredError("the key of web push cannot be read") from error
        payload = {
            "title": notice.title,
            "body": notice.body,
            "url": notice.path,
            "tag": row.alert or row.kind,
        }
        faults: list[UndeliveredError] = []
        used: list[Row[Any]] = []
        gone: list[Row[Any]] = []
        for browser in browsers:
            try:
                send_push(key, self._public_url, browser, payload, notice.urgent, self._poster)
            except UndeliveredError as error:
                faults.append(error)
                if isinstance(error, GoneError):
                    gone.append(browser)
            else:
                used.append(browser)
        fault = None if used else min(faults, key=lambda each: each.final)
        return _Outcome(fault=fault, used=used, gone=gone)

    async def _failed(self, row: Row[Any], error: UndeliveredError) -> None:
        now, attempts = self._world.now(), row.attempts + 1
        over = error.final or now >= row.created + GIVE_UP_MS.get(row.kind, _GIVE_UP_MS)
        if row.channel not in self._down:
            self._down.add(row.channel)
            _log.warning(line("notices-down", channel=row.channel, error=error))
        values: dict[str, Any] = {"error": str(error)[:_MAX_ERROR], "attempts": attempts}
        if over:
            values |= {"state": "failed", "done": now}
        else:
            values["due"] = now + pause_ms(attempts)
        await self._set(row, values)

    async def _set(self, row: Row[Any], values: dict[str, Any]) -> None:
        now = self._world.now()

        def write(conn: Connection) -> None:
            mine = (notices.c.site == row.site) & (notices.c.notice == row.notice)
            conn.execute(update(notices).where(mine).values(**values))
            record_change(conn, row.site, "notices", row.notice, now)
            if values.get("state") == "failed" and row.kind in ("alert", "given"):
                next_now(conn, row.site, row, now)

        await self._write(row.site, write)

    async def _write(self, site: str, job: Callable[[Connection], None]) -> None:
        with suppress(LostSiteError):  # who holds it now goes on from its row
            await asyncio.wrap_future(self._writer.submit(job, site=site))


def _mine(row: Row[Any]) -> Any:
    table = push_subscriptions.c
    return (table.site == row.site) & (table.subscription == row.subscription)


def _forget(conn: Connection, row: Row[Any], now: int) -> None:
    conn.execute(delete(push_subscriptions).where(_mine(row)))
    record_change(conn, row.site, "push_subscriptions", row.subscription, now)


def _use(conn: Connection, row: Row[Any], now: int) -> None:
    conn.execute(update(push_subscriptions).where(_mine(row)).values(used=now))


def _through_apprise(*told: Any, **more: Any) -> None:
    # who has nobody to tell loads nothing
    from pleintemps_gateway.delivery.apprise_channel import through_apprise

    through_apprise(*told, **more)
