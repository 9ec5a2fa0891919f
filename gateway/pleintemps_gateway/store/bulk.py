"""Many rows in one statement on PostgreSQL.

The driver sends one statement a row, over which client and server take longer than over what is in it. So
rows travel as one JSON text, which the server makes into rows again, by the types of their columns.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Executable,
    Float,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import Text

from . import ahead
from .texts import Wording, as_json, compiled

Rows = Sequence[Mapping[str, Any]]
Finish = Callable[[postgresql.Insert], Executable]
"""What becomes of rows that are there already."""
_ROWS: Final = "rows"


class Bulk:
    """Into one table."""

    def __init__(self, table: Table, finish: Finish = lambda statement: statement) -> None:
        self._table = table
        self._finish = finish
        self._keys = [each.name for each in table.primary_key.columns]
        self._binary = {each.name for each in table.columns if isinstance(each.type, LargeBinary)}
        self._whole = [each.name for each in table.columns if isinstance(each.type, Integer)]
        self._floats = [each.name for each in table.columns if isinstance(each.type, Float)]
        self._texts: dict[tuple[str, ...], Wording] = {}

    def put(self, conn: Connection, rows: Rows) -> bool:
        """Put down ``rows``, which have the same columns. Does nothing, and says so, where they cannot go
        this way: alone, with bytes, a key that comes twice, a number that JSON does not know. Raises
        SQLAlchemyError.
        """
        names = tuple(rows[0])
        if len(rows) < 2 or not self._binary.isdisjoint(names) or not self._is_plain(names, rows):
            return False
        if (text := self._texts.get(names)) is None:
            text = self._texts[names] = compiled(self._made(names), conn.dialect, {_ROWS: ""})
        ahead.put(conn, text.sql, text.named({_ROWS: as_json(rows)}), often=True)
        return True

    def _is_plain(self, names: tuple[str, ...], rows: Rows) -> bool:
        keys = [name for name in self._keys if name in names]
        if keys and len(set(map(itemgetter(*keys), rows))) < len(rows):
            return False
        for name in self._whole:
            if name in names and float in map(type, map(itemgetter(name), rows)):
                return False  # the server rounds a number, but not a text
        floats = [list(filter(None, map(itemgetter(name), rows))) for name in self._floats if name in names]
        # a sum is finite only if all of it is, and may be too large if all of it is
        return all(isfinite(sum(values)) or all(map(isfinite, values)) for values in floats)

    def _made(self, names: tuple[str, ...]) -> Executable:
        packed = cast(bindparam(_ROWS, type_=Text()), postgresql.JSON)
        columns = [column(name, self._table.c[name].type) for name in names]
        incoming = func.json_to_recordset(packed).table_valued(*columns, name="incoming")
        derived = incoming.render_derived(with_types=True)
        source = select(*(derived.c[name] for name in names))
        return self._finish(postgresql.insert(self._table).from_select(names, source))
