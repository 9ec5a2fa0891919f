"""Article 15: everything that is held, as JSON. Codes are not among it: nobody here can read them."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, or_, select

from pleintemps_gateway.audit.log import entries_about, named
from pleintemps_gateway.store.schema import calls, contacts, deliveries, events, grants, groups, rights, usage
from pleintemps_gateway.store.schema_rooms import usage_corrections

from .finding import (
    Found,
    act_rows,
    alert_rows,
    booking_rows,
    command_rows,
    credential_rows,
    event_keys,
    hooked_rows,
    mark_rows,
)

_WITHOUT: Final = frozenset(
    (
        "sealed",
        "sealed_hash",
        "encrypted_code",
        "paged_code",
        "uniqueness",
        "link_hash",
        "page_key",
        "page_link",
        "salt_id",
        "salt",
    )
)
"""Columns that are unreadable to everybody here, or keys."""

Rows = list[dict[str, Any]]


def export(conn: Connection, site: str, found: Found) -> dict[str, Rows]:
    """What every table of ``site`` holds of ``found``, where it holds something; times are Unix ms."""
    booked, codes = booking_rows(conn, site, found), credential_rows(conn, site, found)
    told: dict[str, Rows] = {
        "bookings": _shown(booked),
        "contacts": _select(conn, contacts, contacts.c.site == site, contacts.c.booking, found.bookings),
        "usage": _select(conn, usage, usage.c.site == site, usage.c.booking, found.bookings),
        "usage_corrections": _select(
            conn,
            usage_corrections,
            usage_corrections.c.site == site,
            usage_corrections.c.booking,
            found.bookings,
        ),
        "credentials": _shown(codes),
        "grants": _select(conn, grants, grants.c.site == site, grants.c.grant, [row.grant for row in codes]),
        "rights": _select(conn, rights, rights.c.site == site, rights.c.right, found.rights),
        "groups": _groups(conn, found),
        "calls": _select(conn, calls, calls.c.site == site, calls.c.booking, found.bookings),
        "deliveries": _deliveries(conn, site, found),
        "alerts": _shown(alert_rows(conn, site, booked)),
        "alert_acts": _shown(act_rows(conn, site, booked)),
        "commands": _shown(command_rows(conn, site, found)),
        "marks": _shown(mark_rows(conn, site, found.words)),
        "hooked": _shown(hooked_rows(conn, site, booked, found.words)),
        "events": _events(conn, site, [row.grant for row in codes]),
        "audit": _audit(conn, site, found),
    }
    return {table: rows for table, rows in told.items() if rows}


def _shown(rows: list[Row[Any]]) -> Rows:
    return [
        {str(name): value for name, value in row._mapping.items() if name not in _WITHOUT} for row in rows
    ]


def _select(conn: Connection, table: Any, where: Any, column: Any, names: Any) -> Rows:
    wanted = sorted(names)
    rows: Rows = []
    for start in range(0, len(wanted), 500):
        query = select(table).where(where, column.in_(wanted[start : start + 500]))
        rows += _shown(list(conn.execute(query).all()))
    return rows


def _groups(conn: Connection, found: Found) -> Rows:
    keys = (*found.groups, *found.group_contacts)
    same = [and_(groups.c.site == site, groups.c.group == slug) for site, slug in keys]
    return _shown(list(conn.execute(select(groups).where(or_(*same))).all())) if same else []


def _deliveries(conn: Connection, site: str, found: Found) -> Rows:
    mine = deliveries.c.site == site
    rows = _select(conn, deliveries, mine, deliveries.c.booking, found.bookings)
    return rows + _select(conn, deliveries, mine, deliveries.c.right, found.rights)


def _events(conn: Connection, site: str, names: list[str]) -> Rows:
    rows: Rows = []
    for journal, seq in event_keys(conn, site, names):
        mine = (events.c.site == site) & (events.c.journal == journal) & (events.c.seq == seq)
        query = select(events.c.agent, events.c.at, events.c.type, events.c.door, events.c.body).where(mine)
        for row in conn.execute(query):
            rows.append(row._asdict() | {"body": msgspec.json.decode(row.body)})
    return rows


def _audit(conn: Connection, site: str, found: Found) -> Rows:
    subjects = [f"booking/{name}" for name in found.bookings] + [f"right/{name}" for name in found.rights]
    subjects += [f"group/{slug}" for _, slug in (*found.groups, *found.group_contacts)]
    entries = {entry.seq: entry for entry in named(conn, site, found.words)}
    entries |= {entry.seq: entry for subject in subjects for entry in entries_about(conn, site, subject)}
    return [
        {
            "seq": entry.seq,
            "at": entry.at,
            "action": entry.action,
            "subject": entry.subject,
            "fields": None if entry.fields is None else msgspec.json.decode(entry.fields),
        }
        for _, entry in sorted(entries.items())
    ]
