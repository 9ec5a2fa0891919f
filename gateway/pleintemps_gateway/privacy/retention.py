"""What tells of people and is old goes, in small steps. Every function is one part of a writer's transaction.

House-keeping (:mod:`pleintemps_gateway.ingest.housekeeping`) asks each minute and says when the clock is not
to be believed; nothing here looks at a clock.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Delete, Update, bindparam, delete, or_, select, update

from pleintemps_gateway.audit.log import EVERY_SITE
from pleintemps_gateway.audit.log import erase as erase_entries
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import (
    bookings,
    calls,
    credentials,
    deliveries,
    hooked,
    notices,
    rights,
    sessions,
)
from pleintemps_gateway.store.schema_rooms import learnt, marks

from .usages import forget as forget_usage

STEP: Final = 500
"""Rows of one table that one run takes away."""


# made once: of each site a run is taken every minute. No parameter may be called as a column
_HERE: Final[BindParameter[Any]] = bindparam("here")
_BEFORE: Final[BindParameter[Any]] = bindparam("before")


def _marks() -> Update:
    """Who marked an hour; what was learnt of it stays."""
    old = select(marks.c.mark).where(marks.c.site == _HERE, marks.c.at < _BEFORE, marks.c.by != "")
    return update(marks).where(marks.c.site == _HERE, marks.c.mark.in_(old.limit(STEP))).values(by="")


def _resets() -> Update:
    """Who let a room forget."""
    mine = (learnt.c.site == _HERE) & (learnt.c.at < _BEFORE) & (learnt.c.reset_by != "")
    return update(learnt).where(mine).values(reset_by="")


def _notices() -> Delete:
    """Who was told what, and over which channel."""
    old = select(notices.c.notice).where(notices.c.site == _HERE, notices.c.created < _BEFORE)
    some = old.order_by(notices.c.created).limit(STEP)
    return delete(notices).where(notices.c.site == _HERE, notices.c.notice.in_(some))


def _deliveries() -> Delete:
    """Whatever became of them: what is not sent by then is of no use to anybody."""
    old = select(deliveries.c.delivery).where(deliveries.c.site == _HERE, deliveries.c.created < _BEFORE)
    some = old.order_by(deliveries.c.created).limit(STEP)
    return delete(deliveries).where(deliveries.c.site == _HERE, deliveries.c.delivery.in_(some))


def _calls() -> Delete:
    some = select(calls.c.key).where(calls.c.site == _HERE, calls.c.at < _BEFORE).limit(STEP)
    return delete(calls).where(calls.c.site == _HERE, calls.c.key.in_(some))


def _rights() -> Update:
    over = or_(rights.c.ended < _BEFORE, rights.c.valid_until < _BEFORE)
    told = or_(rights.c.person != "", rights.c.mail != "", rights.c.phone != "")
    old = select(rights.c.right).where(rights.c.site == _HERE, over, told).limit(STEP)
    nobody: dict[str, Any] = {"person": "", "mail": "", "phone": "", "language": ""}
    blank = update(rights).where(rights.c.site == _HERE, rights.c.right.in_(old))
    return blank.values(nobody | {"page_key": None, "page_link": None})


def _credentials() -> Update:
    """Of codes of bookings that are over, label and link; their digits rest a while longer."""
    booked = select(bookings.c.booking).where(
        bookings.c.site == _HERE, bookings.c.booking == credentials.c.booking, bookings.c.end < _BEFORE
    )
    mine = (credentials.c.site == _HERE) & credentials.c.rests_until.is_not(None)
    old = (
        select(credentials.c.grant)
        .where(mine, credentials.c.booking.is_not(None), booked.exists())
        .order_by(credentials.c.grant)
        .limit(STEP)
    )
    nothing = {"label": None, "encrypted_code": b"", "sealed_hash": b"", "paged_code": None, "booking": None}
    blank = update(credentials).where(credentials.c.site == _HERE, credentials.c.grant.in_(old))
    return blank.values(**nothing, link_hash="expired:" + credentials.c.grant)


_OLD: Final = tuple(
    Prepared(made()) for made in (_deliveries, _calls, _rights, _credentials, _marks, _resets, _notices)
)
_OVER: Final = Prepared(delete(sessions).where(sessions.c.site == _HERE, sessions.c.expires < _BEFORE))


def forget(conn: Connection, site: str, before: int, now: int, feeds: Collection[str] = ()) -> None:
    """One step over everything of ``site`` that was over ``before`` (Unix ms).

    ``feeds`` are those whose follower forgets what webhooks told by itself.
    """
    for old in _OLD:
        old.put(conn, [{"here": site, "before": before}])
    _hooked(conn, site, before, feeds)
    forget_usage(conn, site, before, STEP)
    for each in (site, EVERY_SITE):
        erase_entries(conn, each, before=before, limit=STEP)
        _OVER.put(conn, [{"here": each, "before": now}])


def _hooked(conn: Connection, site: str, before: int, feeds: Collection[str]) -> None:
    ours = (hooked.c.site == site) & hooked.c.feed.not_in(sorted(feeds))
    old = select(hooked.c.feed, hooked.c.uid).where(ours, hooked.c.ends < before).limit(STEP)
    for feed, uid in conn.execute(old).all():
        conn.execute(delete(hooked).where(ours, hooked.c.feed == feed, hooked.c.uid == uid))
