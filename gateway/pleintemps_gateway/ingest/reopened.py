"""A record that was worked out, of a booking that begins again: moved on, or not released after all."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from pleintemps_gateway.reconcile.records import Settled
from pleintemps_gateway.store.schema import usage
from pleintemps_gateway.store.schema_rooms import usage_corrections

LATE_DATA: Final = "late-data"
BOOKING_CHANGED: Final = "booking-changed"
NEIGHBOUR_CHANGED: Final = "neighbour-changed"
FIELDS: Final = tuple(field for field in Settled.__struct_fields__ if field != "booking")


def keep_trace(conn: Connection, row: Any, at: int, reason: str) -> None:
    """Keep the worked out ``row`` of ``usage`` as the record that another one replaces."""
    body = msgspec.json.encode({name: row._mapping[name] for name in FIELDS}).decode()
    trace = {"booking": row.booking, "revision": row.revision, "at": at, "reason": reason, "body": body}
    conn.execute(insert(usage_corrections).values(site=row.site, **trace))


def reopen(conn: Connection, site: str, booking: str, at: int) -> None:
    """The rules follow ``booking`` again: what was worked out is kept as a trace, and is told no more."""
    mine = (usage.c.site == site) & (usage.c.booking == booking)
    row = conn.execute(select(usage).where(mine, usage.c.settled_at.is_not(None))).first()
    if row is None:
        return
    keep_trace(conn, row, at, BOOKING_CHANGED)
    unknown = {"settled_at": None, "confidence": None, "evidence": "", "left_open": None, "planned_to": None}
    conn.execute(update(usage).where(mine).values(revision=row.revision + 1, **unknown))
