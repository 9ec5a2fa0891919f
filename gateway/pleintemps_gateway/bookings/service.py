"""The life of a booking: create, move, cancel, follow a feed. Runs inside ``write_transaction``.

Whatever changes a booking is judged anew (:func:`settle`) and written to the audit log.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, insert, or_, select, update

from pleintemps_gateway.access.service import CodeDesk, Issued, free, place
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError, StoreError
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings, contacts
from pleintemps_gateway.store.upsert import upsert

from .group_book import GroupIndex
from .judging import booking_of, lacking, lapses, withheld
from .sources.base import Contact
from .sources.registry import HORIZON_MS

MAX_LENGTH_MS: Final = 31 * 86_400_000
REST: Final = "rest"
NOBODY: Final = Contact()
_AS_BOOKED: Final = {"released": None, "planned_end": None}


class Created(NamedTuple):
    """A booking with its code, which is shown this once; a withheld one says why, and ``issued`` is empty."""

    booking: str
    issued: Issued
    withheld: str | None = None


class Occurrence(NamedTuple):
    """One booking as a source tells it; ``uid`` is that of the occurrence. Times are Unix ms, end > start.

    ``group`` is a group's name or slug. An empty contact or group takes away none that is known.
    """

    uid: str
    space: str
    title: str
    start: int
    end: int
    people: int | None = None
    contact: Contact = NOBODY
    group: str = ""


def create(
    conn: Connection,
    site: SiteConfig,
    desk: CodeDesk,
    *,
    space: str,
    start: int,
    end: int,
    title: str,
    people: int | None = None,
    uid: str | None = None,
    contact: Contact = NOBODY,
    group: str = "",
    by: str = "",
) -> Created:
    """Take a booking that no feed tells of, with its code. Times are Unix ms; raises BookingError.

    ``uid`` is the caller's own name for it, one of our own by default: see :func:`repeated`.
    """
    now = desk.world.now()
    if space not in {known.space for known in site.spaces if known.bookable}:
        raise BookingError("unknown-space", f"no space called {space!r} can be booked here")
    _check_times(start, end, now)
    if people is not None and not 0 <= people <= 100_000:
        raise BookingError("bad-people", "people: 0 to 100000")
    booking = desk.world.new_id()
    item = Occurrence(uid or booking, space, title, start, end, people, contact, group)
    index = GroupIndex(conn, site.site)
    _insert(conn, site, desk, REST, item, booking, index, by)
    reason = settle(conn, site, desk, booking, index)
    if reason is not None:
        return Created(booking, Issued("", "", ""), reason)
    issued = desk.issue(conn, site, booking)
    if issued is None:
        raise StoreError("a booking just made cannot be read")
    return Created(booking, issued)


def repeated(conn: Connection, site: SiteConfig, wish: Occurrence) -> str | None:
    """The booking that was made as ``wish.uid`` before, whatever became of it; None if there is none.

    Raises BookingError if that was another wish.
    """
    here = (bookings.c.site == site.site) & (bookings.c.source == REST) & (bookings.c.uid == wish.uid)
    row = conn.execute(select(bookings).where(here)).first()
    if row is None:
        return None
    if any(row._mapping[name] != value for name, value in _columns(wish).items()):
        raise BookingError("key-used", "this key was used for another booking")
    return str(row.booking)


def cancel(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str = "") -> None:
    """Cancel a booking and free its codes; raises BookingError if there is none that lives."""
    _living(conn, site, booking)
    _cancel(conn, site, desk, booking, by)


def cancel_series(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str = ""
) -> list[str]:
    """Cancel every booking of the series of ``booking`` that is not over; their ids.

    One that belongs to no series goes alone. Raises BookingError if nothing of it lives.
    """
    row = _known(conn, site, booking)
    name, mark, _ = row.uid.rpartition("#")
    series = bookings.c.uid == row.uid
    if mark:
        series = or_(series, bookings.c.uid.startswith(f"{name}#", autoescape=True))
    mine = (bookings.c.site == site.site) & (bookings.c.source == row.source) & series
    living = mine & (bookings.c.status == "confirmed") & (bookings.c.end > desk.world.now())
    found = conn.scalars(select(bookings.c.booking).where(living).order_by(bookings.c.start)).all()
    if not found:
        raise BookingError("cancelled", "nothing of this series is ahead")
    for each in found:
        _cancel(conn, site, desk, each, by)
    return [str(each) for each in found]


def move(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, *, start: int, end: int, by: str = ""
) -> None:
    """Give a booking other times, or a longer one; its codes keep their digits. Raises BookingError."""
    row = _living(conn, site, booking)
    _check_times(start, end, desk.world.now())
    change(conn, site, desk, row, {"start": start, "end": end, **_AS_BOOKED}, by)


def assign_group(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, group: str, by: str = ""
) -> None:
    """Say whose booking it is, by slug or name; empty for nobody's. Raises BookingError."""
    row = _living(conn, site, booking)
    change(conn, site, desk, row, {"group": GroupIndex(conn, site.site).slug(group)}, by)


