"""Series: bookings of their own, whose uids are one name, ``#`` and the instance. Runs inside
``write_transaction``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, or_, select

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store.schema import bookings, contacts

from .group_book import GroupIndex
from .judging import settle
from .rows import NOBODY, Occurrence, booking_of, insert_booking
from .service import cancel
from .sources.base import Contact


def weekly(start: int, end: int, zone: ZoneInfo, weeks: int) -> list[tuple[int, int]]:
    """The same times on the clock of ``zone`` in each of so many weeks after ``start`` to ``end`` (Unix ms).

    A time that the clock skips is that much later, one that comes twice is the first. What would end before
    it starts, in such a night, is left out.
    """
    found = []
    for week in range(1, weeks + 1):
        first, last = (
            datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).replace(fold=0) + timedelta(weeks=week)
            for at in (start, end)
        )
        times = (round(first.timestamp() * 1000), round(last.timestamp() * 1000))
        if times[0] < times[1]:
            found.append(times)
    return found


def repeat(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, weeks: int, by: str = ""
) -> list[str]:
    """Book the same in the ``weeks`` after a booking; the new ids. What was repeated is not made again.

    Their codes are issued apart. Raises BookingError.
    """
    row = _known(conn, site, booking)
    if row.status != "confirmed":
        raise BookingError("cancelled", "this booking is cancelled already")
    name = row.uid.partition("#")[0]
    contact = _contact(conn, site, booking)
    index = GroupIndex(conn, site.site)
    made = []
    for start, end in weekly(row.start, row.end, ZoneInfo(site.zone), weeks):
        uid = f"{name[:380]}#{start}"
        same = (bookings.c.site == site.site) & (bookings.c.source == row.source) & (bookings.c.uid == uid)
        if end <= desk.world.now() or conn.execute(select(bookings.c.booking).where(same)).first():
            continue
        group = row.group or ""
        item = Occurrence(uid, row.space, row.title, start, end, row.people, contact, group, row.amplified)
        new = insert_booking(conn, site, desk, row.source, item, row.group, by)
        settle(conn, site, desk, new, index)
        made.append(new)
    return made


def cancel_series(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str = ""
) -> list[str]:
    """Cancel every booking of the series of ``booking`` that is not over; their ids.

    One that belongs to no series goes alone. Raises BookingError if nothing of it lives.
    """
    row = _known(conn, site, booking)
    name = row.uid.partition("#")[0]
    series = or_(bookings.c.uid.in_((row.uid, name)), bookings.c.uid.startswith(f"{name}#", autoescape=True))
    mine = (bookings.c.site == site.site) & (bookings.c.source == row.source) & series
    living = mine & (bookings.c.status == "confirmed") & (bookings.c.end > desk.world.now())
    found = conn.scalars(select(bookings.c.booking).where(living).order_by(bookings.c.start)).all()
    if not found:
        raise BookingError("cancelled", "nothing of this series is ahead")
    for each in found:
        cancel(conn, site, desk, each, by)
    return [str(each) for each in found]


def _known(conn: Connection, site: SiteConfig, booking: str) -> Row[Any]:
    row = booking_of(conn, site.site, booking)
    if row is None:
        raise BookingError("unknown-booking", "there is no such booking")
    return row


def _contact(conn: Connection, site: SiteConfig, booking: str) -> Contact:
    mine = (contacts.c.site == site.site) & (contacts.c.booking == booking)
    row = conn.execute(select(contacts).where(mine)).first()
    return NOBODY if row is None else Contact(row.name, row.mail, row.phone, row.language)
