"""Insert or update, for both kinds of store."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    conn: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    combine: Mapping[str, ColumnElement[Any]] | None = None,
) -> None:
    """Insert ``rows`` (all with the same columns, each key once); a row that exists gets the new values.

    ``combine`` says for some columns what becomes of the old value and the new one: see :func:`incoming`.
    """
    if not rows:
        return
    keys = [column.name for column in table.primary_key.columns]
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    values: dict[str, Any] = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    for name, expression in (combine or {}).items():
        values[name] = expression
    if values:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=values)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    conn.execute(statement, [dict(row) for row in rows])


def incoming(conn: Connection, table: Table, name: str) -> ColumnElement[Any]:
    """The value of column ``name`` that an upsert brings."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    column: ColumnElement[Any] = dialect.insert(table).excluded[name]
    return column
