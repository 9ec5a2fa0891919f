"""Who writes tells ingest, on both kinds of store; a word is a hint and nothing else."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Engine, text

from pleintemps_gateway.ingest.crew import Crew
from pleintemps_gateway.ingest.followers import Follower
from pleintemps_gateway.ingest.following import Followed
from pleintemps_gateway.ingest.hints import hear
from pleintemps_gateway.store import wake
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import Turn, open_engine, write_transaction
from pleintemps_gateway.store.writer import Writer
from tests.support.stores import make_store

WAIT_S = 20.0


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    make_store(store_url)
    engine = open_engine(store_url)
    yield engine
    engine.dispose()


def change(engine: Engine, *sites: str) -> None:
    with write_transaction(engine, sites) as conn:
        for site in sites:
            record_change(conn, site, "commands", "x", 1)


@asynccontextmanager
async def hearing(engine: Engine, told: Callable[[str], None]) -> AsyncIterator[Callable[[], Any]]:
    """While words are heard; calls give back when so many have come."""
    came = asyncio.Event()

    def tell(site: str) -> None:
        told(site)
        came.set()

    task = asyncio.ensure_future(hear(engine, tell))

    async def until_first() -> None:
        # who does not listen yet hears nothing: say it until it is heard
        while not came.is_set():
            await asyncio.to_thread(change, engine, "first")
            await asyncio.wait([asyncio.ensure_future(came.wait())], timeout=0.1)

    try:
        async with asyncio.timeout(WAIT_S):
            await until_first()
        yield came.clear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_word_comes_for_each_site_that_was_written(engine: Engine) -> None:
    heard: list[str] = []

    async def story() -> None:
        async with hearing(engine, heard.append), asyncio.timeout(WAIT_S):
            await asyncio.to_thread(change, engine, "south", "north")
            while not {"south", "north"} <= set(heard):
                await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.01)

    asyncio.run(story())
    assert set(heard) == {"first", "south", "north"}


def test_what_is_undone_and_what_only_reads_says_nothing(engine: Engine) -> None:
    heard: list[str] = []

    class Undone(Exception):
        pass

    def undo() -> None:
        with pytest.raises(Undone), write_transaction(engine, ["north"]) as conn:
            record_change(conn, "north", "commands", "x", 1)
            raise Undone

    def read() -> None:
        with write_transaction(engine, ["north"]) as conn:
            conn.execute(text("SELECT 1"))

    async def story() -> None:
        async with hearing(engine, heard.append), asyncio.timeout(WAIT_S):
            await asyncio.to_thread(undo)
            await asyncio.to_thread(read)
            await asyncio.to_thread(change, engine, "last")  # words come in order
            while "last" not in heard:
                await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.01)

    asyncio.run(story())
    assert "north" not in heard


@pytest.mark.sqlite
def test_a_folder_may_be_deep_and_nobody_need_listen(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    engine = open_engine(f"sqlite:///{folder / 'store.db'}")
    wake.say_after(engine, frozenset(("north",)))
    with wake.listening(folder / "store.db") as own:
        assert (folder / "store.db-wake").stat().st_mode & 0o777 == 0o600
        wake.say_after(engine, frozenset(("north",)))
        assert own.recv(wake.LONGEST) == b"north"
        for _ in range(1_000):
            wake.say_after(engine, frozenset(("north",)))  # a full socket holds nobody up
    assert not list(folder.iterdir())
    engine.dispose()


class Looks:
    """A site that is looked at."""

    site = "north"

    def __init__(self) -> None:
        self.looked = asyncio.Event()
        self.memory = self
        self.codes = self
        self.loop = asyncio.get_running_loop()

    def follow(self, _conn: Connection) -> Followed:
        self.loop.call_soon_threadsafe(self.looked.set)
        return Followed(1)

    def wake(self, _bookings: object, _rights: object) -> None:
        return

    def take_hooked(self) -> set[str]:
        return set()


def test_a_word_causes_a_look_at_its_site_and_any_other_word_nothing(engine: Engine) -> None:
    async def story() -> None:
        crew = Looks()
        writer = Writer(engine, ["north"])
        follower = Follower(engine, writer, lambda: {"north": cast("Crew", crew)})
        task = asyncio.ensure_future(follower.hear())
        try:
            async with asyncio.timeout(WAIT_S):
                while not crew.looked.is_set():
                    await asyncio.to_thread(change, engine, "../nowhere", "", "north")
                    await asyncio.wait([asyncio.ensure_future(crew.looked.wait())], timeout=0.1)
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.to_thread(writer.close)

    asyncio.run(story())


def test_what_is_urgent_overtakes_what_waits_and_ends_the_group_under_way(engine: Engine) -> None:
    writer, begun, go, done = Writer(engine, []), threading.Event(), threading.Event(), list[str]()

    def first(_conn: Connection) -> None:
        begun.set()
        assert go.wait(WAIT_S)

    def job(name: str) -> Callable[[Connection], None]:
        return lambda _conn: done.append(name)

    futures = [writer.submit(first)]
    assert begun.wait(WAIT_S)
    futures += [writer.submit(job(name)) for name in "abc"]
    futures.append(writer.submit(job("urgent"), urgent=True))
    go.set()
    for future in futures:
        future.result(WAIT_S)
    writer.close()
    assert done == ["urgent", "a", "b", "c"]


def test_urgent_jobs_wake_a_writer_that_has_nothing_to_do(engine: Engine) -> None:
    writer = Writer(engine, [])
    for _ in range(3):
        assert writer.submit(lambda _conn: "done", urgent=True).result(WAIT_S) == "done"
    writer.close()


def test_a_group_ends_early_where_its_rest_is_run_by_the_next_one(engine: Engine) -> None:
    """Cut in its middle nothing is lost, doubled or out of order."""
    writer, ran, urgent = Writer(engine, []), list[int](), list[Any]()

    def job(number: int, _conn: Connection) -> int:
        ran.append(number)
        if number % 10 == 5:
            urgent.append(writer.submit(lambda _conn: ran.append(-number), urgent=True))
        return number

    gate = threading.Event()
    writer.submit(lambda _conn: gate.wait(WAIT_S))
    futures = [writer.submit(partial(job, number)) for number in range(40)]
    gate.set()
    assert [future.result(WAIT_S) for future in futures] == list(range(40))
    for future in urgent:
        future.result(WAIT_S)
    writer.close()
    assert [number for number in ran if number >= 0] == list(range(40))
    for number in (5, 15, 25, 35):
        assert ran[ran.index(number) + 1] == -number


@pytest.mark.sqlite
def test_a_turn_tells_whether_somebody_waits_for_it(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    mine, wanted = Turn(engine), threading.Event()
    assert not mine.is_wanted()

    def want() -> None:
        other = Turn(engine)
        with other.taken():
            wanted.set()
        other.close()

    with mine.taken():
        assert not mine.is_wanted()
        thread = threading.Thread(target=want)
        thread.start()
        look = threading.Event()
        while not mine.is_wanted():
            look.wait(0.001)
        assert not wanted.is_set()
    thread.join(WAIT_S)
    assert wanted.is_set()
    mine.close()
    engine.dispose()
