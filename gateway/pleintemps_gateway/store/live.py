"""Queries of the live page: rows of whole sites, or of single keys of them, in the same words.

What was read whole is brought up to date by the keys that the change feed names; rows carry the columns of
:mod:`.schema`, times are Unix ms.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, tuple_

from . import beliefs
from .reading import AnyRow, Rows
from .schema import (
    agents,
    alerts,
    bookings,
    commands,
    credentials,
    doors,
    panels,
    series,
    spaces,
    usage,
)
from .schema_rooms import signals

Pair = tuple[str, str]
T = TypeVar("T", str, Pair)
_CHUNK: Final = 400


class Wanted(NamedTuple):
    """Rows of these ``sites``, and those of single (site, key) of others."""

    sites: Collection[str] = ()
    pairs: Collection[Pair] = ()


def _portions(keys: Iterable[T]) -> Iterator[list[T]]:
    """A statement takes a limited number of values."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def _found(conn: Connection, query: Select[Any], key: ColumnElement[Any], wanted: Wanted) -> Iterator[AnyRow]:
    site = key.table.c.site
    if wanted.sites:
        yield from conn.execute(query.where(site.in_(wanted.sites)))
    for some in _portions(wanted.pairs):
        yield from conn.execute(query.where(tuple_(site, key).in_(some)))


def space_rows(conn: Connection, wanted: Wanted) -> Iterator[AnyRow]:
    """By space."""
    return _found(conn, select(spaces), spaces.c.space, wanted)


def series_rows(conn: Connection, wanted: Wanted, quantities: Collection[str]) -> Iterator[AnyRow]:
    """By agent: the series of ``quantities``."""
    query = select(
        series.c.site,
        series.c.agent,
        series.c.series,
        series.c.space,
        series.c.max_silence_s,
        series.c.last_at,
    ).where(series.c.quantity.in_(quantities))
    return _found(conn, query, series.c.agent, wanted)


def door_rows(conn: Connection, wanted: Wanted) -> Iterator[AnyRow]:
    """By door."""
    return _found(conn, select(doors), doors.c.door, wanted)


def agent_rows(conn: Connection, wanted: Wanted) -> Iterator[AnyRow]:
    """By agent: what the page tells of them."""
    table = agents.c
    query = select(
        table.site,
        table.agent,
        table.presence,
        table.grants_epoch,
        table.grants_revision,
        table.grants_detail,
    )
    return _found(conn, query, table.agent, wanted)


def panel_rows(conn: Connection, wanted: Wanted) -> Iterator[AnyRow]:
    """By panel."""
    return _found(conn, select(panels), panels.c.panel, wanted)


def signal_rows(conn: Connection, sites: Collection[str]) -> Rows:
    """Warning signals that are wanted now."""
    return conn.execute(select(signals).where(signals.c.site.in_(sites), signals.c.wanted)).all()


def command_rows(conn: Connection, sites: Collection[str], since: int) -> Rows:
    """Commands asked for at ``since`` or later, youngest first."""
    query = select(commands).where(commands.c.site.in_(sites), commands.c.requested >= since)
    return conn.execute(query.order_by(commands.c.requested.desc(), commands.c.command)).all()


def alert_rows(conn: Connection, site: str, states: Collection[str], limit: int) -> Rows:
    """The youngest alerts of a site in ``states``."""
    query = select(alerts).where(alerts.c.site == site, alerts.c.state.in_(states))
    return conn.execute(query.order_by(alerts.c.opened.desc(), alerts.c.alert).limit(limit)).all()


def calm_rows(conn: Connection, site: str, since: int, limit: int) -> Rows:
    """The youngest alerts of a site that were resolved after ``since``, the last of them first."""
    query = select(alerts).where(
        alerts.c.site == site, alerts.c.state == "resolved", alerts.c.resolved > since
    )
    return conn.execute(query.order_by(alerts.c.resolved.desc(), alerts.c.alert).limit(limit)).all()


def booking_rows(conn: Connection, pairs: Iterable[Pair], first: int, last: int, now: int) -> list[AnyRow]:
    """Confirmed bookings of spaces, with their usage, by start: those between ``first`` and ``last``, and for
    each space the next after ``now`` wherever it is."""
    table, found = bookings.c, {}
    for some in _portions(pairs):
        here = tuple_(table.site, table.space).in_(some) & (table.status == "confirmed")
        near = _with_usage().where(here, table.end > first, table.start < last)
        following = (
            select(table.site, table.space, func.min(table.start).label("first"))
            .where(here, table.start > now, table.end > now)
            .group_by(table.site, table.space)
            .subquery()
        )
        same = and_(
            table.site == following.c.site,
            table.space == following.c.space,
            table.start == following.c.first,
        )
        # what ends after now is all that the index has to show
        next_ = _with_usage().join(following, same).where(table.status == "confirmed", table.end > now)
        for row in (*conn.execute(near), *conn.execute(next_)):
            found[row.site, row.booking] = row
    return sorted(found.values(), key=lambda row: (row.start, row.booking))


def _with_usage() -> Select[Any]:
    table, used = bookings.c, usage.c
    query = select(
        table.site,
        table.booking,
        table.space,
        table.title,
        table.people,
        table.start,
        table.end,
        table.withheld,
        used.state.label("usage_state"),
        used.arrived_at,
        used.left_at,
    )
    return query.outerjoin(usage, and_(used.site == table.site, used.booking == table.booking))


def occupancy_rows(conn: Connection, pairs: Iterable[Pair], start: int) -> Iterator[AnyRow]:
    """Changes of belief of spaces after ``start``, and the one in force then; of each space oldest first."""
    for some in _portions(pairs):
        shown = ("site", "space", "since", "state")
        yield from conn.execute(beliefs.within(conn, beliefs.these(some), start, columns=shown))


def spaces_of_bookings(conn: Connection, site: str, names: Collection[str]) -> set[str]:
    """Where these bookings are now."""
    found: set[str] = set()
    for some in _portions(names):
        query = select(bookings.c.space).where(bookings.c.site == site, bookings.c.booking.in_(some))
        found |= set(conn.scalars(query.distinct()))
    return found


def spaces_of_grants(conn: Connection, site: str, grants: Collection[str]) -> set[str]:
    """Where the bookings are whose codes these ``grants`` are."""
    table, names = credentials.c, set[str]()
    for some in _portions(grants):
        query = select(table.booking).where(table.site == site, table.grant.in_(some))
        names |= set(conn.scalars(query.where(table.booking.is_not(None))))
    return spaces_of_bookings(conn, site, names)


def count_open(conn: Connection, sites: Collection[str]) -> int:
    """Alerts that nobody has taken."""
    query = select(func.count()).where(alerts.c.site.in_(sites), alerts.c.state == "open")
    return int(conn.scalar(query) or 0)


def last_resolved(conn: Connection, sites: Collection[str]) -> dict[str, int]:
    """When the youngest alert of each site that is over was resolved."""
    query = select(alerts.c.site, func.max(alerts.c.resolved).label("at"))
    query = query.where(alerts.c.site.in_(sites)).group_by(alerts.c.site)
    return {row.site: row.at for row in conn.execute(query) if row.at is not None}
