"""Statements whose text is made once.

To look a statement up costs SQLAlchemy more than SQLite needs to answer it, and what it does around each
execution as much again. What the gateway says many times a minute goes to the driver as text; to PostgreSQL
many rows at once, and in ingest's transactions without waiting for an answer (``ahead.py``).
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from . import ahead
from .bulk import Bulk
from .texts import Params, Wording, compiled

_SQLITE: Final = "sqlite"


class Prepared:
    """A statement with named parameters; ``bulk`` puts many rows down where PostgreSQL is the store."""

    def __init__(self, statement: Executable, bulk: Bulk | None = None) -> None:
        self._statement = statement
        self._bulk = bulk
        self._texts: dict[tuple[str | int, ...], Wording] = {}

    def put(self, conn: Connection, rows: Sequence[Params]) -> None:
        """Run it for each of ``rows``, which have the same columns. Raises SQLAlchemyError."""
        if not conn.in_transaction():
            conn.begin()
        text = self._text(conn.dialect, tuple(rows[0]), dict.fromkeys(rows[0]))
        if conn.dialect.name != _SQLITE:
            if self._bulk is None or not self._bulk.put(conn, rows):
                ahead.put_each(conn, text.sql, list(map(text.named, rows)))
            return
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
        text = self._text_of(conn, params)
        if conn.dialect.name != _SQLITE:
            return ahead.ask(conn, text.sql, text.named(params))
        try:
            return _driver(conn).execute(text.sql, text.values(params)).fetchall()
        except sqlite3.Error as error:
            raise _as_usual(text.sql, error) from error

    def finds(self, engine: Engine, params: Params) -> bool:
        """Whether there is a row now. Raises SQLAlchemyError."""
        with engine.connect() as conn:  # one statement needs no transaction around it
            return self._first(conn, params) is not None

    def _first(self, conn: Connection, params: Params) -> Sequence[Any] | None:
        text = self._text_of(conn, params)
        if conn.dialect.name != _SQLITE:
            rows = ahead.ask(conn, text.sql, text.named(params))
            return rows[0] if rows else None
        try:
            found: tuple[Any, ...] | None = _driver(conn).execute(text.sql, text.values(params)).fetchone()
        except sqlite3.Error as error:
            raise _as_usual(text.sql, error) from error
        return found

    def _text_of(self, conn: Connection, params: Params) -> Wording:
        sizes = [len(value) for value in params.values() if isinstance(value, list)]
        return self._text(conn.dialect, (*params, *sizes), params)

    def _text(self, dialect: Dialect, key: tuple[str | int, ...], params: Params) -> Wording:
        key = (dialect.name, *key)
        if (known := self._texts.get(key)) is None:
            known = self._texts[key] = compiled(self._statement, dialect, params)
        return known


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
