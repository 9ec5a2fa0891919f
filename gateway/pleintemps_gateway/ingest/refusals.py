"""Counting what was refused, by source and reason, in a bounded number of rows."""

import re
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from pleintemps_gateway.store.schema import refusals
from pleintemps_gateway.store.together import table_of

MAX_ROWS: Final = 500
"""Different (source, reason) of a site; what comes after counts in one row for all."""
_OTHERS: Final = ("others", "more kinds of refusals than are told apart")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_NUMBERS: Final = re.compile(r"-?\d+")


class Count(NamedTuple):
    total: int
    first_at: int
    last_at: int


def reason_of(text: str) -> str:
    """A decoder's sentence without what it quotes and counts: hostile input must not make many rows.

    Names of fields (``$.records[...].seq``) stay.
    """
    fields = re.findall(r"`\$[^`]*`", text)
    plain = _NUMBERS.sub("N", _QUOTED.sub("...", text))
    where = _NUMBERS.sub("N", fields[-1].strip("`")) if fields else ""
    printable = "".join(letter if letter.isprintable() else " " for letter in f"{plain} {where}")
    return " ".join(printable.split())[:200]


class RefusalCounts:
    """The counts of one site, as stored plus what came since."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Count] = {}

    def load(self, conn: Connection, site: str) -> None:
        self._counts = {
            (row.source, row.reason): Count(row._mapping["count"], row.first_at, row.last_at)
            for row in table_of(conn, site, refusals)
        }

    def add(self, site: str, source: str, reason: str, count: int, at: int) -> dict[str, Any]:
        """Count; returns the whole row."""
        key = (source[:120], reason[:200])
        if key not in self._counts and len(self._counts) >= MAX_ROWS:
            key = _OTHERS
        old = self._counts.get(key, Count(0, at, at))
        new = self._counts[key] = Count(old.total + count, old.first_at, at)
        row = {"site": site, "source": key[0], "reason": key[1], "count": new.total}
        return row | {"first_at": new.first_at, "last_at": new.last_at}
