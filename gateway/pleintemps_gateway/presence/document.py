"""Presence without a booking as a document of exact bytes: the same records give the same bytes."""

import csv
import io
from typing import Final, Literal

import msgspec

from pleintemps_gateway.usage.document import harmless

from .unbooked import Unbooked

SCHEMA: Final = "pleintemps-unbooked/1"


class UnbookedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Records that overlap ``from`` to ``to`` (Unix ms). No name, mail or code is among them."""

    schema: str
    site: str
    from_: int = msgspec.field(name="from")
    to: int
    rows: list[Unbooked]


def encode(site: str, start: int, end: int, rows: list[Unbooked], form: Literal["json", "csv"]) -> bytes:
    """JSON with a line feed at its end, or CSV (RFC 4180) of the rows."""
    if form == "json":
        document = UnbookedDocument(schema=SCHEMA, site=site, from_=start, to=end, rows=rows)
        return msgspec.json.encode(document) + b"\n"
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("schema", "site", *Unbooked.__struct_fields__))
    for row in rows:
        writer.writerow([harmless(value) for value in (SCHEMA, site, *msgspec.structs.astuple(row))])
    return text.getvalue().encode()
