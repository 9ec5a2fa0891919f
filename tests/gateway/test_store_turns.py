"""Two processes write to one SQLite file: each has its turn, and who only reads holds nobody up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from pleintemps_gateway.store.changes import last_change, record_change
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.schema import salts

pytestmark = pytest.mark.sqlite

TURNS = 6
NEXT = 5
"""Commits of the other until it is our turn: the one under way, and what it does before we stand in line."""


class Hog:
    """Writes one transaction after the other, without a pause, by connections of its own."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self.commits = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        try:
            while not self.stop.is_set():
                with write_transaction(self._engine, ["a"]) as conn:
                    for _ in range(20):
                        record_change(conn, "a", "x", "hog", 0)
                self.commits += 1
        finally:
            self._engine.dispose()


@contextmanager
def writing(url: str) -> Iterator[Hog]:
    hog = Hog(url)
    hog.thread.start()
    try:
        while hog.commits < 2:
            assert hog.thread.is_alive()
        yield hog
    finally:
        hog.stop.set()
        hog.thread.join()


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    migrate(sqlite_url)
    made = open_engine(sqlite_url)
    yield made
    made.dispose()


def test_who_waits_is_next_whatever_the_other_writes(engine: Engine, sqlite_url: str) -> None:
    waited = []
    with writing(sqlite_url) as hog:
        for turn in range(TURNS):
            asked = hog.commits
            with write_transaction(engine, ["a"]) as conn:
                waited.append(hog.commits - asked)
                record_change(conn, "a", "x", str(turn), 0)
    assert max(waited) <= NEXT, waited
    with engine.connect() as conn:  # none was lost
        assert last_change(conn, "a") == hog.commits * 20 + TURNS


def test_a_reader_sees_its_moment_and_stops_no_writer(engine: Engine, sqlite_url: str) -> None:
    with engine.connect() as reader:
        before = last_change(reader, "a")
        with writing(sqlite_url) as hog:
            asked = hog.commits
            while hog.commits < asked + 3:
                assert hog.thread.is_alive()
        assert last_change(reader, "a") == before
    with engine.connect() as reader:
        assert last_change(reader, "a") == hog.commits * 20


def test_one_that_fails_leaves_its_turn(engine: Engine, sqlite_url: str) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), write_transaction(engine, ["a"]) as conn:
            conn.execute(
                insert(salts).values(site="a", salt_id="s", salt="0", memory_kib=8, iterations=1, lanes=1)
            )
            raise RuntimeError
    with write_transaction(engine, ["a"]) as conn:
        assert conn.execute(select(salts)).all() == []
    for name in ("-turn", "-next"):
        file = Path(sqlite_url.removeprefix("sqlite:///") + name)
        assert (file.stat().st_mode & 0o777, file.stat().st_size) == (0o600, 0)
