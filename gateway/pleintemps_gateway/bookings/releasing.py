"""A booking that is given back and taken back. Every function runs inside ``write_transaction``.

A release shortens: ``planned_end`` keeps the end that was booked, the code ends with the booking after its
tail, and leaving needs neither.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, func, select, update

from pleintemps_gateway.access.placing import booking_row
from pleintemps_gateway.access.service import CodeDesk, place
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings, usage

from .telling import ask_to_tell

STRIKES_MS: Final = 90 * 86_400_000
"""So long it is counted how often a group did not come."""
PEOPLE: Final = "its people"
"""Who acts by the link of a message."""


class Strikes(NamedTuple):
    """A group, and how many of its bookings nobody came to."""

    group: str
    missed: int


def warn(conn: Connection, site: SiteConfig, desk: CodeDesk, row: Row[Any], until: int) -> None:
    """Tell the people that nobody was noticed, and that at ``until`` the space is given back."""
    _set(conn, site, row.booking, desk.world.now(), {"warned": desk.world.now()})
    _audit(conn, site, desk, "booking.release-warned", row.booking, {"until": until})
    message = Message(
        site=site.site, booking=row.booking, link=keep_link(site, desk, row.booking), until=until
    )
    desk.outbox.queue(conn, site, "release-warning", message)


def note_unreachable(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str) -> None:
    """Nobody can be warned, so nothing is released: the caretaker is to know."""
    _set(conn, site, booking, desk.world.now(), {"warned": desk.world.now()})
    _audit(conn, site, desk, "booking.release-unwarned", booking, {})


def release(conn: Connection, site: SiteConfig, desk: CodeDesk, row: Row[Any], why: str) -> None:
    """End a booking that is on now; ``why`` is ``no-show`` or ``left``."""
    now = desk.world.now()
    _set(conn, site, row.booking, now, {"end": now, "planned_end": row.end, "released": now})
    _audit(conn, site, desk, "booking.released", row.booking, {"why": why, "planned_end": row.end})
    place(conn, site, row.booking, now)
    ask_to_tell(conn, site, row, now)
    link = keep_link(site, desk, row.booking)
    message = Message(
        site=site.site,
        booking=row.booking,
        link=link,
        start=row.start,
        end=row.end,
        until=row.end,
        reason=why,
    )
    desk.outbox.queue(conn, site, "released", message)


def keep(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str) -> None:
    """The space is wanted: it is not released, and a release is taken back.

    Raises BookingError: ``unknown-booking``, ``cancelled``, ``over``, ``taken`` when somebody else has it.
    """
    row = booking_row(conn, site.site, booking)
    if row is None:
        raise BookingError("unknown-booking", "there is no such booking")
    reason = obstacle(conn, site, row, desk.world.now())
    if reason is not None:
        raise BookingError(reason, _OBSTACLES[reason])
    now = desk.world.now()
    if row.released is None:
        if not _stated(row.kept, row.start):
            _set(conn, site, booking, now, {"kept": now})
            _audit(conn, site, desk, "booking.kept", booking, {"by": by})
        return
    values = {"end": row.planned_end, "planned_end": None, "released": None, "left": None, "kept": now}
    _set(conn, site, booking, now, values)
    _audit(conn, site, desk, "booking.restored", booking, {"by": by, "released": row.released})
    place(conn, site, booking, now)
    ask_to_tell(conn, site, row, now)


_OBSTACLES: Final = {
    "cancelled": "this booking is cancelled",
    "not-begun": "this booking has not begun",
    "over": "the booked time is over",
    "taken": "somebody else has booked the time since",
}


def obstacle(conn: Connection, site: SiteConfig, row: Row[Any], now: int) -> str | None:
    """Why a booking cannot be kept, or taken back after its release; None if it can."""
    if row.status != "confirmed":
        return "cancelled"
    if now < row.start:
        return "not-begun"
    planned = row.planned_end or row.end
    if now >= planned:
        return "over"
    if row.released is not None and _is_taken(conn, site, row, max(now, row.end), planned):
        return "taken"
    return None


def _is_taken(conn: Connection, site: SiteConfig, row: Row[Any], start: int, end: int) -> bool:
    other = (bookings.c.site == site.site) & (bookings.c.space == row.space)
    other &= (bookings.c.booking != row.booking) & (bookings.c.status == "confirmed")
    query = select(bookings.c.booking).where(other, bookings.c.start < end, bookings.c.end > start)
    return conn.execute(query.limit(1)).first() is not None


def keep_link(site: SiteConfig, desk: CodeDesk, booking: str) -> str:
    """The part of an address below ``/b/`` where people keep their booking without a log-in."""
    return f"keep/{site.site}/{booking}/{desk.vault.keep_mark(site.site, booking)}"


def strikes(conn: Connection, site: str, now: int) -> list[Strikes]:
    """How often each group did not come within the last 90 days, most first: a count, and nothing more."""
    count = func.count().label("count")
    query = (
        select(bookings.c.group, count)
        .join(usage, (usage.c.site == bookings.c.site) & (usage.c.booking == bookings.c.booking))
        .where(bookings.c.site == site, bookings.c.group.is_not(None), bookings.c.status == "confirmed")
        .where(bookings.c.start > now - STRIKES_MS, bookings.c.start <= now)
        .where(usage.c.state == "no-show", usage.c.closed_at.is_not(None))
        .group_by(bookings.c.group)
        .order_by(count.desc(), bookings.c.group)
    )
    return [Strikes(str(group), int(number)) for group, number in conn.execute(query)]


def _stated(at: int | None, start: int) -> bool:
    return at is not None and at >= start


def _set(conn: Connection, site: SiteConfig, booking: str, now: int, values: dict[str, Any]) -> None:
    mine = (bookings.c.site == site.site) & (bookings.c.booking == booking)
    conn.execute(update(bookings).where(mine).values(**values, updated=now))
    record_change(conn, site.site, "bookings", booking, now)


def _audit(
    conn: Connection, site: SiteConfig, desk: CodeDesk, action: str, booking: str, fields: dict[str, Any]
) -> None:
    record(conn, site.site, desk.world, action, f"booking/{booking}", fields)
