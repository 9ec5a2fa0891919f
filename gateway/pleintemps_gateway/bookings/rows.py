"""Rows of bookings and contacts, each change with its entry of the change feed; what is told and audited.

Every function runs inside ``write_transaction``.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings, contacts
from pleintemps_gateway.store.upsert import upsert

from .sources.base import Contact

NOBODY: Final = Contact()


class Occurrence(NamedTuple):
    """One booking as a source tells it; ``uid`` is that of the occurrence. Times are Unix ms, end > start.
    ``amplified`` is sound through loudspeakers.

    ``group`` is a group's name or slug. An empty contact or group takes away none that is known. ``names``
    are those of :class:`.sources.base.Timed`.
    """

    uid: str
    space: str
    title: str
    start: int
    end: int
    people: int | None = None
    contact: Contact = NOBODY
    group: str = ""
    amplified: bool = False
    names: frozenset[str] = frozenset()

    def columns(self) -> dict[str, Any]:
        """What stands in ``bookings`` as it is told."""
        other = ("contact", "group", "names")
        return {name: value for name, value in self._asdict().items() if name not in other}


def booking_of(conn: Connection, site: str, booking: str) -> Row[Any] | None:
    mine = (bookings.c.site == site) & (bookings.c.booking == booking)
    return conn.execute(select(bookings).where(mine)).first()


def insert_booking(
    conn: Connection,
    site: SiteConfig,
    desk: CodeDesk,
    source: str,
    item: Occurrence,
    group: str | None,
    by: str,
) -> str:
    """A new confirmed booking; its id."""
    now, booking, columns = desk.world.now(), desk.world.new_id(), item.columns()
    columns["uid"] = item.uid or booking
    key = {"site": site.site, "booking": booking, "source": source}
    conn.execute(insert(bookings).values(**columns, **key, group=group, status="confirmed", updated=now))
    if item.contact != NOBODY:
        write_contact(conn, site, booking, item.contact)
    record_change(conn, site.site, "bookings", booking, now)
    audit(conn, site, desk, "booking.created", booking, columns | {"source": source, "by": by})
    return booking


def set_columns(conn: Connection, site: SiteConfig, booking: str, now: int, values: dict[str, Any]) -> None:
    mine = (bookings.c.site == site.site) & (bookings.c.booking == booking)
    conn.execute(update(bookings).where(mine).values(**values, updated=now))
    record_change(conn, site.site, "bookings", booking, now)


def write_contact(conn: Connection, site: SiteConfig, booking: str, contact: Contact) -> None:
    upsert(conn, contacts, [{"site": site.site, "booking": booking, **contact._asdict()}])


def audit(
    conn: Connection, site: SiteConfig, desk: CodeDesk, action: str, booking: str, fields: dict[str, Any]
) -> None:
    record(conn, site.site, desk.world, action, f"booking/{booking}", fields)


def tell(
    conn: Connection, site: SiteConfig, desk: CodeDesk, template: str, booking: str, reason: str = ""
) -> None:
    """Queue a message without a code to whoever is told about the booking."""
    desk.outbox.queue(conn, site, template, Message(site=site.site, booking=booking, reason=reason))
