"""The life of a booking: create, move, cancel. Runs inside ``write_transaction``.

Whatever changes a booking is judged anew (:func:`.judging.settle`), told to its people and written to the
audit log.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select

from pleintemps_gateway.access.service import CodeDesk, Issued, free
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError, StoreError
from pleintemps_gateway.privacy.masking import erased_uid, is_erased, mark_of_uid
from pleintemps_gateway.store.schema import bookings

from .group_book import GroupIndex
from .judging import lacking, lapses, settle
from .rows import (
    NOBODY,
    audit,
    booking_of,
    insert_booking,
    set_columns,
    tell,
    write_contact,
)
from .rows import Occurrence as Occurrence  # noqa: PLC0414
from .sources.base import Contact

MAX_LENGTH_MS: Final = 31 * 86_400_000
REST: Final = "rest"
AS_BOOKED: Final = {"released": None, "planned_end": None}


class Created(NamedTuple):
    """A booking with its code, which is shown this once; a withheld one says why, and ``issued`` is empty."""

    booking: str
    issued: Issued
    withheld: str | None = None


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
    amplified: bool = False,
    by: str = "",
) -> Created:
    """Take a booking that no feed tells of, with its code. Times are Unix ms; raises BookingError.

    ``uid`` is the caller's own name for it, one of our own by default: see :func:`repeated`.
    """
    _check_space(site, space)
    _check_times(start, end, desk.world.now())
    if people is not None and not 0 <= people <= 100_000:
        raise BookingError("bad-people", "people: 0 to 100000")
    item = Occurrence(uid or "", space, title, start, end, people, contact, group, amplified)
    index = GroupIndex(conn, site.site)
    booking = insert_booking(conn, site, desk, REST, item, index.slug(group), by)
    reason = settle(conn, site, desk, booking, index)
    if reason is not None:
        return Created(booking, Issued("", "", ""), reason)
    issued = desk.issue(conn, site, booking)
    if issued is None:
        raise StoreError("a booking just made cannot be read")
    return Created(booking, issued)


def repeated(conn: Connection, site: SiteConfig, desk: CodeDesk, wish: Occurrence) -> str | None:
    """The booking that was made as ``wish.uid`` before, whatever became of it; None if there is none.

    Raises BookingError if that was another wish, or was erased since: nobody knows any more what it was.
    """
    here = (bookings.c.site == site.site) & (bookings.c.source == REST) & (bookings.c.uid == wish.uid)
    row = conn.execute(select(bookings).where(here)).first()
    if row is None:
        gone = erased_uid(mark_of_uid(desk.vault, site.site, REST, wish.uid))
        erased = (bookings.c.site == site.site) & (bookings.c.source == REST) & (bookings.c.uid == gone)
        if conn.execute(select(bookings.c.booking).where(erased)).first() is not None:
            raise BookingError("key-used", "this key was used for a booking that was erased")
        return None
    if any(row._mapping[name] != value for name, value in wish.columns().items()):
        raise BookingError("key-used", "this key was used for another booking")
    return str(row.booking)


def cancel(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str = "") -> None:
    """Cancel a booking and free its codes; raises BookingError if there is none that lives."""
    _living(conn, site, booking)
    withdraw(conn, site, desk, booking, by)


def move(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, *, start: int, end: int, by: str = ""
) -> None:
    """Give a booking other times, or a longer one; its codes keep their digits. Raises BookingError."""
    row = _living(conn, site, booking)
    _check_times(start, end, desk.world.now())
    change(conn, site, desk, row, {"start": start, "end": end, **AS_BOOKED}, by)


def revise(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, wish: Mapping[str, Any], by: str = ""
) -> None:
    """Change what ``wish`` names of a booking: ``space``, ``start``, ``end``, ``title``, ``people``,
    ``amplified``, ``group`` (slug or name). Its codes keep their digits and follow to other doors.
    Raises BookingError.
    """
    row = _living(conn, site, booking)
    values = dict(wish)
    if "title" in values or "group" in values:
        _check_somebodys(row)
    if "space" in values:
        _check_space(site, values["space"])
    if "start" in values or "end" in values:
        _check_times(values.get("start", row.start), values.get("end", row.end), desk.world.now())
        values |= AS_BOOKED
    if "group" in values:
        values["group"] = GroupIndex(conn, site.site).slug(values["group"])
    change(conn, site, desk, row, values, by)


def assign_group(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, group: str, by: str = ""
) -> None:
    """Say whose booking it is, by slug or name; empty for nobody's. Raises BookingError."""
    row = _living(conn, site, booking)
    _check_somebodys(row)
    change(conn, site, desk, row, {"group": GroupIndex(conn, site.site).slug(group)}, by)


