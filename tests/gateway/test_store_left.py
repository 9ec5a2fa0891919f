"""While a server commits something else is done; nothing is said before it has, and nothing if it has not."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.store import ahead
from pleintemps_gateway.store.engine import Turn, write_transaction
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import reigns
from pleintemps_gateway.store.writer import Writer

PUT = Prepared(insert(reigns))
WAIT_S = 20.0
ALONE = "CREATE TEMP TABLE alone (of_one integer UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"
TWICE = "INSERT INTO alone VALUES (1), (1)"
"""Heard of at the commit alone."""
CUT = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND datname = :name"
)
"""Waits until they are gone."""


def reign(site: str) -> dict[str, Any]:
    return {"site": site, "epoch": 1, "revision": 0, "started": 7}


@pytest.fixture
def engine(empty_postgres: Engine) -> Engine:
    return empty_postgres


@pytest.fixture
def turn(engine: Engine) -> Iterator[Turn]:
    made = Turn(engine, watch=ManualWorld().monotonic)
    yield made
    made.close()


def stored(engine: Engine) -> int:
    with engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(reigns)) or 0


def left(engine: Engine, turn: Turn, *statements: str) -> ahead.Commit:
    with write_transaction(engine, ["a"], turn) as conn:
        for statement in statements:
            conn.execute(text(statement))
        PUT.put(conn, [reign("a")])
        commit = ahead.leave(conn)
    assert commit is not None and commit.is_under_way
    return commit


def test_a_commit_that_was_left_is_there_once_it_is_heard(engine: Engine, turn: Turn) -> None:
    commit = left(engine, turn)
    commit.hear()
    assert not commit.is_under_way
    assert stored(engine) == 1
    with write_transaction(engine, ["a"], turn) as conn:
        PUT.put(conn, [reign("b")])
    assert stored(engine) == 2


def test_a_fault_at_the_commit_is_heard_and_the_line_goes_on(engine: Engine, turn: Turn) -> None:
    commit = left(engine, turn, ALONE, TWICE)
    with pytest.raises(IntegrityError):
        commit.hear()
    assert stored(engine) == 0
    left(engine, turn).hear()
    assert stored(engine) == 1


def test_what_was_put_with_a_fault_is_heard_there_at_the_latest(engine: Engine, turn: Turn) -> None:
    with pytest.raises(IntegrityError):
        with write_transaction(engine, ["a"], turn) as conn:
            PUT.put(conn, [reign("a"), reign("a")])
            commit = ahead.leave(conn)
        assert commit is not None
        commit.hear()
    assert stored(engine) == 0


def test_a_line_that_is_cut_before_the_answer_is_an_error(engine: Engine, turn: Turn) -> None:
    commit = left(engine, turn, "SET CONSTRAINTS ALL DEFERRED")
    with engine.connect() as other:
        other.execute(text(CUT), {"name": engine.url.database})
    try:
        commit.hear()  # the server may have answered before it was ended
    except DBAPIError:
        turn.close()
    left_there = stored(engine)
    assert left_there in (0, 1)
    with write_transaction(engine, ["b"], turn) as conn:
        PUT.put(conn, [reign("b")])
    assert stored(engine) == left_there + 1


@pytest.mark.sqlite
def test_on_sqlite_nothing_is_left(empty: Engine) -> None:
    with write_transaction(empty, ["a"]) as conn:
        assert ahead.leave(conn) is None


class Memory:
    """Of one part, which notes what is asked of it and what another connection sees of it then."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.calls: list[str] = []

    def begin_parts(self, _conn: Connection) -> None:
        self.calls.append("begin")

    def flush_part(self, _conn: Connection, part: str) -> None:
        self.calls.append(f"flush {part}")

    def end_parts(self, _conn: Connection) -> None:
        return

    def prepare(self) -> None:
        self.calls.append("prepare")

    def say(self, between: Callable[[], None]) -> None:
        between()
        self.calls.append(f"say {stored(self.engine)}")

    def stirred(self) -> list[str]:
        return []

    due = stirred

    def flush(self, conn: Connection) -> None:
        raise AssertionError("part by part")

    def committed(self) -> None:
        raise AssertionError("part by part")

    def reload(self, _conn: Connection) -> None:
        self.calls.append("reload")


def test_what_is_to_be_said_is_prepared_before_and_said_after(engine: Engine) -> None:
    memory = Memory(engine)
    writer = Writer(engine, ["a"], memory=memory, parts=memory, watch=ManualWorld().monotonic)
    writer.submit(lambda conn: PUT.put(conn, [reign("a")])).result(WAIT_S)
    writer.close()
    assert memory.calls[:3] == ["begin", "prepare", "say 1"]


def test_a_group_that_fails_at_its_commit_is_undone_and_its_jobs_run_alone(engine: Engine) -> None:
    memory = Memory(engine)

    def twice(conn: Connection) -> None:
        conn.execute(text(ALONE))
        conn.execute(text(TWICE))
        PUT.put(conn, [reign("b")])

    writer = Writer(engine, ["a"], memory=memory, parts=memory, watch=ManualWorld().monotonic)
    held: Future[None] = Future()
    writer.submit(lambda _conn: held.result(WAIT_S))
    bad = writer.submit(twice)
    good = writer.submit(lambda conn: PUT.put(conn, [reign("a")]))
    held.set_result(None)
    assert good.result(WAIT_S) is None
    assert isinstance(bad.exception(WAIT_S), IntegrityError)
    writer.close()
    assert writer.failure is None
    assert stored(engine) == 1
    failed = memory.calls.index("reload")
    assert memory.calls[failed - 2 : failed] == ["begin", "prepare"], "nothing was said of it"
