"""What rooms have taught: the youngest version of each space counts, a reset is a version without body."""

from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, or_, select

from .schema_rooms import learnt
from .together import table_of

KEPT: Final = 10
"""Versions kept of a space, besides those that :func:`valid_at` may still be asked for."""
DAYS: Final = 9
"""Days of which resets and the last version of each are kept: longer than samples are."""
_DAY_MS: Final = 86_400_000


def keep(
    conn: Connection, site: str, space: str, at: int, body: str | None, reset_by: str | None = None
) -> int:
    """Store the next version of ``space``; inside ``write_transaction``. Returns its number."""
    mine = (learnt.c.site == site) & (learnt.c.space == space)
    last = conn.execute(select(func.coalesce(func.max(learnt.c.version), 0)).where(mine)).scalar_one()
    version = int(last) + 1
    conn.execute(
        insert(learnt).values(site=site, space=space, version=version, at=at, body=body, reset_by=reset_by)
    )
    last_of_days = select(func.max(learnt.c.version)).where(mine).group_by(learnt.c.at // _DAY_MS)
    asked = learnt.c.version.in_(last_of_days) | learnt.c.body.is_(None)
    young = (learnt.c.at >= (at // _DAY_MS - DAYS) * _DAY_MS) & asked
    old = mine & (learnt.c.version <= version - KEPT) & ~young
    conn.execute(delete(learnt).where(old))
    return version


def valid_at(conn: Connection, site: str, space: str, at: int) -> str | None:
    """The body of what ``space`` had taught by the midnight (UTC) before ``at`` (Unix ms), None for nothing.

    So it is the same whenever it is asked, and data that come late within a day do not change it. After a
    reset since that midnight it is nothing.
    """
    mine = (learnt.c.site == site) & (learnt.c.space == space)
    midnight = at // _DAY_MS * _DAY_MS
    since = or_(learnt.c.at < midnight, learnt.c.body.is_(None)) & (learnt.c.at < at)
    youngest_first = select(learnt.c.body).where(mine, since).order_by(learnt.c.version.desc()).limit(1)
    body = conn.execute(youngest_first).scalar_one_or_none()
    return None if body is None else str(body)


def youngest(conn: Connection, site: str) -> dict[str, dict[str, Any]]:
    """The youngest version of each space of ``site`` (version, at, reset_by, body)."""
    rows = sorted(table_of(conn, site, learnt), key=lambda row: row.version)
    return {
        row.space: {"version": row.version, "at": row.at, "reset_by": row.reset_by, "body": row.body}
        for row in rows
    }
