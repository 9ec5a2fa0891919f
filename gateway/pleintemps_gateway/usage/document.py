"""The usage of a site as a document of exact bytes: the same rows give the same bytes, in any process.

No name, title, mail or code is among them. A row is told again with a higher ``revision`` when late data have
corrected it: (booking, revision) is told once, the highest revision counts."""

import csv
import io
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Row, select

from pleintemps_gateway.privacy.finding import GONE
from pleintemps_gateway.store.schema import bookings, usage

SCHEMA: Final = "pleintemps-usage/1"
_MINUTE_MS: Final = 60_000
Format = Literal["json", "csv"]


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One booking. Times are Unix ms; minutes are whole ones, rounded down.

    ``booked_min`` is ``end`` - ``start`` and ``released_min`` together; ``present_min`` and ``unknown_min``
    lie within ``start`` and ``end``, ``overstay_min`` after it. ``shared_min`` of the presence another
    booking of the space may claim as well. ``updated`` rises with every row that is told: the cursor.
    """

    booking: str
    revision: int
    uid: str
    space: str
    group: str | None
    start: int
    end: int
    booked_min: int
    present_min: int
    unknown_min: int
    released_min: int
    overstay_min: int
    shared_min: int
    state: str
    confidence: float | None
    updated: int


class UsageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of bookings that overlap ``from`` to ``to`` (Unix ms), by start; ``cursor`` is the highest
    ``updated`` among them, or what was asked for. ``more``: there are later ones, after the cursor."""

    schema: str
    site: str
    from_: int = msgspec.field(name="from")
    to: int
    cursor: int
    more: bool
    rows: list[UsageRow]


def read_usage(
    conn: Connection, site: str, start: int, end: int, updated_after: int = 0, most: int | None = None
) -> UsageDocument:
    """Records of ``site`` that are worked out and told after ``updated_after``, the ``most`` that were told
    first."""
    table, booked = usage.c, bookings.c
    same = (booked.site == table.site) & (booked.booking == table.booking)
    query = (
        select(usage, booked.uid, booked.group)
        .join(bookings, same, isouter=True)
        .where(table.site == site, table.settled_at > updated_after, table.closed_at.is_not(None))
        .where(table.booked_to > start, table.booked_from < end)
        .order_by(table.settled_at, table.booking)
        .limit(None if most is None else most + 1)
    )
    found = [_row(row) for row in conn.execute(query)]
    rows = sorted(found[:most], key=lambda row: (row.start, row.booking))
    return UsageDocument(
        schema=SCHEMA,
        site=site,
        from_=start,
        to=end,
        cursor=max((row.updated for row in rows), default=updated_after),
        more=len(found) > len(rows),
        rows=rows,
    )


def _row(row: Row[Any]) -> UsageRow:
    planned = row.booked_to if row.planned_to is None else max(row.planned_to, row.booked_to)
    return UsageRow(
        booking=row.booking,
        revision=row.revision,
        uid="" if row.uid is None or row.uid.startswith(GONE) else row.uid,
        space=row.space,
        group=row.group,
        start=row.booked_from,
        end=row.booked_to,
        booked_min=(planned - row.booked_from) // _MINUTE_MS,
        present_min=row.occupied_ms // _MINUTE_MS,
        unknown_min=row.unknown_ms // _MINUTE_MS,
        released_min=(planned - row.booked_to) // _MINUTE_MS,
        overstay_min=row.overstay_ms // _MINUTE_MS,
        shared_min=(row.shared_ms or 0) // _MINUTE_MS,
        state=row.state,
        confidence=row.confidence,
        updated=row.settled_at,
    )


def encode(document: UsageDocument, form: Format) -> bytes:
    """The document's bytes: JSON with a line feed at its end, or CSV (RFC 4180) of its rows."""
    if form == "json":
        return msgspec.json.encode(document) + b"\n"
    text = io.StringIO()
    writer = csv.writer(text)
    names = ("schema", "site", *UsageRow.__struct_fields__)
    writer.writerow(names)
    for row in document.rows:
        values = [document.schema, document.site, *msgspec.structs.astuple(row)]
        writer.writerow([harmless(value) for value in values])
    return text.getvalue().encode()


def harmless(value: Any) -> Any:
    """A text from elsewhere must be no formula where the file is opened as a table."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
