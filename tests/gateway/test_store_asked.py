"""A server is asked seldom, and what is asked seldom is still found: who waits, and a line that is cut."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.store.engine import (
    ASK_MS,
    KEEP_MS,
    Turn,
    lock_site,
    open_engine,
    write_transaction,
)
from tests.support.stores import make_store
from tests.support.waiting import wait_for

WAIT_S = 20.0


class Line:
    """A turn of its own on a PostgreSQL store, and what was said over it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.world = ManualWorld()
        self.turn = Turn(engine, watch=self.world.monotonic)
        said: list[str] = []
        self.said = said

        class Telling(psycopg.Cursor[Any]):
            def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
                said.append(query.decode() if isinstance(query, bytes) else str(query))
                return super().execute(query, *args, **kwargs)

        def tell(connection: Any, _record: object) -> None:
            connection.cursor_factory = Telling

        event.listen(engine, "connect", tell)

    def count(self, word: str) -> int:
        return sum(word in statement for statement in self.said)

    def server(self) -> int:
        """The server's process that a transaction has."""
        with write_transaction(self.engine, ["a"], self.turn) as conn:
            return int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())


@pytest.fixture
def line(postgres_url: str) -> Iterator[Line]:
    make_store(postgres_url)
    engine = open_engine(postgres_url)
    made = Line(engine)
    yield made
    made.turn.close()
    engine.dispose()


def test_who_waits_is_looked_for_once_in_a_while_and_known_to_the_end(line: Line, postgres_url: str) -> None:
    other = open_engine(postgres_url)

    def write() -> None:
        with write_transaction(other, ["a"]) as conn:
            conn.execute(text("SELECT 1"))

    def is_there() -> bool:
        line.world.move(ASK_MS)
        return line.turn.is_wanted()

    waiting = threading.Thread(target=write)
    try:
        with write_transaction(line.engine, ["a"], line.turn) as conn:
            conn.execute(text("SELECT 1"))  # the lock is held, not only asked for
            assert not line.turn.is_wanted()
            assert not line.turn.is_wanted()
            assert line.count("pg_blocking_pids") == 1
            waiting.start()
            wait_for(is_there, within_s=WAIT_S, what="somebody who waits")
            asked = line.count("pg_blocking_pids")
            assert line.turn.is_wanted(), "it was just found"
            assert line.count("pg_blocking_pids") == asked
        waiting.join(WAIT_S)
        assert not waiting.is_alive()
        with write_transaction(line.engine, ["a"], line.turn):
            assert not line.turn.is_wanted(), "it was let pass"
            assert not is_there()
    finally:
        other.dispose()


def test_a_line_that_the_server_has_cut_is_not_used(line: Line) -> None:
    first = line.server()
    assert line.server() == first
    _cut(line, first)
    second = line.server()
    assert second != first
    assert line.server() == second


def test_a_line_is_not_kept_after_an_error_or_long_silence(line: Line) -> None:
    first = line.server()
    assert line.engine.pool.status().endswith("Current Checked out connections: 1")
    with (
        pytest.raises(OperationalError),
        write_transaction(line.engine, ["a"], line.turn) as conn,
    ):
        _cut(line, first)
        conn.execute(text("SELECT 1"))
    assert line.server() != first
    with pytest.raises(LookupError), write_transaction(line.engine, ["a"], line.turn):
        raise LookupError
    assert line.engine.pool.status().endswith("Current Checked out connections: 0")
    line.server()
    taken: list[object] = []
    event.listen(line.engine, "checkout", lambda *each: taken.append(each))
    line.server()
    assert not taken
    line.world.move(KEEP_MS + 1)
    line.server()
    assert len(taken) == 1


def test_a_site_that_is_locked_is_not_locked_again_in_its_transaction(line: Line) -> None:
    def locks(conn: Connection, site: str) -> int:
        before = line.count("pg_advisory_xact_lock(hashtextextended(%(site)s")
        lock_site(conn, site)
        return line.count("pg_advisory_xact_lock(hashtextextended(%(site)s") - before

    with write_transaction(line.engine, ["a"], line.turn) as conn:
        assert locks(conn, "a") == 0
        assert locks(conn, "b") == 1
    with write_transaction(line.engine, ["b"], line.turn) as conn:
        assert locks(conn, "a") == 1
        assert locks(conn, "b") == 0
    line.turn.close()
    with line.engine.begin() as conn:
        assert locks(conn, "b") == 1


def _cut(line: Line, server: int) -> None:
    """End a process of the server from beside; returns once it is gone."""
    with line.engine.connect() as beside:
        beside.execute(text("SELECT pg_terminate_backend(:server, 10000)"), {"server": server})
