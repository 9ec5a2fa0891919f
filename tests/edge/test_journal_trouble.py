"""Disks that are full or read-only, and files that are damaged: a journal always opens and goes on."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import (
    Column,
    DoorPhysicalChanged,
    Event,
    EventRecord,
    Health,
    JournalReplaced,
    Stream,
)
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.journal import events as events_module
from pleintemps_edge.journal.eventfile import SCHEMA, move_home, put_state, state_of
from pleintemps_edge.journal.events import EventJournal, Stamp
from pleintemps_edge.journal.files import KEPT_ASIDE, open_memory
from pleintemps_edge.journal.samples import MEMORY_BUDGET, SampleJournal
from tests.faults.mounts import read_only, small_disk

from .actors import until

PAGE = b'{"grants":[]}' * 40
PAGES = {page_digest(PAGE): PAGE}


def stamp() -> Stamp:
    return Stamp(at=1_700_000_000_000, trusted=True, monotonic=5, boot="b" * 32)


def event(number: int = 0) -> Event:
    return DoorPhysicalChanged(door=f"door-{number}", state=DoorPhysicalState.OPEN)


def events_in(folder: Path) -> EventJournal:
    return EventJournal.open(folder, SystemWorld(), stamp)


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


async def all_of(journal: EventJournal) -> list[EventRecord]:
    found: list[EventRecord] = []
    while (batch := await journal.batch(found[-1].seq if found else 0)) is not None:
        found += batch.records
    return found


async def some_life(folder: Path, count: int = 300) -> str:
    """A journal with records, state and a page, closed; its id."""
    journal = events_in(folder)
    await journal.append([event(number) for number in range(count)], {"mode:hall": b"Blocked"})
    await journal.keep_grants({"manifest": b"m"}, PAGES)
    journal.close()
    return journal.journal


def fill(folder: Path) -> Path:
    """Write until nothing more fits; the file to remove again."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return ballast


async def goes_on_in_memory(folder: Path, before: str) -> EventJournal:
    """The journal of a disk that takes nothing: it knows what the disk tells, and takes records."""
    journal = events_in(folder)
    assert journal.journal != before
    (storage,) = journal.storage
    assert (storage.stream, storage.health) == (Stream.EVENTS, Health.ERROR)
    assert storage.detail.startswith("no disk: ")
    assert journal.state("mode:hall") == b"Blocked"
    assert journal.pages() == PAGES
    assert await journal.append([event(1)], {"mode:hall": b"Locked"}) == 2
    first, second = await all_of(journal)
    assert isinstance(first.event, JournalReplaced) and first.seq == 1
    assert second.event == event(1)
    return journal


def uncheckpointed(folder: Path) -> None:
    """Leave ``events.db`` as a killed agent does: with what is new in its WAL only."""
    twin = folder / "twin"
    twin.mkdir()
    run(lambda: _copy_while_open(folder, twin))
    for file in twin.iterdir():
        file.replace(folder / file.name)
    twin.rmdir()
    assert (folder / "events.db-wal").stat().st_size > 0