def override(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str, reason: str) -> None:
    """A manager's word for the papers that a booking lacks; ``reason`` is shown. Raises BookingError.

    It counts while group and space stay and no more people come. School hours and closed days cannot be
    overridden.
    """
    row = _living(conn, site, booking)
    if row.override_by is not None or (missing := lacking(conn, site, row)) is None:
        raise BookingError("nothing-missing", "there is nothing to override")
    _set(conn, site, booking, desk.world.now(), {"override_by": by, "override_reason": reason})
    _audit(conn, site, desk, "booking.overridden", booking, {"by": by, "reason": reason, "missing": missing})
    settle(conn, site, desk, booking)


def change(
    conn: Connection, site: SiteConfig, desk: CodeDesk, row: Row[Any], values: dict[str, Any], by: str = ""
) -> None:
    """Give the columns ``values`` to a row of ``bookings`` and judge it anew."""
    before = {name: row._mapping[name] for name, value in values.items() if row._mapping[name] != value}
    if not before:
        return
    if lapses(row, values):
        values = values | {"override_by": None, "override_reason": None}
    _set(conn, site, row.booking, desk.world.now(), values)
    moved = any(name in before for name in ("start", "end", "space"))
    fields = {"by": by, "before": before, "after": {name: values[name] for name in before}}
    action = "booking.moved" if moved else "booking.changed"
    _audit(conn, site, desk, action, row.booking, fields)
    settle(conn, site, desk, row.booking)


def settle(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, known: GroupIndex | None = None
) -> str | None:
    """Judge a confirmed booking as it stands and make its codes follow; why it is withheld, None if not.

    A withheld booking's codes are off every door and keep their digits, should it be allowed again.
    """
    row = booking_of(conn, site.site, booking)
    if row is None or row.status != "confirmed":
        return None
    now, reason = desk.world.now(), withheld(conn, site, row, known)
    if reason != row.withheld:
        _set(conn, site, booking, now, {"withheld": reason})
        action = "booking.allowed" if reason is None else "booking.withheld"
        _audit(conn, site, desk, action, booking, {"reason": reason or row.withheld})
    place(conn, site, booking, now)
    return reason


def settle_all(conn: Connection, site: SiteConfig, desk: CodeDesk, group: str | None = None) -> int:
    """Judge every booking that is not over, or those of ``group`` (a slug) alone; how many changed."""
    index = GroupIndex(conn, site.site)
    ahead = (bookings.c.site == site.site) & (bookings.c.status == "confirmed")
    query = select(bookings).where(ahead, bookings.c.end > desk.world.now()).order_by(bookings.c.start)
    changed = 0
    for row in conn.execute(query).all():
        own = index.slug(row.group) if row.group else None
        if group is not None and group not in (own, row.group):
            continue
        if own != row.group:
            _set(conn, site, row.booking, desk.world.now(), {"group": own})
        if withheld(conn, site, row, index) != row.withheld or own != row.group:
            settle(conn, site, desk, row.booking, index)
            changed += 1
    return changed


class FeedOutcome(NamedTuple):
    created: int
    changed: int
    cancelled: int


