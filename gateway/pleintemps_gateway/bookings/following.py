"""Following a feed: its bookings become what it says, in steps that hold the store's writer for a moment.

Each step runs in a transaction of its own, which may be repeated; between two of them doors, people and other
feeds have their turn. What is half followed stays half followed until the next reading.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import DataError, IntegrityError

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import CodesExhaustedError
from pleintemps_gateway.privacy.masking import without_erased
from pleintemps_gateway.store.schema import bookings, contacts

from .group_book import GroupIndex
from .judging import settle
from .rows import NOBODY, Occurrence, insert_booking, set_columns, write_contact
from .service import AS_BOOKED, change, withdraw
from .sources.base import Contact, Rejected
from .sources.registry import HORIZON_MS

LOOKED_AT: Final = 200
"""Bookings that one step compares."""
CHANGED: Final = 5
"""Bookings that one step makes, changes or cancels: each takes some milliseconds."""
NOT_STORED: Final = "the store does not take it"
NO_CODE: Final = "no free code of its length was found: set codes.digits higher"
_ROW_FAULTS: Final = (DataError, IntegrityError, UnicodeError)
TOLD_MS: Final = 60_000
"""A source that was told of a release may round its end up by so much."""


class Place(NamedTuple):
    """How far a feed was followed, and what came of it."""

    at: int = 0
    after: str = ""
    created: int = 0
    changed: int = 0
    cancelled: int = 0
    done: bool = False


class Following:
    """One reading of a feed. What it names is made or changed; then what it no longer names is cancelled.

    What is over stays, and so does what the feed still names but nobody can read (``unreadable``, UIDs of
    events or occurrences). An empty reading is the caller's affair. A booking that was released stays
    shortened while the feed says its old times. A booking that the store does not take harms itself only.
    """

    def __init__(
        self,
        site: SiteConfig,
        desk: CodeDesk,
        feed: str,
        found: Iterable[Occurrence],
        now: int,
        unreadable: frozenset[str] = frozenset(),
    ) -> None:
        self._site = site
        self._desk = desk
        self._feed = feed
        self._now = now
        self._unreadable = unreadable
        items: dict[str, Occurrence] = {}
        for item in found:
            if item.end > now:
                items.setdefault(item.uid, item)
        self._items = list(items.values())
        self._named: set[str] = set()
        self._refused: dict[str, str] = {}
        self._here = (bookings.c.site == site.site) & (bookings.c.source == feed)

    @property
    def refused(self) -> list[Rejected]:
        """What the store did not take, or could have no code, and why."""
        return [Rejected(uid, why) for uid, why in sorted(self._refused.items())]

    def step(self, conn: Connection, place: Place) -> Place:
        """Go on from ``place``; the same step may be taken twice. Call inside ``write_transaction``."""
        if place.at < len(self._items):
            return self._follow(conn, place)
        return self._cancel(conn, place)

    def _follow(self, conn: Connection, place: Place) -> Place:
        told = self._items[place.at : place.at + LOOKED_AT]
        some = without_erased(conn, self._site.site, self._feed, told, self._desk.vault)
        for item in some:
            if item.names:
                self._rename(conn, item)
        stored = self._stored(conn, [item.uid for item in some])
        known = self._contacts(conn, [row.booking for row in stored.values()])
        index = GroupIndex(conn, self._site.site)
        count = place.created + place.changed
        for item in some:
            self._named.add(item.uid)
            place = place._replace(at=place.at + 1)
            row = stored.get(item.uid)
            try:
                with conn.begin_nested():
                    if row is None:
                        self._create(conn, item, index)
                        place = place._replace(created=place.created + 1)
                    elif self._change(conn, row, item, index, known.get(row.booking)):
                        place = place._replace(changed=place.changed + 1)
                self._refused.pop(item.uid, None)
            except _ROW_FAULTS:
                self._refused[item.uid] = NOT_STORED
            except CodesExhaustedError:
                self._refused[item.uid] = NO_CODE
            if place.created + place.changed >= count + CHANGED:
                break
        return place

    def _rename(self, conn: Connection, item: Occurrence) -> None:
        """A booking that was told under a later name of its chain keeps its code under the first."""
        if self._stored(conn, [item.uid]):
            return
        living = [row for row in self._stored(conn, sorted(item.names)).values() if row.status == "confirmed"]
        if living:
            set_columns(conn, self._site, living[0].booking, self._now, {"uid": item.uid})

    def _create(self, conn: Connection, item: Occurrence, index: GroupIndex) -> None:
        group = index.slug(item.group)
        booking = insert_booking(conn, self._site, self._desk, self._feed, item, group, self._feed)
        settle(conn, self._site, self._desk, booking, index)

    def _change(
        self, conn: Connection, row: Row[Any], item: Occurrence, index: GroupIndex, known: Contact | None
    ) -> bool:
        contact_changed = item.contact not in (NOBODY, known)
        if contact_changed:
            write_contact(conn, self._site, row.booking, item.contact)
        values = _told(row, item, index)
        if any(row._mapping[name] != value for name, value in values.items()):
            change(conn, self._site, self._desk, row, values, self._feed)
        elif contact_changed:
            set_columns(conn, self._site, row.booking, self._now, {})
        else:
            return False
        return True

    def _cancel(self, conn: Connection, place: Place) -> Place:
        left = self._here & (bookings.c.end > self._now) & (bookings.c.uid > place.after)
        query = select(bookings).where(left).order_by(bookings.c.uid).limit(LOOKED_AT)
        rows = conn.execute(query).all()
        count = place.cancelled
        for row in rows:
            place = place._replace(after=row.uid)
            if row.uid in self._named or self._is_unreadable(row.uid):
                continue
            if row.status == "confirmed" and row.start < self._now + HORIZON_MS:
                withdraw(conn, self._site, self._desk, row.booking, self._feed)
                place = place._replace(cancelled=place.cancelled + 1)
                if place.cancelled >= count + CHANGED:
                    return place
        return place._replace(done=len(rows) < LOOKED_AT)

    def _is_unreadable(self, uid: str) -> bool:
        return uid in self._unreadable or uid.rpartition("#")[0] in self._unreadable

    def _stored(self, conn: Connection, uids: Sequence[str]) -> dict[str, Row[Any]]:
        query = select(bookings).where(self._here, bookings.c.uid.in_(uids))
        return {row.uid: row for row in conn.execute(query)}

    def _contacts(self, conn: Connection, names: Sequence[str]) -> dict[str, Contact]:
        mine = (contacts.c.site == self._site.site) & contacts.c.booking.in_(names)
        rows = conn.execute(select(contacts).where(mine))
        return {row.booking: Contact(row.name, row.mail, row.phone, row.language) for row in rows}


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
    """All of a :class:`Following` in one transaction."""
    following, place = Following(site, desk, feed, found, now, unreadable), Place()
    while not place.done:
        place = following.step(conn, place)
    return FeedOutcome(place.created, place.changed, place.cancelled)


def _told(row: Row[Any], item: Occurrence, index: GroupIndex) -> dict[str, Any]:
    """The columns of ``row`` as its feed tells them now."""
    values = item.columns() | {"status": "confirmed"}
    if item.group:
        values["group"] = index.slug(item.group)
    shortened = row.released is not None and row.start == item.start
    if shortened and (item.end == row.planned_end or 0 <= item.end - row.end <= TOLD_MS):
        values["end"] = row.end  # its old times, or those that it was told
    elif (row.start, row.end) != (item.start, item.end):
        values |= AS_BOOKED
    return values