class FailingCommit:
    """A disk that has a commit and says that it has not: the sync after it failed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.executemany = connection.executemany

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        cursor = self._connection.execute(query, values)
        if query == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return cursor


def test_a_commit_that_failed_and_was_on_the_disk_brings_nothing_twice(tmp_path: Path) -> None:
    home = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    memory = open_memory(SCHEMA)
    home.executescript(SCHEMA)
    for connection, journal in ((home, "a"), (memory, "b")):
        connection.execute("INSERT INTO journal VALUES (?)", (journal * 32,))
        bodies = [(f"{journal}{number}".encode(),) for number in range(3)]
        connection.executemany("INSERT INTO events (body) VALUES (?)", bodies)
    put_state(memory, {"mode:hall": b"Locked"})
    with pytest.raises(sqlite3.OperationalError):
        move_home(memory, FailingCommit(home))  # type: ignore[arg-type]
    assert home.execute("SELECT count(*) FROM events").fetchone() == (6,)
    memory.execute("DELETE FROM events WHERE seq = 1")  # meanwhile the gateway has stored it
    memory.execute("INSERT INTO events (body) VALUES (?)", (b"b3",))
    move_home(memory, home)
    found = home.execute("SELECT seq, body FROM events ORDER BY seq").fetchall()
    assert found == [(1, b"a0"), (2, b"a1"), (3, b"a2"), (4, b"b1"), (5, b"b2"), (6, b"b3")]
    assert state_of(home)["mode:hall"] == b"Locked"


async def _copy_while_open(folder: Path, twin: Path) -> None:
    journal = events_in(folder)
    await journal.append([event(7)], {"mode:hall": b"Blocked"})
    await journal.keep_grants({"manifest": b"m"}, PAGES)
    for name in ("events.db", "events.db-wal"):
        (twin / name).write_bytes((folder / name).read_bytes())
    journal.close()


@pytest.mark.parametrize("killed", [False, True], ids=["clean", "killed"])
def test_a_full_disk_at_the_start_begins_in_memory_and_comes_home(tmp_path: Path, killed: bool) -> None:
    with small_disk(tmp_path / "state") as state:
        before: list[str] = []

        async def live() -> None:
            before.append(await some_life(state, 10))

        run(live)
        if killed:
            uncheckpointed(state)
        held = 10 + killed

        async def story() -> None:
            ballast = fill(state)
            journal = await goes_on_in_memory(state, before[0])
            kept = journal.keep_grants({"manifest": b"n"}, PAGES)
            replaced: list[str] = []
            journal.on_replaced = lambda: replaced.append(journal.journal)
            journal.go_home()  # what was sent is not receipted
            await journal.append([event(2)])
            assert not journal._moving
            await journal.forget(2)
            journal.go_home()  # and the disk is still full
            await until(lambda: not journal._moving)
            assert (journal.storage[0].health, kept.done()) == (Health.ERROR, False)
            ballast.unlink()
            journal.go_home()
            await until(lambda: replaced)
            await kept
            assert replaced == before == [journal.journal]
            assert [each.health for each in journal.storage] == [Health.OK]
            assert journal.state("manifest") == b"n"
            records = await all_of(journal)
            assert [record.seq for record in records] == list(range(1, held + 2))
            assert records[-1].event == event(2)
            assert await journal.append([event(3)]) == held + 2
            journal.close()
            again = events_in(state)
            assert (again.journal, again.state("mode:hall")) == (before[0], b"Locked")
            assert len(await all_of(again)) == held + 2
            again.close()

        run(story)


@pytest.mark.parametrize("killed", [False, True], ids=["clean", "killed"])
def test_a_read_only_disk_begins_in_memory(tmp_path: Path, killed: bool) -> None:
    state = tmp_path / "state"
    state.mkdir()
    before: list[str] = []

    async def live() -> None:
        before.append(await some_life(state, 10))

    run(live)
    if killed:
        uncheckpointed(state)

    async def story() -> None:
        (await goes_on_in_memory(state, before[0])).close()

    with read_only(state):
        run(story)


def test_memory_holds_the_newest_records_and_says_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MAX_IN_MEMORY", 50)

    async def story() -> None:
        journal = await goes_on_in_memory(state, "")
        for number in range(30):
            await journal.append([event(number), event(number)])
        assert journal.position.next == 63
        assert journal.position.first == 13
        batch = await journal.batch(0)
        assert batch is not None and (batch.first, batch.records[0].seq) == (13, 13)
        journal.close()

    with small_disk(tmp_path / "state") as state:

        async def live() -> None:
            await some_life(state, 10)
            fill(state)

        run(live)
        run(story)


# --- damage ----------------------------------------------------------------------------------------------


def damage(path: Path, chance: random.Random) -> None:
    """Flip, overwrite or cut some bytes of a file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for _ in range(chance.choice((1, 3, 30))):
            file.seek(chance.randrange(size))
            file.write(chance.randbytes(chance.choice((1, 16, 600))))
        if chance.random() < 0.2:
            file.truncate(chance.randrange(size))


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_of_events_is_always_overcome(tmp_path: Path, seed: int) -> None:
    """It opens, or notices the damage later: records are taken, sent and forgotten all the same."""

    async def story() -> None:
        before = await some_life(tmp_path)
        damage(tmp_path / "events.db", random.Random(seed))
        journal = events_in(tmp_path)
        seen: list[EventRecord] = []

        async def drain() -> None:
            drained = ""
            while drained != journal.journal:
                drained = journal.journal
                while (batch := await journal.batch(0)) is not None:
                    seen.extend(batch.records)
                    await journal.forget(batch.records[-1].seq)

        async with asyncio.timeout(20):
            await journal.append([event(1)], {"mode:hall": b"Locked"})
            await drain()
            number = await journal.append([event(2)])
            await drain()
        assert seen[-1].event == event(2)
        assert journal.state("mode:hall") == b"Locked"
        aside = list(tmp_path.glob("events.db.damaged-*"))
        if journal.journal == before:
            assert not aside
        else:
            assert aside
            assert any(isinstance(record.event, JournalReplaced) for record in seen)
        journal.close()
        again = events_in(tmp_path)
        assert again.position.next == number + 1
        assert again.state("mode:hall") == b"Locked"
        again.close()

    run(story)


