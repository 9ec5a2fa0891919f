"""What is put on PostgreSQL without waiting is in its order, in its transaction, and its faults are heard."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.store.bulk import Bulk
from pleintemps_gateway.store.changes import last_change, record_change, record_changes
from pleintemps_gateway.store.engine import Turn, open_engine, write_transaction
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import changes, minutes, reigns
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.store.writer import Writer

PUT = Prepared(insert(reigns), Bulk(reigns))
EPOCH = Prepared(select(reigns.c.epoch).where(reigns.c.site == bindparam("site")))
FORGET = Prepared(delete(reigns).where(reigns.c.site == bindparam("of_site")))
WAIT_S = 20.0


def reign(site: str, epoch: int = 1) -> dict[str, Any]:
    return {"site": site, "epoch": epoch, "revision": 0, "started": 7}


def put_each(conn: Connection, sites: tuple[str, ...]) -> bool:
    for site in sites:
        PUT.put(conn, [reign(site)])
    return True


class Line:
    """A turn on a PostgreSQL store, as ingest has one."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.turn = Turn(engine, watch=ManualWorld().monotonic)

    def stored(self) -> dict[str, int]:
        """As another connection sees it."""
        with self.engine.connect() as conn:
            return {site: epoch for site, epoch in conn.execute(select(reigns.c.site, reigns.c.epoch))}


@pytest.fixture
def engine(empty_postgres: Engine) -> Engine:
    return empty_postgres


@pytest.fixture
def line(engine: Engine) -> Iterator[Line]:
    made = Line(engine)
    yield made
    made.turn.close()


def test_what_is_asked_sees_what_was_put_before_it(line: Line) -> None:
    with write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("a", 1), reign("b", 2)])
        assert EPOCH.all(conn, {"site": "b"}) == [(2,)]
        upsert(conn, reigns, [reign("b", 3)])
        FORGET.put(conn, [{"of_site": "a"}])
        assert conn.execute(select(reigns.c.site, reigns.c.epoch)).all() == [("b", 3)]
        conn.execute(update(reigns).values(epoch=reigns.c.epoch * 10))
        upsert(conn, reigns, [reign("c", 4)])
        assert EPOCH.first(conn, {"site": "b"}) == (30,)
        assert EPOCH.first(conn, {"site": "a"}) is None
        PUT.put(conn, [reign("d", 5)])
        assert line.stored() == {}, "it is of this transaction"
    assert line.stored() == {"b": 30, "c": 4, "d": 5}


@pytest.mark.parametrize("how", ["commit", "ask", "execute", "savepoint"])
def test_a_fault_undoes_the_whole_transaction(line: Line, how: str) -> None:
    with pytest.raises(IntegrityError) as heard, write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("secret")])
        PUT.put(conn, [reign("secret"), reign("b")])
        PUT.put(conn, [reign("c")])
        if how == "ask":
            EPOCH.first(conn, {"site": "c"})
        elif how == "execute":
            conn.execute(select(reigns)).all()
        elif how == "savepoint":
            conn.begin_nested()
    assert "hidden" in str(heard.value) or "secret" not in str(heard.value.statement)
    assert line.stored() == {}
    with write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("a")])
    assert line.stored() == {"a": 1}


@pytest.mark.parametrize("how", ["ask", "execute", "savepoint"])
def test_a_fault_that_somebody_passes_over_is_not_committed(line: Line, how: str) -> None:
    with pytest.raises(DBAPIError), write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("a")])
        PUT.put(conn, [reign("a")])
        with pytest.raises(IntegrityError):
            if how == "ask":
                EPOCH.first(conn, {"site": "a"})
            elif how == "execute":
                conn.execute(select(reigns)).all()
            else:
                conn.begin_nested()
    assert line.stored() == {}


def test_a_fault_within_a_savepoint_is_heard_within_it(line: Line) -> None:
    with write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("a")])
        for site in ("b", "a", "c"):
            try:
                with conn.begin_nested():
                    PUT.put(conn, [reign(f"{site}-too")])
                    PUT.put(conn, [reign(site)])
            except IntegrityError:
                assert site == "a"
        PUT.put(conn, [reign("d")])
    assert sorted(line.stored()) == ["a", "b", "b-too", "c", "c-too", "d"]


