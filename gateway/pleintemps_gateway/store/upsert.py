"""Insert or update, for both kinds of store."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from .bulk import Bulk
from .prepared import Prepared

Incoming = ReadOnlyColumnCollection[str, Any]
"""The values that an upsert brings, by column."""
Inserting = TypeVar("Inserting", postgresql.Insert, sqlite.Insert)
Combine = Callable[[Incoming], Mapping[str, ColumnElement[Any]]]
"""What becomes of the old value and the new one, for some columns. Give a function of a module: what it says
is asked once.
"""


def upsert(
    conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], combine: Combine | None = None
) -> None:
    """Insert ``rows`` (all with the same columns, each key once); a row that exists gets the new values."""
    if rows:
        _statement(conn.dialect.name, table, tuple(rows[0]), combine).put(conn, rows)


# to build one takes longer than the store takes for a few rows
@lru_cache(maxsize=256)
def _statement(dialect: str, table: Table, columns: tuple[str, ...], combine: Combine | None) -> Prepared:
    keys = [column.name for column in table.primary_key.columns]

    def finish(statement: Inserting) -> Inserting:
        new: Incoming = statement.excluded
        values: dict[str, Any] = {name: new[name] for name in columns if name not in keys}
        values |= combine(new) if combine is not None else {}
        if values:
            return statement.on_conflict_do_update(index_elements=keys, set_=values)
        return statement.on_conflict_do_nothing(index_elements=keys)

    if dialect == "postgresql":
        return Prepared(finish(postgresql.insert(table)), Bulk(table, finish))
    return Prepared(finish(sqlite.insert(table)))