def test_what_lies_around_the_damage_is_carried_over(tmp_path: Path) -> None:
    async def story() -> None:
        before = await some_life(tmp_path, 3_000)
        path = tmp_path / "events.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            (root,) = connection.execute(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'events'"
            ).fetchone()
        pages = path.stat().st_size // 4096
        middle = next(page for page in range(pages // 2, pages) if page != root)
        with path.open("r+b") as file:
            file.seek(middle * 4096)
            file.write(b"\xff" * 4096)
        journal = events_in(tmp_path)
        replaced: list[str] = []
        journal.on_replaced = lambda: replaced.append(journal.journal)
        # found when it is read
        while (batch := await journal.batch(0)) is not None:
            await journal.forget(batch.records[-1].seq)
            if journal.journal != before:
                break
        await until(lambda: replaced)
        records = await all_of(journal)
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert isinstance(records[0].event, JournalReplaced)
        assert records[0].event.reason.startswith("damaged: ")
        assert records[-1].event == event(2_999)
        assert 1_000 < len(records) < 3_000
        assert (journal.state("mode:hall"), journal.pages()) == (b"Blocked", PAGES)
        journal.close()

    run(story)


def test_a_page_that_is_not_what_its_name_says_is_never_used(tmp_path: Path) -> None:
    async def story() -> None:
        before = await some_life(tmp_path, 3)
        with contextlib.closing(sqlite3.connect(tmp_path / "events.db")) as connection:
            connection.execute("UPDATE pages SET body = ?", (PAGE.replace(b"grants", b"grandz"),))
            connection.commit()
        journal = events_in(tmp_path)
        assert journal.journal != before
        assert not journal.pages()
        assert journal.state("mode:hall") == b"Blocked"
        await journal.append([event(9)])
        kinds = [record.event for record in await all_of(journal)]
        assert isinstance(kinds[0], JournalReplaced)
        assert kinds[1:] == [event(0), event(1), event(2), event(9)]
        journal.close()

    run(story)


def test_only_a_few_damaged_files_are_kept(tmp_path: Path) -> None:
    async def story() -> None:
        for _ in range(KEPT_ASIDE + 3):
            (tmp_path / "events.db").write_bytes(b"this is no database, but long enough to be one" * 50)
            events_in(tmp_path).close()
        assert len(list(tmp_path.glob("events.db.damaged-*"))) == KEPT_ASIDE

    run(story)


def test_a_receipt_of_the_journal_before_deletes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        await some_life(tmp_path, 5)
        journal = events_in(tmp_path)
        journal.journal = "0" * 32  # as it was before a damaged file was replaced in the writer's thread
        await journal.forget(5)
        with contextlib.closing(sqlite3.connect(tmp_path / "events.db")) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (5,)
        journal.close()

    run(story)


# --- samples ---------------------------------------------------------------------------------------------


def put(journal: SampleJournal, count: int = 1) -> None:
    for number in range(count):
        journal.append("b" * 32, 1_000 + number, True, {"pir": Column(dt=[0], value=[float(number)])})


async def numbers(journal: SampleJournal) -> list[int]:
    found: list[int] = []
    while (batch := await journal.batch(found[-1] if found else 0)) is not None:
        found.append(batch.seq)
    return found


def test_samples_wait_in_memory_for_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state") as state:

        async def story() -> None:
            first = SampleJournal.open(state, SystemWorld(), 2**20, lambda count: None)
            put(first, 3)
            first.close()
            ballast = fill(state)
            journal = SampleJournal.open(state, SystemWorld(), 2**20, lambda count: None)
            assert journal.journal != first.journal
            assert journal.storage[0].health is Health.ERROR
            put(journal, 4)
            assert await numbers(journal) == [1, 2, 3, 4]
            journal.forget(4)
            put(journal, 2)
            reasons: list[str] = []
            journal.on_replaced = reasons.append
            journal.flush()
            await until(lambda: not journal._moving)
            assert not reasons
            ballast.unlink()
            journal.flush()
            await until(lambda: reasons)
            assert (reasons, journal.journal) == ([""], first.journal)
            assert [each.health for each in journal.storage] == [Health.OK]
            assert await numbers(journal) == [1, 2, 3, 4, 5]
            journal.close()

        run(story)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_of_samples_is_always_overcome(tmp_path: Path, seed: int) -> None:
    async def story() -> None:
        journal = SampleJournal.open(tmp_path, ManualWorld(), 2**20, lambda count: None)
        put(journal, 200)
        journal.close()
        damage(tmp_path / "samples.db", random.Random(seed))
        again = SampleJournal.open(tmp_path, SystemWorld(), 2**20, lambda count: None)
        put(again, 3)
        async with asyncio.timeout(20):
            while (batch := await again.batch(0)) is not None:
                again.forget(batch.seq)
            again.flush()
        again.close()

    run(story)


def test_samples_that_wait_for_a_disk_have_a_budget(tmp_path: Path) -> None:
    async def story() -> None:
        dropped: list[int] = []
        journal = SampleJournal.open(tmp_path, SystemWorld(), 2**30, dropped.append)
        journal._troubled("database or disk is full")
        column = Column(dt=list(range(4096)), value=[0.5] * 4096)
        for _ in range(600):
            journal.append("b" * 32, 1_000, True, {"pir": column})
        assert sum(len(body) for body in journal._young.values()) <= MEMORY_BUDGET
        assert sum(dropped) + len(journal._held) == 600
        journal.close()

    run(story)
