"""The writer: many jobs, one commit; a bad job harms itself only."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from pleintemps_gateway.errors import StoreBusyError, StoreError
from pleintemps_gateway.store.answer import Answer
from pleintemps_gateway.store.engine import open_engine
from pleintemps_gateway.store.schema import salts
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.store.waiting import COMPANY
from pleintemps_gateway.store.writer import Writer
from tests.support.stores import make_store

WAIT_S = 20.0


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    make_store(store_url)
    engine = open_engine(store_url)
    yield engine
    engine.dispose()


def row(name: str) -> dict[str, object]:
    return {"site": "a", "salt_id": name, "salt": "0" * 32, "memory_kib": 8, "iterations": 1, "lanes": 1}


def add(name: str, conn: Connection) -> str:
    conn.execute(insert(salts).values(row(name)))
    return name


def names(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        return list(conn.execute(select(salts.c.salt_id).order_by(salts.c.salt_id)).scalars())


class Memory:
    """Gathers names and writes them at the flush, as ingest does."""

    def __init__(self) -> None:
        self.pending: list[str] = []
        self.commits: list[list[str]] = []
        self.reloads = 0

    def flush(self, conn: Connection) -> None:
        for name in self.pending:
            add(name, conn)

    def committed(self) -> None:
        self.commits.append(self.pending)
        self.pending = []

    def reload(self, conn: Connection) -> None:
        self.pending = []
        self.reloads += 1


def test_waiting_jobs_share_a_commit_and_a_bad_one_harms_itself_only(engine: Engine) -> None:
    memory = Memory()
    writer = Writer(engine, ["a"], memory=memory)
    begin = threading.Event()
    gate = writer.submit(lambda _conn: begin.wait(WAIT_S))
    good = [writer.submit(lambda _conn, n=n: memory.pending.append(n)) for n in ("m1", "m2")]  # type: ignore[misc]
    first = writer.submit(lambda conn: add("x", conn))
    twice = writer.submit(lambda conn: add("x", conn))
    after = writer.submit(lambda conn: add("y", conn))
    begin.set()
    assert gate.result(WAIT_S)
    assert first.result(WAIT_S) == "x"
    assert isinstance(twice.exception(WAIT_S), IntegrityError)
    assert after.result(WAIT_S) == "y"
    assert [future.result(WAIT_S) for future in good] == [None, None]
    assert names(engine) == ["m1", "m2", "x", "y"]
    assert sorted(name for commit in memory.commits for name in commit) == ["m1", "m2"]
    assert memory.reloads >= 1
    writer.close()
    assert writer.failure is None


def test_a_result_comes_after_its_commit(engine: Engine) -> None:
    writer = Writer(engine, ["a"])
    for number in range(20):
        writer.submit(lambda conn, n=number: add(f"n{n:02}", conn)).result(WAIT_S)  # type: ignore[misc]
        assert f"n{number:02}" in names(engine)
    writer.close()


def test_a_full_queue_pushes_back(engine: Engine) -> None:
    writer = Writer(engine, ["a"], capacity=2)
    begin = threading.Event()
    started = threading.Event()

    def hold(_conn: Connection) -> None:
        started.set()
        begin.wait(WAIT_S)

    writer.submit(hold)
    assert started.wait(WAIT_S)
    waiting = [writer.submit(lambda conn, n=n: add(n, conn)) for n in ("p", "q")]  # type: ignore[misc]
    with pytest.raises(StoreBusyError):
        writer.submit(lambda conn: add("r", conn), wait_s=0.01)
    begin.set()
    assert [future.result(WAIT_S) for future in waiting] == ["p", "q"]
    writer.close()
    with pytest.raises(StoreError):
        writer.submit(lambda conn: add("s", conn))


def test_a_store_that_cannot_be_read_anew_ends_the_writer(engine: Engine) -> None:
    class Broken(Memory):
        def reload(self, conn: Connection) -> None:
            raise StoreError("gone")

    writer = Writer(engine, ["a"], memory=Broken())
    writer.submit(lambda conn: add("x", conn)).result(WAIT_S)
    job = writer.submit(lambda conn: add("x", conn))
    assert isinstance(job.exception(WAIT_S), StoreError)
    writer.close()
    assert isinstance(writer.failure, StoreError)


def test_an_upsert_overwrites_and_combines(engine: Engine) -> None:
    writer = Writer(engine, ["a"])
    writer.submit(lambda conn: upsert(conn, salts, [row("x"), row("y")])).result(WAIT_S)
    writer.submit(lambda conn: upsert(conn, salts, [row("x") | {"lanes": 4}])).result(WAIT_S)
    writer.submit(lambda conn: upsert(conn, salts, [])).result(WAIT_S)
    with engine.connect() as conn:
        assert {r.salt_id: r.lanes for r in conn.execute(select(salts))} == {"x": 4, "y": 1}
    writer.close()


def test_patient_jobs_wait_for_company_until_something_comes_that_does_not(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pleintemps_gateway.store.waiting.PACE_S", 3600.0)
    memory = Memory()
    writer = Writer(engine, ["a"], memory=memory)
    writer.submit(lambda _conn: memory.pending.append("first")).result(WAIT_S)
    answer = Answer()
    writer.hand(lambda _conn: memory.pending.append("patient"), answer, patient=True)
    writer.submit(lambda _conn: memory.pending.append("at once")).result(WAIT_S)
    numbers = map(str, range(COMPANY))
    for _ in range(COMPANY):  # so many do not wait
        writer.hand(lambda _conn: memory.pending.append(next(numbers)), Answer(), patient=True)
    writer.close()
    assert memory.commits[:2] == [["first"], ["patient", "at once"]]
    assert sum(map(len, memory.commits)) == 3 + COMPANY
    assert answer.done()


@pytest.mark.parametrize("ends", [True, False])
def test_at_the_end_what_was_handed_and_not_begun_is_let_go_and_what_was_submitted_is_done(
    engine: Engine, ends: bool
) -> None:
    memory = Memory()
    writer = Writer(engine, ["a"], memory=memory, capacity=64)
    begun, go = threading.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        begun.set()
        assert go.wait(WAIT_S)
        memory.pending.append("held")

    held, answers = Answer(), [Answer() for _ in range(20)]
    writer.hand(hold, held)
    assert begun.wait(WAIT_S)
    for place, answer in enumerate(answers):
        writer.hand(partial(lambda name, _conn: memory.pending.append(name), f"handed-{place}"), answer)
    submitted = writer.submit(lambda conn: add("submitted", conn))
    if ends:
        writer.end()
        with pytest.raises(StoreError):
            writer.hand(lambda _conn: None, Answer())
    go.set()
    writer.close()
    assert submitted.result(WAIT_S) == "submitted"
    assert held.done() and held.exception() is None
    assert {type(answer.exception()) for answer in answers} == {StoreError if ends else type(None)}
    assert len(names(engine)) == (2 if ends else 22)


def test_who_waits_for_room_in_a_full_queue_is_told_at_the_end(engine: Engine) -> None:
    writer = Writer(engine, ["a"], capacity=1)
    begun, go = threading.Event(), threading.Event()

    def hold(_conn: Connection) -> None:
        begun.set()
        assert go.wait(WAIT_S)

    writer.submit(hold)
    assert begun.wait(WAIT_S)
    answers = [Answer() for _ in range(8)]
    refused = 0

    def hand() -> None:
        nonlocal refused
        for answer in answers:
            try:
                writer.hand(lambda _conn: None, answer)
            except StoreError:
                refused += 1

    handing = threading.Thread(target=hand)
    handing.start()
    writer.end()
    go.set()
    writer.close()
    handing.join(WAIT_S)
    assert not handing.is_alive()
    assert refused + sum(answer.exception() is not None for answer in answers) == len(answers)
