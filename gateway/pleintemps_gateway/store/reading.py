"""Read-only queries of the web tier. Every one is asked for the sites that the reader may see, and no other.

Rows carry the columns of :mod:`.schema` under their own names; times are Unix ms.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from . import beliefs, schema, schema_rooms

AnyRow = Row[*tuple[Any, ...]]
Rows = Sequence[AnyRow]
EVERY_SITE: Final = "*"
_CHUNK: Final = 400


@dataclass(frozen=True, slots=True)
class Summary:
    """What the store holds of one or several sites, counted."""

    readings: int
    events: int
    bookings: int
    alerts: int
    codes_accepted: int
    codes_refused: int
    usage_records: int


def change_marks(conn: Connection, sites: Collection[str]) -> dict[str, int]:
    """The last number of the change feed of each site; 0 where nothing ever changed."""
    table = schema.changes
    # one look-up of the key's end for each site; a GROUP BY would walk the whole feed
    return {
        site: conn.scalar(select(func.max(table.c.seq)).where(table.c.site == site)) or 0 for site in sites
    }


def spaces(conn: Connection, sites: Collection[str]) -> Rows:
    return conn.execute(select(schema.spaces).where(schema.spaces.c.site.in_(sites))).all()


def series(conn: Connection, sites: Collection[str]) -> Rows:
    table = schema.series
    return conn.execute(select(table).where(table.c.site.in_(sites)).order_by(table.c.series)).all()


def doors(conn: Connection, sites: Collection[str]) -> Rows:
    return conn.execute(select(schema.doors).where(schema.doors.c.site.in_(sites))).all()


def panels(conn: Connection, sites: Collection[str]) -> Rows:
    table = schema.panels
    return conn.execute(select(table).where(table.c.site.in_(sites)).order_by(table.c.panel)).all()


def signals(conn: Connection, sites: Collection[str]) -> Rows:
    """Warning signals that are wanted now."""
    table = schema_rooms.signals
    return conn.execute(select(table).where(table.c.site.in_(sites), table.c.wanted)).all()


def door_events(
    conn: Connection, site: str, door: str, agent: str, types: Collection[str], limit: int
) -> list[AnyRow]:
    """The youngest events of a door, and those of ``types`` that its agent tells of none; youngest first."""
    table = schema.events
    youngest = (table.c.at.desc(), table.c.journal, table.c.seq.desc())
    of_door = select(table).where(table.c.site == site, table.c.door == door)
    of_agent = select(table).where(
        table.c.site == site, table.c.door.is_(None), table.c.type.in_(types), table.c.agent == agent
    )
    rows = [
        row for query in (of_door, of_agent) for row in conn.execute(query.order_by(*youngest).limit(limit))
    ]
    return sorted(rows, key=lambda row: (-row.at, row.journal, -row.seq))[:limit]


def grant_titles(conn: Connection, site: str, grants: Collection[str]) -> dict[str, str]:
    """The titles of the bookings whose codes these ``grants`` are, while that is known."""
    table, booked = schema.credentials, schema.bookings
    query = (
        select(table.c.grant, booked.c.title)
        .join(booked, and_(booked.c.site == table.c.site, booked.c.booking == table.c.booking))
        .where(table.c.site == site, table.c.grant.in_(grants))
    )
    return {str(row.grant): str(row.title) for row in conn.execute(query)}


def command_users(conn: Connection, site: str, commands: Collection[str]) -> dict[str, str]:
    """Who asked for these commands."""
    table = schema.commands
    query = select(table.c.command, table.c.user).where(table.c.site == site, table.c.command.in_(commands))
    return {str(row.command): str(row.user) for row in conn.execute(query)}


def agents(conn: Connection, sites: Collection[str]) -> Rows:
    table = schema.agents
    query = select(table).where(table.c.site.in_(sites)).order_by(table.c.site, table.c.agent)
    return conn.execute(query).all()


def devices(conn: Connection, sites: Collection[str]) -> Rows:
    table = schema.devices
    query = select(table).where(table.c.site.in_(sites)).order_by(table.c.site, table.c.agent, table.c.device)
    return conn.execute(query).all()


def refusals(conn: Connection, sites: Collection[str], limit: int = 200) -> Rows:
    """Youngest first."""
    table = schema.refusals
    query = select(table).where(table.c.site.in_(sites)).order_by(table.c.last_at.desc()).limit(limit)
    return conn.execute(query).all()


def alerts(conn: Connection, sites: Collection[str], states: Collection[str] = (), limit: int = 200) -> Rows:
    """Youngest first; ``states`` empty means every state."""
    table = schema.alerts
    query = select(table).where(table.c.site.in_(sites))
    if states:
        query = query.where(table.c.state.in_(states))
    return conn.execute(query.order_by(table.c.opened.desc(), table.c.alert).limit(limit)).all()


def alert(conn: Connection, sites: Collection[str], alert_id: str) -> AnyRow | None:
    table = schema.alerts
    return conn.execute(select(table).where(table.c.site.in_(sites), table.c.alert == alert_id)).first()


def last_resolved(conn: Connection, sites: Collection[str]) -> int | None:
    """When the youngest alert that is over was resolved."""
    table = schema.alerts
    found: int | None = conn.scalar(select(func.max(table.c.resolved)).where(table.c.site.in_(sites)))
    return found


def bookings(conn: Connection, sites: Collection[str], start: int, end: int, limit: int = 5000) -> Rows:
    """Bookings that overlap ``start`` to ``end``, cancelled ones too, by start, with their usage.

    The usage columns are ``usage_state``, ``arrived_at``, ``left_at``, ``occupied_ms``, ``closed_at``;
    None if there is no record yet.
    """
    table = schema.bookings
    query = _with_usage().where(table.c.site.in_(sites), table.c.end > start, table.c.start < end)
    return conn.execute(query.order_by(table.c.start, table.c.booking).limit(limit)).all()


def find_bookings(
    conn: Connection,
    sites: Collection[str],
    start: int,
    end: int,
    *,
    space: str | None = None,
    after: tuple[int, str] | None = None,
    limit: int = 1000,
) -> Rows:
    """As :func:`bookings`, of one space if need be, from the one behind ``after`` (start, booking) on."""
    table = schema.bookings
    query = _with_usage().where(table.c.site.in_(sites), table.c.end > start, table.c.start < end)
    if space is not None:
        query = query.where(table.c.space == space)
    if after is not None:
        later = and_(table.c.start == after[0], table.c.booking > after[1])
        query = query.where(or_(table.c.start > after[0], later))
    return conn.execute(query.order_by(table.c.start, table.c.booking).limit(limit)).all()


def contact(conn: Connection, site: str, booking_id: str) -> AnyRow | None:
    """Who is told about a booking."""
    table = schema.contacts
    mine = (table.c.site == site) & (table.c.booking == booking_id)
    return conn.execute(
        select(table.c.name, table.c.mail, table.c.phone, table.c.language).where(mine)
    ).first()


def next_bookings(conn: Connection, sites: Collection[str], after: int) -> Rows:
    """The first confirmed booking of every space that starts after ``after``."""
    table = schema.bookings
    coming = and_(table.c.site.in_(sites), table.c.start > after, table.c.status == "confirmed")
    first = (
        select(table.c.site, table.c.space, func.min(table.c.start).label("first"))
        .where(coming)
        .group_by(table.c.site, table.c.space)
        .subquery()
    )
    same = and_(table.c.site == first.c.site, table.c.space == first.c.space, table.c.start == first.c.first)
    query = _with_usage().join(first, same).where(table.c.status == "confirmed")
    return conn.execute(query.order_by(table.c.start, table.c.booking)).all()


def booking(conn: Connection, sites: Collection[str], booking_id: str) -> AnyRow | None:
    table = schema.bookings
    query = _with_usage().where(table.c.site.in_(sites), table.c.booking == booking_id)
    return conn.execute(query).first()


def _with_usage() -> Select[Any]:
    table, usage = schema.bookings, schema.usage
    return select(
        table,
        usage.c.state.label("usage_state"),
        usage.c.arrived_at,
        usage.c.left_at,
        usage.c.occupied_ms,
        usage.c.closed_at,
    ).outerjoin(usage, and_(usage.c.site == table.c.site, usage.c.booking == table.c.booking))


def usage(conn: Connection, sites: Collection[str], start: int, end: int, limit: int = 1000) -> Rows:
    """Usage records of bookings that overlap ``start`` to ``end``, with ``title``, ``start`` and ``end``."""
    table, booked = schema.usage, schema.bookings
    query = (
        select(table, booked.c.title, booked.c.start, booked.c.end)
        .join(booked, and_(booked.c.site == table.c.site, booked.c.booking == table.c.booking))
        .where(table.c.site.in_(sites), booked.c.end > start, booked.c.start < end)
    )
    return conn.execute(query.order_by(booked.c.start, table.c.booking).limit(limit)).all()


def occupancy(
    conn: Connection, sites: Collection[str], start: int, end: int, space: str | None = None
) -> Rows:
    """Changes of belief between ``start`` and ``end``, and for each space the one in force at ``start``; of
    one ``space`` alone if it is given.
    """
    if not sites:
        return []
    known = beliefs.spaces_of(sites) if space is None else beliefs.these([(site, space) for site in sites])
    return conn.execute(beliefs.within(conn, known, start, end)).all()


def latest_commands(conn: Connection, sites: Collection[str], since: int) -> Rows:
    """Commands asked for after ``since``, youngest first."""
    table = schema.commands
    query = select(table).where(table.c.site.in_(sites), table.c.requested >= since)
    return conn.execute(query.order_by(table.c.requested.desc(), table.c.command)).all()


def command(conn: Connection, sites: Collection[str], command_id: str) -> AnyRow | None:
    table = schema.commands
    return conn.execute(select(table).where(table.c.site.in_(sites), table.c.command == command_id)).first()


def users(conn: Connection, name: str) -> Rows:
    """Everyone of that name: one of every site, or one of a site each."""
    table = schema.users
    return conn.execute(select(table).where(table.c.name == name).order_by(table.c.site)).all()


def session(conn: Connection, token_hash: str, now: int) -> AnyRow | None:
    """A session that is good now, with ``role``, ``user_sites``, ``language`` and ``theme`` of its user; None
    when it has expired, was idle too long, or its user is gone or disabled.
    """
    table, user = schema.sessions, schema.users
    query = (
        select(table, user.c.role, user.c.sites.label("user_sites"), user.c.language, user.c.theme)
        .join(user, and_(user.c.site == table.c.site, user.c.name == table.c.name))
        .where(table.c.token_hash == token_hash, *_good(now))
    )
    return conn.execute(query).first()


def live_sessions(conn: Connection, token_hashes: Collection[str], now: int) -> list[AnyRow]:
    """Those sessions of ``token_hashes`` that are still good, some hundred by a statement."""
    table, user = schema.sessions, schema.users
    query = (
        select(table.c.site, table.c.token_hash, table.c.name, table.c.seen, table.c.idle_at)
        .join(user, and_(user.c.site == table.c.site, user.c.name == table.c.name))
        .where(*_good(now))
    )
    ordered = sorted(token_hashes)
    some = (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))
    return [row for each in some for row in conn.execute(query.where(table.c.token_hash.in_(each)))]


def _good(now: int) -> tuple[ColumnElement[bool], ...]:
    table, user = schema.sessions.c, schema.users.c
    return (table.expires > now, or_(table.idle_at.is_(None), table.idle_at > now), user.disabled.is_(None))


def summary(conn: Connection, sites: Collection[str]) -> Summary:
    """Counts over everything stored of ``sites``."""
    batches, events, bookings_, alerts_, usage_ = (
        schema.sample_batches,
        schema.events,
        schema.bookings,
        schema.alerts,
        schema.usage,
    )

    def count(query: Select[Any]) -> int:
        return int(conn.scalar(query) or 0)

    def events_of(kind: str) -> int:
        return count(select(func.count()).where(events.c.site.in_(sites), events.c.type == kind))

    return Summary(
        readings=count(select(func.sum(batches.c.readings)).where(batches.c.site.in_(sites))),
        events=count(select(func.count()).where(events.c.site.in_(sites))),
        bookings=count(select(func.count()).where(bookings_.c.site.in_(sites))),
        alerts=count(select(func.count()).where(alerts_.c.site.in_(sites))),
        codes_accepted=events_of("access-granted"),
        codes_refused=events_of("access-refused"),
        usage_records=count(
            select(func.count()).where(usage_.c.site.in_(sites), usage_.c.closed_at.is_not(None))
        ),
    )
