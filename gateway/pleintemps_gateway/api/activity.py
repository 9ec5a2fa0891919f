"""A session that is used does not end for want of use."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Row, bindparam, update

from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from .context import Context

HOUR_MS: Final = 3_600_000
TOUCH_MS: Final = 60_000
"""A session says at most so often that it is used."""
_mine, _his = schema.sessions.c, schema.users.c
_USED: Final = (
    update(schema.sessions)
    .where(_mine.site == bindparam("of"), _mine.token_hash == bindparam("hash"))
    .values(idle_at=bindparam("till"))
)
_SEEN: Final = update(schema.users).where(_his.site == bindparam("of"), _his.name == bindparam("who"))


def keep_alive(context: Context, rows: Collection[Row[Any]]) -> None:
    """The sessions ``rows`` are used now. It is written down once a minute at most, and of all at once: each
    write waits for the disk, and may hold ingest up.
    """
    now = context.world.now()
    due = [row for row in rows if row.seen is None or now - row.seen >= TOUCH_MS]
    if not due:
        return
    idle = now + int(context.config.web.idle_h * HOUR_MS)
    used = [
        {"of": row.site, "hash": row.token_hash, "till": None if row.idle_at is None else idle} for row in due
    ]
    people = sorted({(row.site, row.name) for row in due})
    with write_transaction(context.engine, {row.site for row in due}) as conn:
        conn.execute(_USED.values(seen=now), used)
        conn.execute(_SEEN.values(seen=now), [{"of": site, "who": name} for site, name in people])
