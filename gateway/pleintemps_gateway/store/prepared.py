"""Statements whose text is made once.

To look a statement up costs SQLAlchemy more than SQLite needs to answer it, and what it does around each
execution as much again. What the gateway says many times a minute goes to SQLite's driver as text; on
PostgreSQL, where the network costs more than all that, it goes the ordinary way, many rows at once.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import ClauseElement, Connection, Engine, Executable, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from .bulk import Bulk

_SQLITE: Final = "sqlite"
Params = Mapping[str, Any]


class _Text(NamedTuple):
    """What the driver gets: ``fixed`` are values of the statement itself, ``lists`` what the members of a
    list are called, ``convert`` what is made of a value for its type.
    """

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    lists: dict[str, list[str]]
    convert: dict[str, Callable[[Any], Any]]

    def rows(self, params: Iterable[Params]) -> Iterable[Sequence[Any]]:
        """:attr:`values` of each."""
        if self.fixed or self.lists or self.convert or len(self.names) < 2:
            return map(self.values, params)
        return map(itemgetter(*self.names), params)

    def values(self, params: Params) -> list[Any]:
        """In the order of the text."""
        if self.fixed or self.lists:
            params = {**self.fixed, **params}
            for name, members in self.lists.items():
                params |= zip(members, params[name], strict=True)
        if not self.convert:
            return [params[name] for name in self.names]
        convert = self.convert
        return [convert[name](params[name]) if name in convert else params[name] for name in self.names]


class Prepared:
    """A statement with named parameters; ``bulk`` puts many rows down where PostgreSQL is the store."""

    def __init__(self, statement: Executable, bulk: Bulk | None = None) -> None:
        self._statement = statement
        self._bulk = bulk
        self._texts: dict[tuple[str | int, ...], _Text] = {}

    def put(self, conn: Connection, rows: Sequence[Params]) -> None:
        """Run it for each of ``rows``, which have the same columns. Raises SQLAlchemyError."""
        if conn.dialect.name != _SQLITE:
            if self._bulk is None or not self._bulk.put(conn, rows):
                conn.execute(self._statement, [dict(row) for row in rows])
            return
        text = self._text(conn.dialect, tuple(rows[0]), dict.fromkeys(rows[0]))
        if not conn.in_transaction():
            conn.begin()
        try:
            _driver(conn).executemany(text.sql, text.rows(rows))
        except sqlite3.Error as error:
            raise _as_usual(text.sql, error) from error

    def first(self, conn: Connection, params: Params) -> Sequence[Any] | None:
        """The first row: numbers, texts and bytes as the store has them. Lists of ``params`` are those of an
        ``IN``. Raises SQLAlchemyError.
        """
        if not conn.in_transaction():
            conn.begin()
        return self._first(conn, params)

    def all(self, conn: Connection, params: Params) -> Sequence[Sequence[Any]]:
        """All rows, as :meth:`first`. Raises SQLAlchemyError."""
        if not conn.in_transaction():
            conn.begin()
        if conn.dialect.name != _SQLITE:
            return conn.execute(self._statement, params).all()
        text = self._text_of(conn, params)
        try:
            return _driver(conn).execute(text.sql, text.values(params)).fetchall()
        except sqlite3.Error as error:
            raise _as_usual(text.sql, error) from error

    def finds(self, engine: Engine, params: Params) -> bool:
        """Whether there is a row now. Raises SQLAlchemyError."""
        with engine.connect() as conn:  # one statement needs no transaction around it
            return self._first(conn, params) is not None

    def _first(self, conn: Connection, params: Params) -> Sequence[Any] | None:
        if conn.dialect.name != _SQLITE:
            return conn.execute(self._statement, params).first()
        text = self._text_of(conn, params)
        try:
            found: tuple[Any, ...] | None = _driver(conn).execute(text.sql, text.values(params)).fetchone()
        except sqlite3.Error as error:
            raise _as_usual(text.sql, error) from error
        return found

    def _text_of(self, conn: Connection, params: Params) -> _Text:
        sizes = [len(value) for value in params.values() if isinstance(value, list)]
        return self._text(conn.dialect, (*params, *sizes), params)

    def _text(self, dialect: Dialect, key: tuple[str | int, ...], params: Params) -> _Text:
        if (known := self._texts.get(key)) is None:
            known = self._texts[key] = _compiled(self._statement, dialect, params)
        return known


def _compiled(statement: Executable, dialect: Dialect, params: Params) -> _Text:
    assert isinstance(statement, ClauseElement)
    made = statement.compile(dialect=dialect, column_keys=list(params))
    assert isinstance(made, SQLCompiler) and not made.insert_prefetch
    state = made.construct_expanded_state(dict(params))
    lists = {name: names for name, names in state.parameter_expansion.items() if name in params}
    given = {*params, *(name for names in lists.values() for name in names)}
    return _Text(
        state.statement,
        tuple(state.positiontup or ()),
        {name: value for name, value in state.parameters.items() if name not in given},
        lists,
        # bytes are bytes to the driver
        {
            name: convert
            for name, convert in state.processors.items()
            if not isinstance(made.binds[name].type, LargeBinary)
        },
    )


def begin(conn: Connection, sql: str) -> None:
    """Begin a transaction of a SQLite store with ``sql``. Raises SQLAlchemyError."""
    try:
        _driver(conn).execute(sql)
    except sqlite3.Error as error:
        raise _as_usual(sql, error) from error


def _driver(conn: Connection) -> sqlite3.Connection:
    driver = conn.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _as_usual(sql: str, error: sqlite3.Error) -> BaseException:
    """As SQLAlchemy says it; without values, which may be names or hashes."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)
