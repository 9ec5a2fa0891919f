"""What a store must not keep, taken away in small steps: nobody is followed, and no step holds the writer up.

What tells who opened what, and who had booked, goes after ``access_days``: events and commands as rows; of
bookings and alerts the words (title, UID, contact, group, facts, comments), of occupancy the evidence. Their
times and states stay: they are of rooms. The rest is in :mod:`pleintemps_gateway.privacy.retention`.
"""

import logging
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Update,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
    update,
)

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.access.salts import forget_unused
from pleintemps_gateway.access.service import free_ended
from pleintemps_gateway.bookings.service import MAX_LENGTH_MS
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.noise.days import KEPT_DAYS
from pleintemps_gateway.privacy.retention import STEP, forget
from pleintemps_gateway.store import raw
from pleintemps_gateway.store.changes import prune_changes
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import (
    alert_acts,
    alerts,
    bookings,
    commands,
    contacts,
    events,
    housekeeping,
    occupancy,
)
from pleintemps_gateway.store.schema_rooms import noise_days
from pleintemps_gateway.store.upsert import upsert

from .clockdoubt import ClockDoubt

KEEP_SAMPLES_MS: Final = raw.KEEP_MS
SPACES_A_RUN: Final = 20
_DAY_MS: Final = 86_400_000
_EXPIRED: Final = "expired:"

_log = logging.getLogger(__name__)

# made once: of each site a run is taken every minute. No parameter may be called as a column
_HERE: Final[BindParameter[Any]] = bindparam("here")
_BEFORE: Final[BindParameter[Any]] = bindparam("before")


def _events() -> Delete:
    """What was received before ``before``, whatever the agent's clock said: a record stamped 1970 by an agent
    without a clock is as young as its arrival. ``at`` has the index.
    """
    stamped = or_(events.c.at < _BEFORE, events.c.at > bindparam("now"))
    key = (events.c.journal, events.c.seq)
    old = select(*key).where(events.c.site == _HERE, stamped, events.c.received < _BEFORE).limit(STEP)
    return delete(events).where(events.c.site == _HERE, tuple_(*key).in_(old))


def _commands() -> Delete:
    over = commands.c.outcome.in_(("done", "refused", "no-answer"))
    old = select(commands.c.command).where(commands.c.site == _HERE, over, commands.c.requested < _BEFORE)
    return delete(commands).where(commands.c.site == _HERE, commands.c.command.in_(old.limit(STEP)))


def _alerts() -> Update:
    table = alerts.c
    words = or_(table.facts != "{}", table.acknowledged_by.is_not(None), table.comment.is_not(None))
    over = (table.site == _HERE) & (table.state == "resolved") & (table.resolved < _BEFORE)
    old = select(table.alert).where(over, words).limit(STEP)
    blank = update(alerts).where(table.site == _HERE, table.alert.in_(old))
    return blank.values(facts="{}", acknowledged_by=None, comment=None, booking=None, assigned=None)


def _acts() -> Update:
    acts = alert_acts.c
    told = or_(acts.by.is_not(None), acts.person.is_not(None), acts.comment.is_not(None))
    some = select(acts.alert, acts.seq).where(acts.site == _HERE, acts.at < _BEFORE, told).limit(STEP)
    mine = (acts.site == _HERE) & tuple_(acts.alert, acts.seq).in_(some)
    return update(alert_acts).where(mine).values(by=None, person=None, comment=None)


_FORGET_EVENTS: Final = Prepared(_events())
_FORGET_COMMANDS: Final = Prepared(_commands())
_FORGET_NOISE_DAYS: Final = Prepared(  # what no rule counts any more
    delete(noise_days).where(noise_days.c.site == _HERE, noise_days.c.day < bindparam("first"))
)
_BLANK_ALERTS: Final = Prepared(_alerts())
_BLANK_ACTS: Final = Prepared(_acts())
_OLD_WORDS: Final = (
    (occupancy.c.site == _HERE)
    & (occupancy.c.space == bindparam("room"))
    & (occupancy.c.since >= bindparam("after"))
    & (occupancy.c.since < _BEFORE)
)
_WITH_WORDS: Final = Prepared(
    select(occupancy.c.since)
    .where(_OLD_WORDS, occupancy.c.evidence != "")
    .order_by(occupancy.c.since)
    .limit(STEP)
)
_BLANK_WORDS: Final = Prepared(update(occupancy).where(_OLD_WORDS).values(evidence=""))


