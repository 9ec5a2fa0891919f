"""The life of a booking: create, move, cancel, follow a feed. Runs inside ``write_transaction``."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from pleintemps_contract.world import World
from pleintemps_gateway.access.service import CodeDesk, Issued, free, place
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError, StoreError
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings

from .sources.registry import HORIZON_MS

MAX_LENGTH_MS: Final = 31 * 86_400_000
REST: Final = "rest"


class Created(NamedTuple):
    """A booking with its code, which is shown this once."""

    booking: str
    issued: Issued


class Occurrence(NamedTuple):
    """One booking as a source tells it; ``uid`` is that of the occurrence. Times are Unix ms, end > start."""

    uid: str
    space: str
    title: str
    start: int
    end: int
    people: int | None = None


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
) -> Created:
    """Take a booking that no feed tells of, with its code. Times are Unix ms; raises BookingError.

    ``uid`` is the caller's own name for it, one of our own by default: see :func:`repeated`.
    """
    now = desk.world.now()
    if space not in {known.space for known in site.spaces if known.bookable}:
        raise BookingError("unknown-space", f"no space called {space!r} can be booked here")
    if not 0 <= start < end <= start + MAX_LENGTH_MS or end <= now:
        raise BookingError("bad-times", "a booking ends after it starts, within 31 days, and not in the past")
    if people is not None and not 0 <= people <= 100_000:
        raise BookingError("bad-people", "people: 0 to 100000")
    booking = desk.world.new_id()
    _insert(conn, site, REST, Occurrence(uid or booking, space, title, start, end, people), now, booking)
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
    if any(row._mapping[name] != value for name, value in wish._asdict().items()):
        raise BookingError("key-used", "this key was used for another booking")
    return str(row.booking)


def cancel(conn: Connection, site: SiteConfig, booking: str, now: int) -> None:
    """Cancel a booking and free its code; raises BookingError if there is none that lives."""
    row = _row(conn, site, booking)
    if row.status != "confirmed":
        raise BookingError("cancelled", "this booking is cancelled already")
    _set(conn, site, booking, now, {"status": "cancelled"})
    free(conn, site, booking, now)


def move(conn: Connection, site: SiteConfig, booking: str, *, start: int, end: int, now: int) -> None:
    """Give a booking other times; its code keeps its digits. Raises BookingError."""
    row = _row(conn, site, booking)
    if row.status != "confirmed":
        raise BookingError("cancelled", "this booking is cancelled already")
    if not 0 <= start < end <= start + MAX_LENGTH_MS or end <= now:
        raise BookingError("bad-times", "a booking ends after it starts, within 31 days, and not in the past")
    _set(conn, site, booking, now, {"start": start, "end": end})
    place(conn, site, booking, now)


class FeedOutcome(NamedTuple):
    created: int
    changed: int
    cancelled: int


def follow_feed(
    conn: Connection,
    site: SiteConfig,
    feed: str,
    found: Iterable[Occurrence],
    now: int,
    world: World,
    unreadable: frozenset[str] = frozenset(),
) -> FeedOutcome:
    """Make the feed's bookings what it says from ``now`` to the horizon; codes of new ones are issued apart.

    What it no longer names and is not over is cancelled; what is over stays, and so does what the feed still
    names but nobody can read (``unreadable``, UIDs of events or occurrences). An empty one is the
    caller's affair.
    """
    here = (bookings.c.site == site.site) & (bookings.c.source == feed)
    stored = {row.uid: row for row in conn.execute(select(bookings).where(here, bookings.c.end > now))}
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
            _insert(conn, site, feed, item, now, world.new_id())
            created += 1
            continue
        values = item._asdict() | {"status": "confirmed"}
        before = row._asdict()
        if any(before[name] != value for name, value in values.items()):
            _set(conn, site, row.booking, now, values)
            place(conn, site, row.booking, now)
            changed += 1
    for uid, row in stored.items():
        if uid in named or uid in unreadable or uid.rpartition("#")[0] in unreadable:
            continue
        if row.status == "confirmed" and row.start < now + HORIZON_MS:
            cancel(conn, site, row.booking, now)
            cancelled += 1
    return FeedOutcome(created, changed, cancelled)


def _row(conn: Connection, site: SiteConfig, booking: str) -> Row[Any]:
    mine = (bookings.c.site == site.site) & (bookings.c.booking == booking)
    row = conn.execute(select(bookings).where(mine)).first()
    if row is None:
        raise BookingError("unknown-booking", "there is no such booking")
    return row


def _insert(
    conn: Connection, site: SiteConfig, source: str, item: Occurrence, now: int, booking: str
) -> None:
    values = item._asdict() | {"site": site.site, "booking": booking, "source": source}
    conn.execute(insert(bookings).values(**values, status="confirmed", updated=now))
    record_change(conn, site.site, "bookings", booking, now)


def _set(conn: Connection, site: SiteConfig, booking: str, now: int, values: dict[str, Any]) -> None:
    mine = (bookings.c.site == site.site) & (bookings.c.booking == booking)
    conn.execute(update(bookings).where(mine).values(**values, updated=now))
    record_change(conn, site.site, "bookings", booking, now)
