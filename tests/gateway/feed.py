"""The change feed as a test reads it."""

from sqlalchemy import Connection, select

from pleintemps_gateway.store.schema import changes


def changes_after(conn: Connection, site: str, seq: int) -> list[tuple[int, str, str]]:
    """(seq, kind, key) of the changes after ``seq``, oldest first."""
    mine = (changes.c.site == site) & (changes.c.seq > seq)
    rows = conn.execute(select(changes).where(mine).order_by(changes.c.seq))
    return [(int(row.seq), str(row.kind), str(row.key)) for row in rows]