class Housekeeper:
    """Keeps the house of one site. Every call is one transaction of the writer."""

    def __init__(self, site: SiteConfig, world: World) -> None:
        self._site = site
        self._world = world
        self._doubt: ClockDoubt | None = None
        self._doubting = False
        self._booked_until = 0  # bookings that start earlier are done
        self._spaces = [space.space for space in site.spaces]
        self._feeds = frozenset(feed.feed for feed in site.sources)
        self._space = 0
        self._told_until: dict[str, int] = {}  # evidence of each space before is done

    def run(self, conn: Connection) -> None:
        """One step; of what is old nothing while the clock is in doubt."""
        site = self._site.site
        prune_changes(conn, site)
        now = self._world.now()
        if not self._believes(conn, now):
            return
        upsert(conn, housekeeping, [{"site": site, "at": now}])
        free_ended(conn, self._site, now)
        forget_unused(conn, self._site, now)
        raw.forget(conn, site, now)
        raw.drop_days(conn, now)
        raw.add_days(conn, now)
        before = now - self._site.privacy.access_days * _DAY_MS
        first = datetime.fromtimestamp((now - KEPT_DAYS * _DAY_MS) / 1000, UTC).date().isoformat()
        _FORGET_EVENTS.put(conn, [{"here": site, "before": before, "now": now}])
        _FORGET_NOISE_DAYS.put(conn, [{"here": site, "first": first}])
        for old in (_FORGET_COMMANDS, _BLANK_ALERTS, _BLANK_ACTS):
            old.put(conn, [{"here": site, "before": before}])
        self._booked_until = _blank_bookings(conn, site, self._booked_until, before)
        self._blank_occupancy(conn, before)
        forget(conn, site, before, now, self._feeds)

    def _believes(self, conn: Connection, now: int) -> bool:
        if self._doubt is None:
            mine = housekeeping.c.site == self._site.site
            self._doubt = ClockDoubt(conn.execute(select(housekeeping.c.at).where(mine)).scalar_one_or_none())
        believed = self._doubt.believes(now, self._world.monotonic())
        if believed == self._doubting:
            self._doubting = not believed
            word = "clock-believed" if believed else "clock-in-doubt"
            _log.warning(line(word, site=self._site.site))
        return believed

    def _blank_occupancy(self, conn: Connection, before: int) -> None:
        """Some spaces a run, each from where it was left."""
        for _ in range(min(SPACES_A_RUN, len(self._spaces))):
            space = self._spaces[self._space % len(self._spaces)]
            self._space += 1
            old = {"here": self._site.site, "room": space, "after": self._told_until.get(space, 0)}
            found = [int(row[0]) for row in _WITH_WORDS.all(conn, old | {"before": before})]
            if found:
                _BLANK_WORDS.put(conn, [old | {"before": found[-1] + 1}])
            self._told_until[space] = found[-1] if len(found) == STEP else before


def _blank_bookings(conn: Connection, site: str, start: int, before: int) -> int:
    """Take the words off bookings from ``start`` on that ended before ``before``; returns where to go on."""
    table = bookings.c
    mine = (table.site == site) & (table.start >= start) & (table.start < before) & (table.end < before)
    old = select(table.booking, table.start).where(mine, ~table.uid.startswith(_EXPIRED))
    found = conn.execute(old.order_by(table.start).limit(STEP)).all()
    if found:
        names = [row.booking for row in found]
        conn.execute(delete(contacts).where(contacts.c.site == site, contacts.c.booking.in_(names)))
        blank = update(bookings).where(table.site == site, table.booking.in_(names))
        nobody = {"group": None, "override_by": None, "override_reason": None}
        conn.execute(blank.values(title="", uid=_EXPIRED + table.booking, **nobody))
    # one that starts earlier may have ended later
    return int(found[-1].start) if len(found) == STEP else max(start, before - MAX_LENGTH_MS)
