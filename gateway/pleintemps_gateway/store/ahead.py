"""A line to PostgreSQL on which what needs no answer does not wait for one.

A journey to the server and back takes longer than most of what it does there, and whoever waits lets other
threads go first. So what ingest puts down goes out at once and is answered later, in psycopg's pipeline mode:
the server works while rules go on. Whoever needs an answer first hears of everything that is under way, in
its order, in the same transaction. A fault of what was put is heard there too, at the commit at the latest;
the server does nothing of the transaction after it.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final

import psycopg
from psycopg.errors import InFailedSqlTransaction, PipelineAborted
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Params = Mapping[str, Any]
_PASSED_OVER: Final = "a fault in this transaction was passed over"


class Line(psycopg.Connection[Any]):
    """As psycopg's; after :meth:`begin`, and until the transaction ends, what is put does not wait."""

    _is_ahead = False
    _under_way: ExitStack | None = None
    _leaves = False
    _left: psycopg.Cursor[Any] | None = None
    _way: psycopg.Pipeline

    def begin(self) -> None:
        """Begin a transaction, with the first journey."""
        self.autocommit = True  # else the driver says BEGIN by itself, and waits
        self._is_ahead = True
        self.put("BEGIN", None)

    def put(self, sql: str, params: Params | None, *, often: bool = False, wait: bool = False) -> None:
        """Do what needs no answer; what is said ``often`` is prepared at once."""
        if wait or not self._is_ahead:
            with self.cursor() as cursor:
                cursor.execute(sql.encode(), params, prepare=often or None)
        else:
            self._sent(sql, params, often)

    def put_each(self, sql: str, rows: Sequence[Params], *, wait: bool = False) -> None:
        """The same for each of ``rows``."""
        if wait or not self._is_ahead:
            with self.cursor() as cursor:
                cursor.executemany(sql.encode(), rows)
            return
        for row in rows:
            self._sent(sql, row)

    def ask(self, sql: str, params: Params) -> list[tuple[Any, ...]]:
        """All rows."""
        if self._is_ahead:
            found: list[tuple[Any, ...]] = self._sent(sql, params).fetchall()
            return found
        with self.cursor() as cursor:
            found = cursor.execute(sql.encode(), params).fetchall()
            return found

    def wonder(self, sql: str) -> psycopg.Cursor[Any]:
        """Ask what can wait: :meth:`psycopg.Cursor.fetchone` waits for the answer."""
        question = self._sent(sql, {})
        self.pgconn.send_flush_request()
        self.pgconn.flush()
        return question

    def _sent(self, sql: str, params: Params | None, often: bool = False) -> psycopg.Cursor[Any]:
        if self._under_way is None:
            self._under_way = ExitStack()
            self._way = self._under_way.enter_context(self.pipeline())
        sent = super().cursor().execute(sql.encode(), params, prepare=often or None)
        # after each: only then does the server's clock run for a transaction that is left alone
        self.pgconn.pipeline_sync()
        self._way.result_queue.append(None)
        return sent

    def settle(self) -> None:
        """Hear of everything that is under way."""
        if self._under_way is None:
            return
        under_way, self._under_way = self._under_way, None
        try:
            under_way.close()
        except PipelineAborted as error:  # of what came after the fault
            if isinstance(error.__context__, psycopg.Error):
                raise error.__context__ from None
            raise

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """For who needs an answer."""
        self.settle()
        return super().cursor(*args, **kwargs)

    def leave(self) -> None:
        """The commit that follows goes out, and :meth:`hear` waits for it."""
        self._leaves = True

    def commit(self) -> None:
        """What is under way, and the commit with it."""
        leaves, self._leaves = self._leaves, False
        if self._under_way is not None:
            self._left = self._sent("COMMIT", None)
            if leaves:
                self.pgconn.flush()
            else:
                self.hear()
            return
        if self.pgconn.transaction_status == TransactionStatus.INERROR:
            raise InFailedSqlTransaction(_PASSED_OVER)
        super().commit()
        self._calm()

    @property
    def is_committing(self) -> bool:
        """Whether a commit was left that was not heard of."""
        return self._left is not None

    def hear(self) -> None:
        """Wait for the commit that was left."""
        ended, self._left = self._left, None
        try:
            self.settle()
        finally:
            if not self.closed:
                self._calm()
        # the server undoes what has a fault, and calls that a success
        if ended is not None and ended.statusmessage != "COMMIT":
            raise InFailedSqlTransaction(_PASSED_OVER)

    def rollback(self) -> None:
        self._leaves, self._left = False, None
        with suppress(psycopg.Error):  # it is undone
            self.settle()
        super().rollback()
        self._calm()

    def _calm(self) -> None:
        if self._is_ahead:
            self._is_ahead = False
            self.autocommit = False


