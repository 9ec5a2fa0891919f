"""A session that is used does not end for want of use."""

from typing import Any, Final

from sqlalchemy import Row, update

from pleintemps_gateway.store import reading, schema
from pleintemps_gateway.store.engine import write_transaction

from .context import Context

HOUR_MS: Final = 3_600_000
TOUCH_MS: Final = 60_000
"""A session says at most so often that it is used."""


def touch(context: Context, row: Row[Any], now: int) -> None:
    """The session ``row`` is used now: written down once a minute at most."""
    if row.seen is not None and now - row.seen < TOUCH_MS:
        return
    idle = None if row.idle_at is None else now + int(context.config.web.idle_h * HOUR_MS)
    table, user = schema.sessions.c, schema.users.c
    with write_transaction(context.engine, [row.site]) as conn:
        mine = (table.site == row.site) & (table.token_hash == row.token_hash)
        conn.execute(update(schema.sessions).where(mine).values(seen=now, idle_at=idle))
        his = (user.site == row.site) & (user.name == row.name)
        conn.execute(update(schema.users).where(his).values(seen=now))


def keep_alive(context: Context, token_hash: str) -> None:
    """An open live page is used; call it as often as you like."""
    now = context.world.now()
    with context.engine.connect() as conn:
        row = reading.session(conn, token_hash, now)
    if row is not None:
        touch(context, row, now)
