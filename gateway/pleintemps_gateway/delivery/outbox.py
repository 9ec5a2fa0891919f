"""Queueing what people are to be told, in the transaction that makes it true."""

from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import Connection, Row, insert, or_, select

from pleintemps_contract.world import World
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.bookings.windows import windows_of
from pleintemps_gateway.config import DeliveryConfig, SiteConfig
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings, contacts, deliveries, groups, rights

from .messages import TEMPLATES, Contact, Message
from .sealing import Envelopes

URGENT: Final = frozenset({"offline-code", "one-time", "release-warning", "noise"})
"""Told by SMS as well as by mail, where there is a number."""
UNREACHABLE: Final = "no-channel"
"""Error of a message whose contact has neither an address nor a number that a channel takes."""


class Outbox:
    """Queues the messages of one gateway: its configuration, its sealing key and its World.

    Nothing is queued where ``[delivery] kind`` is ``none``, nor for who left no contact (the booking
    platform tells them).
    """

    def __init__(self, config: DeliveryConfig, sealing: bytes, world: World) -> None:
        self._config = config
        self._envelopes = Envelopes(sealing, world)
        self._world = world

    def queue(self, conn: Connection, site: SiteConfig, template: str, message: Message) -> None:
        """Seal ``message`` and queue it for each channel that reaches its contact; committed with ``conn``.

        ``template`` is one of ``TEMPLATES``. Call inside ``write_transaction``.
        """
        if template not in TEMPLATES:
            raise ValueError(f"no message is called {template!r}")
        if self._config.kind == "none":
            return
        whole = _completed(conn, site, message)
        if self._config.kind == "spool":
            self._insert(conn, site.site, template, "spool", whole)
            return
        contact = whole.contact or Contact()
        if not contact.mail and not contact.phone:
            return
        reached = self._channels(template, contact)
        for channel in reached:
            self._insert(conn, site.site, template, channel, whole)
        if not reached:
            self._insert(conn, site.site, template, "mail" if contact.mail else "sms", None, whole)

    def reaches(self, conn: Connection, site: str, booking: str) -> bool:
        """Whether a message about ``booking`` has somebody to go to."""
        if self._config.kind != "apprise":
            return self._config.kind == "spool"
        contact = contact_of(conn, site, booking)
        return contact is not None and bool(self._channels("release-warning", contact))

    def _channels(self, template: str, contact: Contact) -> list[str]:
        mail = "mail" in self._config.channels and bool(contact.mail)
        sms = "sms" in self._config.channels and bool(contact.phone)
        found = ["mail"] if mail else []
        return [*found, "sms"] if sms and (not mail or template in URGENT) else found

    def _insert(
        self,
        conn: Connection,
        site: str,
        template: str,
        channel: str,
        message: Message | None,
        about: Message | None = None,
    ) -> None:
        """One row; without ``message`` it has failed already and says what it was ``about``."""
        now, delivery = self._world.now(), self._world.new_id()
        told = message or about or Message(site=site)
        values: dict[str, Any] = {"state": "queued", "sealed": None, "error": None, "done": None}
        if message is None:
            values |= {"state": "failed", "error": UNREACHABLE, "done": now}
        else:
            values["sealed"] = self._envelopes.seal(site, delivery, message)
        conn.execute(
            insert(deliveries).values(
                site=site,
                delivery=delivery,
                booking=told.booking or None,
                right=told.right or None,
                template=template,
                channel=channel,
                due=now,
                created=now,
                **values,
            )
        )
        record_change(conn, site, "deliveries", delivery, now)


def _completed(conn: Connection, site: SiteConfig, message: Message) -> Message:
    """``message`` with what the store and the site's plan know of it."""
    changes: dict[str, Any] = {}
    row: Row[Any] | None = None
    if message.booking:
        mine = (bookings.c.site == site.site) & (bookings.c.booking == message.booking)
        row = conn.execute(select(bookings).where(mine)).first()
    if row is not None:
        if not message.space:
            changes["space"] = row.space
        if not message.end:
            changes |= {"start": row.start, "end": row.end}
        if not message.title:
            changes["title"] = row.title
        if not message.uid:
            changes |= {"source": row.source, "uid": row.uid}
    whole = replace(message, **changes)
    changes = {}
    if not whole.doors and whole.space:
        changes["doors"] = [door.door for door in doors_on_way(site.doors, whole.space)]
    may_open = row is None or row.withheld is None
    if may_open and not whole.closes and whole.end:
        windows = windows_of(site, calendar_of(site), whole)
        if windows:
            changes |= {"opens": windows[0].start, "closes": windows[-1].end}
    if whole.contact is None:
        changes["contact"] = contact_of(conn, site.site, whole.booking, whole.right)
    return replace(whole, **changes)


def contact_of(conn: Connection, site: str, booking: str = "", right: str = "") -> Contact | None:
    """Who is told about a booking (its own contact, else its group's) or a right."""
    row: Any = None
    if right:
        mine = (rights.c.site == site) & (rights.c.right == right)
        row = conn.execute(
            select(rights.c.person.label("name"), rights.c.mail, rights.c.phone, rights.c.language).where(
                mine
            )
        ).first()
    elif booking:
        own = (contacts.c.site == site) & (contacts.c.booking == booking)
        row = conn.execute(
            select(contacts.c.name, contacts.c.mail, contacts.c.phone, contacts.c.language).where(own)
        ).first()
        if row is None or not (row.mail or row.phone):
            row = _group_contact(conn, site, booking) or row
    if row is None:
        return None
    return Contact(name=row.name, mail=row.mail, phone=row.phone, language=row.language)


def _group_contact(conn: Connection, site: str, booking: str) -> Any:
    columns = (groups.c.contact.label("name"), groups.c.mail, groups.c.phone, groups.c.language)
    return conn.execute(
        select(*columns)
        .join(bookings, bookings.c.group == groups.c.group)
        .where(bookings.c.site == site, bookings.c.booking == booking)
        .where(or_(groups.c.site == site, groups.c.site == "*"))
        .order_by(groups.c.site.desc())  # the site's own before one of every site
        .limit(1)
    ).first()
