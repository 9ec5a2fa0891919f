"""What a webhook says of an alert, a booking or a usage record: times, states and places, never a person.

Of several changes of one thing only the last is told. Times are Unix ms.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from pleintemps_gateway.store.schema import alerts, bookings, usage

EVENTS: Final = ("alert", "booking", "usage")
KIND_OF: Final[Mapping[str, str]] = {"alert": "alerts", "booking": "bookings", "usage": "usage"}
"""The table of the change feed that each event follows."""
_ALERT: Final = (
    "alert", "kind", "rank", "space", "door", "agent", "booking", "state", "opened", "acknowledged",
    "resolved",
)  # fmt: skip
_BOOKING: Final = (
    "booking",
    "source",
    "space",
    "start",
    "end",
    "status",
    "people",
    "planned_end",
    "released",
)
_USAGE: Final = (
    "booking", "space", "state", "revision", "booked_from", "booked_to", "planned_to", "arrived_at",
    "left_at",
    "occupied_ms", "unknown_ms", "overstay_ms", "shared_ms", "loud_ms", "confidence",
)  # fmt: skip

Body = dict[str, Any]


def read_body(conn: Connection, site: str, event: str, key: str) -> Body | None:
    """The present state of the thing ``key`` of ``event``; None if there is nothing to tell (yet)."""
    return _READERS[event](conn, site, key)


def _alert(conn: Connection, site: str, key: str) -> Body | None:
    row = conn.execute(select(alerts).where(alerts.c.site == site, alerts.c.alert == key)).first()
    return None if row is None else _some(row, _ALERT)


def _booking(conn: Connection, site: str, key: str) -> Body | None:
    row = conn.execute(select(bookings).where(bookings.c.site == site, bookings.c.booking == key)).first()
    return None if row is None else _some(row, _BOOKING)


def _usage(conn: Connection, site: str, key: str) -> Body | None:
    """Once it is worked out, and again when it is corrected."""
    row = conn.execute(select(usage).where(usage.c.site == site, usage.c.booking == key)).first()
    return None if row is None or row.settled_at is None or row.closed_at is None else _some(row, _USAGE)


def _some(row: Row[Any], names: tuple[str, ...]) -> Body:
    values = row._mapping
    return {name: values[name] for name in names}


_READERS: Final[Mapping[str, Callable[[Connection, str, str], Body | None]]] = {
    "alert": _alert,
    "booking": _booking,
    "usage": _usage,
}
