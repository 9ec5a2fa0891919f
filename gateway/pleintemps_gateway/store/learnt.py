"""What rooms have taught: the youngest version of each space counts, a reset is a version without body."""

from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select

from .schema_rooms import learnt

KEPT: Final = 10
"""Versions kept of a space."""


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
    conn.execute(delete(learnt).where(mine, learnt.c.version <= version - KEPT))
    return version


def youngest(conn: Connection, site: str) -> dict[str, dict[str, Any]]:
    """The youngest version of each space of ``site`` (version, at, reset_by, body)."""
    rows = conn.execute(select(learnt).where(learnt.c.site == site).order_by(learnt.c.version))
    return {
        row.space: {"version": row.version, "at": row.at, "reset_by": row.reset_by, "body": row.body}
        for row in rows
    }
