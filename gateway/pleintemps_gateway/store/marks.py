"""Hours that people have marked as empty or used, each with its lesson."""

import msgspec
from sqlalchemy import Connection, select

from pleintemps_gateway.occupancy.marked import Lesson

from .schema_rooms import marks


def lessons(conn: Connection, site: str) -> dict[str, list[Lesson]]:
    """What the marked hours of each space of ``site`` teach."""
    found: dict[str, list[Lesson]] = {}
    for row in conn.execute(select(marks.c.space, marks.c.lesson).where(marks.c.site == site)):
        found.setdefault(row.space, []).append(msgspec.json.decode(row.lesson, type=Lesson))
    return found
