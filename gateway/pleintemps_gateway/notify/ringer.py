"""What time does: a pause ends, nobody has taken an alert, a reminder or the morning report is due."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, bindparam, or_, select

from pleintemps_contract.world import World
from pleintemps_gateway.alerts.life import ActKind, Step, pass_time
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.report.night import is_due, last_night
from pleintemps_gateway.store.acts import life_of, note, put_life
from pleintemps_gateway.store.glance import Glance
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import alerts, notices
from pleintemps_gateway.store.writer import Writer

from .duty import DutyBook
from .outbox import put, queue_acts

LOOK_MS: Final = 1_000
_CLOCK_MS: Final = 60_000
_UNRESOLVED: Final = ("open", "acknowledged", "paused")
_MOST: Final = 200
"""Alerts of one transaction: a thousand at once are told within seconds and hold no door's command up."""
_DUE: Final = alerts.c.due <= bindparam("now")
_NEW: Final = (alerts.c.state == "open") & alerts.c.due.is_(None) & alerts.c.asked.is_(None)
_CALLED: Final = alerts.c.site.in_(bindparam("asked", expanding=True))
_MINE: Final = alerts.c.site.in_(bindparam("sites", expanding=True)) & alerts.c.state.in_(_UNRESOLVED)

_STANDING: Final = Prepared(select(alerts.c.alert).where(_MINE).limit(1))
_WAITING: Final = Prepared(select(alerts.c.alert).where(_MINE, or_(_DUE, _NEW & _CALLED)).limit(1))


class Ringer:
    """Keeps the lives of the alerts of ``sites`` going; rows are the truth, so nothing is kept here."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        sites: Sequence[SiteConfig],
        book: DutyBook,
        world: World,
        held: Collection[str] | None = None,
    ) -> None:
        """``held``: those of ``sites`` that are ours now; all of them if it is left out."""
        self._engine = engine
        self._writer = writer
        self._sites = {site.site: site for site in sites}
        self._held = self._sites if held is None else held
        self._book = book
        self._world = world
        self._glance = Glance(writer, world, alerts.name, self._stands)

    def is_due(self) -> bool:
        """Whether an alert waits for something to be done now."""
        self._book.refresh()
        if not self._glance.is_due():
            return False
        return _WAITING.finds(self._engine, self._bound())

    def _stands(self) -> bool:
        return _STANDING.finds(self._engine, {"sites": list(self._held)})

    def _bound(self) -> dict[str, Any]:
        held = list(self._held)
        asked = [name for name in held if self._book.rota(name) is not None]
        return {"sites": held, "asked": asked, "now": self._world.now()}

    async def rest(self, since: int, most_ms: int) -> None:
        """Sleep until there may be something to do, see :meth:`Glance.rest`."""
        await self._glance.rest(LOOK_MS, since=since, most_ms=most_ms)

    def look(self, conn: Connection) -> None:
        """Do what is due. One transaction of the writer."""
        now = self._world.now()
        # where there is no rota nobody is asked: those alerts must not stand before those of others
        waiting = select(alerts).where(_MINE, or_(_DUE, _NEW & _CALLED))
        query = waiting.order_by(alerts.c.opened, alerts.c.alert).limit(_MOST)
        for row in conn.execute(query, self._bound()).all():
            site, life = self._sites[row.site], life_of(row)
            duty = self._book.duty(site, row.rank, now)
            step = pass_time(life, duty, now)
            if any(done.kind is ActKind.BACK for done in step.done):  # it asks anew in the same moment
                again = pass_time(step.life, duty, now)
                step = Step(life=again.life, done=(*step.done, *again.done))
            if step.life == life:
                continue
            put_life(conn, row.site, row.alert, step.life, now)
            note(conn, row.site, row.alert, now, step.done)
            queue_acts(conn, site, row, step.done, self._book, self._world)


class MorningPost:
    """Queues the report of the night once for everybody who wants it, when the night has ended."""

    def __init__(self, config: GatewayConfig, book: DutyBook, world: World) -> None:
        self._config = config
        self._site = config.sites[0]
        self._zone = ZoneInfo(self._site.zone)
        self._book = book
        self._world = world
        self._done = ""
        self._looked: int | None = None

    @property
    def rests_ms(self) -> int:
        """So long it does not look at the clock."""
        return _CLOCK_MS if self._looked is None else max(0, self._looked + _CLOCK_MS - self._world.now())

    def is_due(self) -> bool:
        """Whether a night has ended of which nothing was queued yet; it looks at the clock once a minute."""
        now = self._world.now()
        if self._looked is not None and 0 <= now - self._looked < _CLOCK_MS:
            return False
        self._looked = now
        night = last_night(self._config.report, self._zone, now)
        return is_due(night, now) and night.day.isoformat() != self._done

    def look(self, conn: Connection) -> None:
        """One transaction of the writer; what is queued already is not queued again."""
        day = last_night(self._config.report, self._zone, self._world.now()).day.isoformat()
        mine = (notices.c.site == self._site.site) & (notices.c.kind == "report") & (notices.c.day == day)
        have = set(conn.scalars(select(notices.c.person).where(mine)))
        for person in self._book.people:
            if person.report and person.person not in have:
                put(conn, self._site.site, "report", person.person, "mail", self._world, day=day)
        self._done = day