class Commit:
    """The commit of a transaction that is open: it goes out at its end, and is waited for here."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._line = _line(conn)
        self._line.leave()

    @property
    def is_under_way(self) -> bool:
        return self._line.is_committing

    def hear(self) -> None:
        """Wait for it, before anything else is said on this line. Raises SQLAlchemyError if it failed, or if
        nobody knows.
        """
        try:
            self._line.hear()
        except psycopg.Error as error:
            raise _as_usual(self._conn, self._line, "COMMIT", error) from error


def leave(conn: Connection) -> Commit | None:
    """Where the store is a server: let it commit while something else is done."""
    return Commit(conn) if conn.dialect.name == "postgresql" else None


def begin(conn: Connection) -> None:
    """Begin the transaction of ``conn`` on PostgreSQL as one in which what is put does not wait. Raises
    SQLAlchemyError.
    """
    line = _line(conn)
    try:
        line.begin()
    except psycopg.Error as error:
        raise _as_usual(conn, line, "BEGIN", error) from error


def put(conn: Connection, sql: str, params: Params, *, often: bool = False) -> None:
    """Do it on PostgreSQL. Raises SQLAlchemyError, perhaps of what was put before."""
    line = _line(conn)
    try:
        # a fault within a SAVEPOINT must not be heard outside of it
        line.put(sql, params, often=often, wait=conn.in_nested_transaction())
    except psycopg.Error as error:
        raise _as_usual(conn, line, sql, error) from error


def put_each(conn: Connection, sql: str, rows: Sequence[Params]) -> None:
    """The same for each of ``rows``."""
    line = _line(conn)
    try:
        line.put_each(sql, rows, wait=conn.in_nested_transaction())
    except psycopg.Error as error:
        raise _as_usual(conn, line, sql, error) from error


def ask(conn: Connection, sql: str, params: Params) -> Sequence[Sequence[Any]]:
    """All rows, on PostgreSQL. Raises SQLAlchemyError, perhaps of what was put before."""
    line = _line(conn)
    try:
        return line.ask(sql, params)
    except psycopg.Error as error:
        raise _as_usual(conn, line, sql, error) from error


class Question:
    """Something that is asked in passing in a transaction that is begun here. Raises SQLAlchemyError."""

    def __init__(self, conn: Connection, sql: str) -> None:
        self._conn = conn
        self._sql = sql
        self._line = _line(conn)
        try:
            self._asked = self._line.wonder(sql)
        except psycopg.Error as error:
            raise _as_usual(conn, self._line, sql, error) from error

    def answer(self) -> Any:
        """The first value; waits if it has not come yet."""
        try:
            found: tuple[Any, ...] | None = self._asked.fetchone()
        except psycopg.Error as error:
            raise _as_usual(self._conn, self._line, self._sql, error) from error
        return found and found[0]


def _line(conn: Connection) -> Line:
    line = conn.connection.dbapi_connection
    assert isinstance(line, Line)
    return line


def _as_usual(conn: Connection, line: Line, sql: str, error: psycopg.Error) -> BaseException:
    """As SQLAlchemy says it; without values, which may be names or hashes."""
    if line.closed:
        conn.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=bool(line.closed)
    )
