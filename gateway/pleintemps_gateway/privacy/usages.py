"""What of a usage record leads to a person: which code opened, which sensor told. Minutes and times stay."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select, update

from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import usage
from pleintemps_gateway.store.schema_bookings import USAGE_TOLD
from pleintemps_gateway.store.schema_rooms import usage_corrections

_BLANK: Final[dict[str, Any]] = {"evidence": "", "opened_at": None}
_CHUNK: Final = 200


def blank(conn: Connection, site: str, names: Sequence[str], now: int) -> int:
    """Blank the records of the bookings ``names`` and the ones that were replaced; how many there were.

    What is worked out already is corrected no more.
    """
    found = 0
    for start in range(0, len(names), _CHUNK):
        mine = (usage.c.site == site) & usage.c.booking.in_(names[start : start + _CHUNK])
        for row in conn.execute(select(usage.c.booking, usage.c.settled_at).where(mine)).all():
            same = (usage.c.site == site) & (usage.c.booking == row.booking)
            conn.execute(update(usage).where(same).values(**_BLANK))
            if row.settled_at is not None:
                conn.execute(update(usage).where(same).values(due=None))
            _corrections(conn, site, row.booking)
            record_change(conn, site, "usage", row.booking, now)
            found += 1
    return found


def forget(conn: Connection, site: str, before: int, most: int) -> None:
    """Blank at most ``most`` records that were closed before ``before`` (Unix ms)."""
    old = (usage.c.site == site) & (usage.c.closed_at < before)
    for name in conn.scalars(select(usage.c.booking).where(old, USAGE_TOLD).limit(most)).all():
        conn.execute(update(usage).where(usage.c.site == site, usage.c.booking == name).values(**_BLANK))
        _corrections(conn, site, name)


def _corrections(conn: Connection, site: str, booking: str) -> None:
    mine = (usage_corrections.c.site == site) & (usage_corrections.c.booking == booking)
    for row in conn.execute(select(usage_corrections).where(mine)).all():
        body = msgspec.json.decode(row.body, type=dict[str, Any])
        text = msgspec.json.encode(body | _BLANK).decode()
        this = mine & (usage_corrections.c.revision == row.revision)
        conn.execute(update(usage_corrections).where(this).values(body=text))
