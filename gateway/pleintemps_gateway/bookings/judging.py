"""Whether a booking gets a code: the rules of :mod:`.windows` and :mod:`.groups` over the store."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import bookings

from .calendars import calendar_of
from .group_book import GroupIndex, papers_of
from .groups import missing
from .windows import judge


def withheld(
    conn: Connection, site: SiteConfig, row: Row[Any], known: GroupIndex | None = None
) -> str | None:
    """Why a row of ``bookings`` gets no code: ``closed-day``, ``school-hours`` or one of PAPERS; None if it
    gets one.

    Papers are those at the end of the booking. A manager's word counts for papers only. ``known`` saves a
    query where many are judged.
    """
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


def booking_of(conn: Connection, site: str, booking: str) -> Row[Any] | None:
    mine = (bookings.c.site == site) & (bookings.c.booking == booking)
    return conn.execute(select(bookings).where(mine)).first()
