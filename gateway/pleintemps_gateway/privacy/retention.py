"""What tells of people and is old goes, in small steps. Every function is one part of a writer's transaction.

House-keeping (:mod:`pleintemps_gateway.ingest.housekeeping`) asks each minute and says when the clock is not
to be believed; nothing here looks at a clock.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, delete, or_, select, update

from pleintemps_gateway.audit.log import EVERY_SITE
from pleintemps_gateway.audit.log import erase as erase_entries
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


def forget(conn: Connection, site: str, before: int, now: int, feeds: Collection[str] = ()) -> None:
    """One step over everything of ``site`` that was over ``before`` (Unix ms).

    ``feeds`` are those whose follower forgets what webhooks told by itself.
    """
    _deliveries(conn, site, before)
    _calls(conn, site, before)
    _hooked(conn, site, before, feeds)
    _rights(conn, site, before)
    _credentials(conn, site, before)
    _marks(conn, site, before)
    _notices(conn, site, before)
    forget_usage(conn, site, before, STEP)
    for each in (site, EVERY_SITE):
        erase_entries(conn, each, before=before, limit=STEP)
        conn.execute(delete(sessions).where(sessions.c.site == each, sessions.c.expires < now))


def _marks(conn: Connection, site: str, before: int) -> None:
    """Who marked an hour, and who let a room forget; what was learnt of it stays."""
    old = select(marks.c.mark).where(marks.c.site == site, marks.c.at < before, marks.c.by != "").limit(STEP)
    conn.execute(update(marks).where(marks.c.site == site, marks.c.mark.in_(old)).values(by=""))
    mine = (learnt.c.site == site) & (learnt.c.at < before) & (learnt.c.reset_by != "")
    conn.execute(update(learnt).where(mine).values(reset_by=""))


def _notices(conn: Connection, site: str, before: int) -> None:
    """Who was told what, and over which channel."""
    old = select(notices.c.notice).where(notices.c.site == site, notices.c.created < before)
    some = old.order_by(notices.c.created).limit(STEP)
    conn.execute(delete(notices).where(notices.c.site == site, notices.c.notice.in_(some)))


def _deliveries(conn: Connection, site: str, before: int) -> None:
    """Whatever became of them: what is not sent by then is of no use to anybody."""
    old = select(deliveries.c.delivery).where(deliveries.c.site == site, deliveries.c.created < before)
    some = old.order_by(deliveries.c.created).limit(STEP)
    conn.execute(delete(deliveries).where(deliveries.c.site == site, deliveries.c.delivery.in_(some)))


def _calls(conn: Connection, site: str, before: int) -> None:
    some = select(calls.c.key).where(calls.c.site == site, calls.c.at < before).limit(STEP)
    conn.execute(delete(calls).where(calls.c.site == site, calls.c.key.in_(some)))


def _hooked(conn: Connection, site: str, before: int, feeds: Collection[str]) -> None:
    ours = (hooked.c.site == site) & hooked.c.feed.not_in(sorted(feeds))
    old = select(hooked.c.feed, hooked.c.uid).where(ours, hooked.c.ends < before).limit(STEP)
    for feed, uid in conn.execute(old).all():
        conn.execute(delete(hooked).where(ours, hooked.c.feed == feed, hooked.c.uid == uid))


def _rights(conn: Connection, site: str, before: int) -> None:
    over = or_(rights.c.ended < before, rights.c.valid_until < before)
    told = or_(rights.c.person != "", rights.c.mail != "", rights.c.phone != "")
    old = select(rights.c.right).where(rights.c.site == site, over, told).limit(STEP)
    mine = (rights.c.site == site) & rights.c.right.in_(old)
    nobody: dict[str, Any] = {"person": "", "mail": "", "phone": "", "language": ""}
    conn.execute(update(rights).where(mine).values(nobody | {"page_key": None, "page_link": None}))


def _credentials(conn: Connection, site: str, before: int) -> None:
    """Of codes of bookings that are over, label and link; their digits rest a while longer."""
    booked = select(bookings.c.booking).where(
        bookings.c.site == site, bookings.c.booking == credentials.c.booking, bookings.c.end < before
    )
    mine = (credentials.c.site == site) & credentials.c.rests_until.is_not(None)
    old = (
        select(credentials.c.grant)
        .where(mine, credentials.c.booking.is_not(None), booked.exists())
        .order_by(credentials.c.grant)
        .limit(STEP)
    )
    nothing = {"label": None, "encrypted_code": b"", "sealed_hash": b"", "paged_code": None, "booking": None}
    blank = update(credentials).where(credentials.c.site == site, credentials.c.grant.in_(old))
    conn.execute(blank.values(**nothing, link_hash="expired:" + credentials.c.grant))