def override(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str, reason: str) -> None:
    """A manager's word for the papers that a booking lacks; ``reason`` is shown. Raises BookingError.

    It counts while group and space stay and no more people come. School hours and closed days cannot be
    overridden.
    """
    row = _living(conn, site, booking)
    missing = None if row.override_by is not None else lacking(conn, site, row)
    if missing is None:
        raise BookingError("nothing-missing", "there is nothing to override")
    set_columns(conn, site, booking, desk.world.now(), {"override_by": by, "override_reason": reason})
    fields = {"by": by, "reason": reason, "missing": missing}
    audit(conn, site, desk, "booking.overridden", booking, fields)
    settle(conn, site, desk, booking)


def put_contact(
    conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, contact: Contact, by: str = ""
) -> None:
    """Say who is told about a booking; raises BookingError."""
    _check_somebodys(_living(conn, site, booking))
    write_contact(conn, site, booking, contact)
    set_columns(conn, site, booking, desk.world.now(), {})
    audit(conn, site, desk, "booking.changed", booking, {"by": by, "contact": contact._asdict()})


def change(
    conn: Connection, site: SiteConfig, desk: CodeDesk, row: Row[Any], values: dict[str, Any], by: str = ""
) -> None:
    """Give the columns ``values`` to a row of ``bookings`` and judge it anew."""
    before = {name: row._mapping[name] for name, value in values.items() if row._mapping[name] != value}
    if not before:
        return
    if lapses(row, values):
        values = values | {"override_by": None, "override_reason": None}
    set_columns(conn, site, row.booking, desk.world.now(), values)
    moved = any(name in before for name in ("start", "end", "space"))
    fields = {"by": by, "before": before, "after": {name: values[name] for name in before}}
    audit(conn, site, desk, "booking.moved" if moved else "booking.changed", row.booking, fields)
    settle(conn, site, desk, row.booking, moved=moved)


def _check_space(site: SiteConfig, space: str) -> None:
    if space not in {known.space for known in site.spaces if known.bookable}:
        raise BookingError("unknown-space", f"no space called {space!r} can be booked here")


def _check_times(start: int, end: int, now: int) -> None:
    if not 0 <= start < end <= start + MAX_LENGTH_MS or end <= now:
        raise BookingError("bad-times", "a booking ends after it starts, within 31 days, and not in the past")


def _check_somebodys(row: Row[Any]) -> None:
    """A call that comes again after an erasure must not bring anybody back."""
    if is_erased(row.uid):
        raise BookingError("erased", "this booking was erased: it is nobody's any more")


def _living(conn: Connection, site: SiteConfig, booking: str) -> Row[Any]:
    row = booking_of(conn, site.site, booking)
    if row is None:
        raise BookingError("unknown-booking", "there is no such booking")
    if row.status != "confirmed":
        raise BookingError("cancelled", "this booking is cancelled already")
    return row


def withdraw(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str, by: str) -> None:
    """Cancel a booking that is known to live."""
    now = desk.world.now()
    set_columns(conn, site, booking, now, {"status": "cancelled"})
    audit(conn, site, desk, "booking.cancelled", booking, {"by": by})
    free(conn, site, booking, now)
    tell(conn, site, desk, "cancelled", booking)
