"""Hours that people have marked as empty or used, each with its lesson."""

import msgspec
from sqlalchemy import Connection

from pleintemps_gateway.occupancy.marked import Lesson

from .schema_rooms import marks
from .together import table_of


def lessons(conn: Connection, site: str) -> dict[str, list[Lesson]]:
    """What the marked hours of each space of ``site`` teach."""
    found: dict[str, list[Lesson]] = {}
    for row in table_of(conn, site, marks):
        found.setdefault(row.space, []).append(msgspec.json.decode(row.lesson, type=Lesson))
    return found