def test_an_error_of_ours_undoes_what_is_under_way(line: Line) -> None:
    with pytest.raises(LookupError), write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("a")])
        PUT.put(conn, [reign("a")])  # nobody hears of it any more
        raise LookupError
    assert line.stored() == {}
    assert line.engine.pool.status().endswith("Current Checked out connections: 0")


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_line_that_is_cut_undoes_it_and_another_is_taken(line: Line, is_asked: bool) -> None:
    with pytest.raises(OperationalError), write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("a")])
        server = int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())
        PUT.put(conn, [reign("b")])
        with line.engine.connect() as beside:
            beside.execute(text("SELECT pg_terminate_backend(:server, 10000)"), {"server": server})
        PUT.put(conn, [reign("c")])
        if is_asked:
            EPOCH.all(conn, {"site": "c"})
    assert line.stored() == {}
    with write_transaction(line.engine, ["a"], line.turn) as conn:
        PUT.put(conn, [reign("d")])
    assert line.stored() == {"d": 1}


def test_a_site_is_locked_before_anything_is_written(line: Line) -> None:
    """Who has the lock is waited for, and what it wrote is seen."""
    wrote: list[object] = []

    def write() -> None:
        with write_transaction(line.engine, ["a"], line.turn) as conn:
            wrote.append(EPOCH.first(conn, {"site": "a"}))
            upsert(conn, reigns, [reign("a", 3)])

    with write_transaction(line.engine, ["a"]) as conn:
        PUT.put(conn, [reign("a", 2)])
        other = threading.Thread(target=write)
        other.start()
        waits = select(func.count()).select_from(text("pg_locks WHERE NOT granted"))
        for _ in range(10_000):
            if conn.execute(waits).scalar_one():
                break
        assert wrote == []
    other.join(WAIT_S)
    assert wrote == [(2,)]
    assert line.stored() == {"a": 3}


def test_what_is_left_alone_is_undone_by_the_server(line: Line, postgres_url: str) -> None:
    """Whoever is suspended between two statements does not keep the locks of its sites."""
    line.turn.idle_ms = 300
    other = open_engine(f"{postgres_url}?options=-c%20lock_timeout%3D20s")
    try:
        with pytest.raises(OperationalError), write_transaction(line.engine, ["a"], line.turn) as conn:
            assert EPOCH.first(conn, {"site": "a"}) is None  # the lock is held, not only asked for
            PUT.put(conn, [reign("a", 1)])
            with write_transaction(other, ["a"]) as beside:  # waits for the lock
                PUT.put(beside, [reign("a", 2)])
            PUT.put(conn, [reign("b", 1)])
    finally:
        other.dispose()
    assert line.stored() == {"a": 2}


def test_the_writer_goes_on_after_a_fault_in_a_group(engine: Engine) -> None:
    go = threading.Event()
    writer = Writer(engine, ["a"], watch=ManualWorld().monotonic)

    def put(*sites: str) -> None:
        writers.append(writer.submit(lambda conn: put_each(conn, sites)))

    def hold(_conn: Connection) -> None:
        go.wait(WAIT_S)

    writers: list[Any] = []
    held = writer.submit(hold)
    try:
        put("a", "b")
        put("c", "b")  # twice
        put("d")
        go.set()
        held.result(WAIT_S)
        assert writers[0].result(WAIT_S)
        assert isinstance(writers[1].exception(WAIT_S), IntegrityError)
        assert writers[2].result(WAIT_S)
    finally:
        writer.close()
    assert sorted(Line(engine).stored()) == ["a", "b", "d"]


def test_changes_are_counted_on_by_the_server(line: Line) -> None:
    with write_transaction(line.engine, ["a"], line.turn) as conn:
        record_changes(conn, "a", [("doors", "x"), ("events", "é" * 200)], 5)
        record_change(conn, "a", "doors", "y", 6)
        record_changes(conn, "a", [("doors", "z"), ("agents", '"\\')], 7)
        record_changes(conn, "b", [("doors", "x")], 8)
        assert last_change(conn, "a") == 5
    with line.engine.connect() as conn:
        assert conn.execute(select(changes).order_by(changes.c.site, changes.c.seq)).all() == [
            ("a", 1, "doors", "x", 5),
            ("a", 2, "events", "é" * 120, 5),
            ("a", 3, "doors", "y", 6),
            ("a", 4, "doors", "z", 7),
            ("a", 5, "agents", '"\\', 7),
            ("b", 1, "doors", "x", 8),
        ]


def test_rows_that_cannot_go_together_keep_their_order(line: Line) -> None:
    row = {"site": "a", "agent": "x", "series": "s", "minute": 0, "total": 1.0, "energy": 1.0}
    rows = [row | {"count": number, "low": low, "high": 1.0} for number, low in ((1, 2.0), (2, float("inf")))]
    with write_transaction(line.engine, ["a"], line.turn) as conn:
        upsert(conn, minutes, rows)
    with line.engine.connect() as conn:
        assert conn.execute(select(minutes.c["count"], minutes.c.low)).all() == [(2, float("inf"))]
