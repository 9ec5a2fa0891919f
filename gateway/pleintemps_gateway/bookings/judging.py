"""Whether a booking gets a code: the rules of :mod:`.windows` and :mod:`.groups` over the store.

Every function that writes runs inside ``write_transaction``.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, select, tuple_

from pleintemps_contract.logs import line
from pleintemps_gateway.access.service import CodeDesk, free, live_grant, place
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import CodesExhaustedError
from pleintemps_gateway.privacy.masking import is_erased
from pleintemps_gateway.store.schema import bookings

from .calendars import calendar_of
from .group_book import GroupIndex, papers_of
from .groups import PAPERS, missing
from .rows import audit, booking_of, set_columns, tell
from .windows import judge

START: Final = (0, "")
"""Where :func:`settle_some` begins."""

_log = logging.getLogger(__name__)


def withheld(
    conn: Connection, site: SiteConfig, row: Row[Any], known: GroupIndex | None = None
) -> str | None:
    """Why a row of ``bookings`` gets no code: ``erased`` (nobody's any more), ``closed``, ``school-hours`` or
    one of PAPERS; None if it gets one.

    Papers are those at the end of the booking. A manager's word counts for papers only. ``known`` saves a
    query where many are judged.
    """
    if is_erased(row.uid):
        return "erased"
    barred = judge(site, calendar_of(site), row).reason
    if barred or row.override_by is not None:
        return barred or None
    return lacking(conn, site, row, known)


def lacking(conn: Connection, site: SiteConfig, row: Row[Any], known: GroupIndex | None = None) -> str | None:
    """What the group of a booking lacks, whatever a manager said; one of PAPERS."""
    index = known or GroupIndex(conn, site.site)
    group = index.find(row.group) if row.group else None
    capacity = next((space.capacity for space in site.spaces if space.space == row.space), 0)
    return missing(
        None if group is None else papers_of(group, site.rules),
        required=site.rules.groups == "required",
        end=row.end,
        people=row.people,
        capacity=capacity,
    )


def lapses(row: Row[Any], values: Mapping[str, Any]) -> bool:
    """Whether a manager's word for ``row`` no longer counts once it has ``values``: it was given for this
    group, this space and so many people.
    """
    if row.override_by is None:
        return False
    if any(values.get(name, row._mapping[name]) != row._mapping[name] for name in ("group", "space")):
        return True
    people = values.get("people", row.people)
    return people is not None and (row.people is None or people > row.people)


def settle(
    conn: Connection,
    site: SiteConfig,
    desk: CodeDesk,
    booking: str,
    known: GroupIndex | None = None,
    *,
    moved: bool = False,
) -> str | None:
    """Judge a confirmed booking as it stands and make its codes follow; why it is withheld, None if not.

    Codes of a booking whose papers lack are freed, and another is issued once they are there. One that lies
    in school hours keeps its digits off every door until it is ``moved``. Its people are told.
    """
    row = booking_of(conn, site.site, booking)
    if row is None or row.status != "confirmed":
        return None
    now, reason = desk.world.now(), withheld(conn, site, row, known)
    if reason != row.withheld:
        set_columns(conn, site, booking, now, {"withheld": reason})
        action = "booking.allowed" if reason is None else "booking.withheld"
        audit(conn, site, desk, action, booking, {"reason": reason or row.withheld})
    if reason in PAPERS:
        free(conn, site, booking, now)
    place(conn, site, booking, now)
    if reason is not None:
        if reason != row.withheld:
            tell(conn, site, desk, "withheld", booking, reason)
    elif live_grant(conn, site.site, booking) is not None:
        if moved:
            tell(conn, site, desk, "moved", booking)
        elif row.withheld is not None:
            desk.reissue(conn, site, booking)
    return reason


def settle_some(
    conn: Connection, site: SiteConfig, desk: CodeDesk, after: tuple[int, str], limit: int
) -> tuple[int, str] | None:
    """Judge the next ``limit`` bookings that are not over; from where to go on, None after the last one.

    One that could have no code stays as it was until it is judged again.
    """
    place_in_line = (bookings.c.start, bookings.c.booking)
    ahead = (bookings.c.site == site.site) & (bookings.c.status == "confirmed")
    query = (
        select(bookings)
        .where(ahead, bookings.c.end > desk.world.now(), tuple_(*place_in_line) > after)
        .order_by(*place_in_line)
        .limit(limit)
    )
    rows = conn.execute(query).all()
    index = GroupIndex(conn, site.site)
    for row in rows:
        _settle_changed(conn, site, desk, row, index)
    return (int(rows[-1].start), str(rows[-1].booking)) if len(rows) == limit else None


def settle_group(conn: Connection, site: SiteConfig, desk: CodeDesk, names: set[str]) -> int:
    """Judge every booking that is not over of a group called one of ``names`` (slugs); how many changed."""
    ahead = (bookings.c.site == site.site) & (bookings.c.status == "confirmed")
    query = select(bookings).where(
        ahead, bookings.c.end > desk.world.now(), bookings.c.group.in_(sorted(names))
    )
    index = GroupIndex(conn, site.site)
    rows = conn.execute(query.order_by(bookings.c.start)).all()
    return sum(_settle_changed(conn, site, desk, row, index) for row in rows)


def _settle_changed(
    conn: Connection, site: SiteConfig, desk: CodeDesk, row: Row[Any], index: GroupIndex
) -> bool:
    """Whether anything changed; without a free code the booking stays as it was, and the others follow."""
    try:
        with conn.begin_nested():
            return _settle_one(conn, site, desk, row, index)
    except CodesExhaustedError as error:
        _log.error(line("code-not-issued", site=site.site, booking=row.booking, error=error))
        return False


def _settle_one(conn: Connection, site: SiteConfig, desk: CodeDesk, row: Row[Any], index: GroupIndex) -> bool:
    group = index.slug(row.group) if row.group else None
    if group != row.group:
        set_columns(conn, site, row.booking, desk.world.now(), {"group": group})
    # windows follow the calendar even where the verdict stays
    reason = settle(conn, site, desk, row.booking, index)
    return bool(group != row.group or reason != row.withheld)
