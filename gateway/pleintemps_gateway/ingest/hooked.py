"""What webhooks told, as the follower of a feed reads it."""

from typing import Final

import msgspec
from sqlalchemy import Connection, delete, select

from pleintemps_gateway.bookings.sources.calcom import Link, ended
from pleintemps_gateway.store.schema import hooked

_STEP: Final = 500
"""Rows that one read takes away."""


def read_told(conn: Connection, site: str, feed: str, before: int) -> list[bytes]:
    """The records of ``feed``. Chains of which everything ended before ``before`` (Unix ms) go: they name
    people.
    """
    mine = (hooked.c.site == site) & (hooked.c.feed == feed)
    rows = conn.execute(select(hooked.c.uid, hooked.c.body, hooked.c.ends).where(mine)).all()
    bodies = {str(row.uid): str(row.body).encode() for row in rows}
    if any(row.ends < before for row in rows):
        links = [msgspec.json.decode(body, type=Link) for body in bodies.values()]
        for uid in sorted(ended(links, before))[:_STEP]:
            conn.execute(delete(hooked).where(mine, hooked.c.uid == uid))
            del bodies[uid]
    return list(bodies.values())