def follow_feed(
    conn: Connection,
    site: SiteConfig,
    desk: CodeDesk,
    feed: str,
    found: Iterable[Occurrence],
    now: int,
    unreadable: frozenset[str] = frozenset(),
) -> FeedOutcome:
    """Make the feed's bookings what it says from ``now`` to the horizon; codes of new ones are issued apart.

    What it no longer names and is not over is cancelled; what is over stays, and so does what the feed still
    names but nobody can read (``unreadable``, UIDs of events or occurrences). An empty one is the
    caller's affair. A booking that was released stays shortened while the feed says its old times.
    """
    here = (bookings.c.site == site.site) & (bookings.c.source == feed)
    stored = {row.uid: row for row in conn.execute(select(bookings).where(here, bookings.c.end > now))}
    told = _contacts(conn, site, feed, now)
    index = GroupIndex(conn, site.site)
    created = changed = cancelled = 0
    named: set[str] = set()
    for item in found:
        if item.end <= now or item.uid in named:
            continue
        named.add(item.uid)
        row = stored.get(item.uid)
        if row is None:
            row = conn.execute(select(bookings).where(here, bookings.c.uid == item.uid)).first()
        if row is None:
            booking = desk.world.new_id()
            _insert(conn, site, desk, feed, item, booking, index, feed)
            settle(conn, site, desk, booking, index)
            created += 1
            continue
        values = _columns(item) | {"status": "confirmed"}
        if item.group:
            values["group"] = index.slug(item.group)
        if (row.start, row.planned_end) == (item.start, item.end):
            values["end"] = row.end
        elif (row.start, row.end) != (item.start, item.end):
            values |= _AS_BOOKED
        contact_changed = item.contact != NOBODY and told.get(row.booking) != item.contact
        if contact_changed:
            _put_contact(conn, site, row.booking, item.contact)
        if any(row._mapping[name] != value for name, value in values.items()):
            change(conn, site, desk, row, values, feed)
        elif contact_changed:
            _set(conn, site, row.booking, now, {})
        else:
            continue
        changed += 1
    for uid, row in stored.items():
        if uid in named or uid in unreadable or uid.rpartition("#")[0] in unreadable:
            continue
        if row.status == "confirmed" and row.start < now + HORIZON_MS:
            _cancel(conn, site, desk, row.booking, feed)
            cancelled += 1
    return FeedOutcome(created, changed, cancelled)


def put_contact(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, contact: Contact, by: str = ""
) -> None:
    """Say who is told about a booking; raises BookingError."""
    _living(conn, site, booking)
    _put_contact(conn, site, booking, contact)
    _set(conn, site, booking, desk.world.now(), {})
    _audit(conn, site, desk, "booking.contact", booking, {"by": by, "contact": contact._asdict()})


# --- rows ---------------------------------------------------------------------------------------------------


def _check_times(start: int, end: int, now: int) -> None:
    if not 0 <= start < end <= start + MAX_LENGTH_MS or end <= now:
        raise BookingError("bad-times", "a booking ends after it starts, within 31 days, and not in the past")


def _known(conn: Connection, site: SiteConfig, booking: str) -> Row[Any]:
    row = booking_of(conn, site.site, booking)
    if row is None:
        raise BookingError("unknown-booking", "there is no such booking")
    return row


def _living(conn: Connection, site: SiteConfig, booking: str) -> Row[Any]:
    row = _known(conn, site, booking)
    if row.status != "confirmed":
        raise BookingError("cancelled", "this booking is cancelled already")
    return row


def _columns(item: Occurrence) -> dict[str, Any]:
    names = ("uid", "space", "title", "start", "end", "people")
    return {name: getattr(item, name) for name in names}


def _insert(
    conn: Connection,
    site: SiteConfig,
    desk: CodeDesk,
    source: str,
    item: Occurrence,
    booking: str,
    index: GroupIndex,
    by: str,
) -> None:
    now, columns = desk.world.now(), _columns(item)
    key = {"site": site.site, "booking": booking, "source": source}
    group = index.slug(item.group)
    conn.execute(insert(bookings).values(**columns, **key, group=group, status="confirmed", updated=now))
    if item.contact != NOBODY:
        _put_contact(conn, site, booking, item.contact)
    record_change(conn, site.site, "bookings", booking, now)
    _audit(conn, site, desk, "booking.created", booking, columns | {"source": source, "by": by})


def _cancel(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str) -> None:
    now = desk.world.now()
    _set(conn, site, booking, now, {"status": "cancelled"})
    _audit(conn, site, desk, "booking.cancelled", booking, {"by": by})
    free(conn, site, booking, now)


def _set(conn: Connection, site: SiteConfig, booking: str, now: int, values: dict[str, Any]) -> None:
    mine = (bookings.c.site == site.site) & (bookings.c.booking == booking)
    conn.execute(update(bookings).where(mine).values(**values, updated=now))
    record_change(conn, site.site, "bookings", booking, now)


def _contacts(conn: Connection, site: SiteConfig, feed: str, now: int) -> dict[str, Contact]:
    query = (
        select(contacts)
        .join(bookings, (bookings.c.site == contacts.c.site) & (bookings.c.booking == contacts.c.booking))
        .where(bookings.c.site == site.site, bookings.c.source == feed, bookings.c.end > now)
    )
    return {row.booking: Contact(row.name, row.mail, row.phone, row.language) for row in conn.execute(query)}


def _put_contact(conn: Connection, site: SiteConfig, booking: str, contact: Contact) -> None:
    upsert(conn, contacts, [{"site": site.site, "booking": booking, **contact._asdict()}])


def _audit(
    conn: Connection, site: SiteConfig, desk: CodeDesk, action: str, booking: str, fields: dict[str, Any]
) -> None:
    record(conn, site.site, desk.world, action, f"booking/{booking}", fields)
