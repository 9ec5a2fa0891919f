"""The two journals on a real disk: what was said to be kept is kept, numbers never repeat, limits hold."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import Column, DoorPhysicalChanged, Event, SamplesBatch
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.journal.events import MAX_RECORDS, EventJournal, Stamp
from pleintemps_edge.journal.samplefile import RESERVE
from pleintemps_edge.journal.samples import SampleJournal

from .actors import until

BOOT = "b" * 32


def stamp() -> Stamp:
    return Stamp(at=1_700_000_000_000, trusted=True, monotonic=5, boot=BOOT)


def event(number: int = 0) -> Event:
    return DoorPhysicalChanged(door=f"door-{number}", state=DoorPhysicalState.OPEN)


def events_in(folder: Path) -> EventJournal:
    return EventJournal.open(folder, ManualWorld(seed=3), stamp)


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


def test_records_come_back_in_order_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        assert [await journal.append([event(1), event(2)]), await journal.append([event(3)])] == [2, 3]
        first = journal.journal
        journal.close()
        again = events_in(tmp_path)
        assert again.journal == first
        assert (again.position.first, again.position.next) == (1, 4)
        batch = await again.batch(0)
        assert batch is not None
        assert [record.event for record in batch.records] == [event(1), event(2), event(3)]
        assert [record.seq for record in batch.records] == [1, 2, 3]
        assert batch.records[0].boot == BOOT
        again.close()

    run(story)


def test_numbers_never_repeat_even_when_all_is_receipted(tmp_path: Path) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        await journal.append([event(1), event(2)])
        await journal.forget(2)
        assert (journal.position.first, journal.position.next) == (3, 3)
        assert await journal.batch(0) is None
        journal.close()
        again = events_in(tmp_path)
        assert (again.position.first, again.position.next) == (3, 3)
        assert await again.append([event(3)]) == 3
        again.close()

    run(story)


def test_a_batch_says_what_is_the_oldest_and_keeps_its_limits(tmp_path: Path) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        await journal.append([event(number) for number in range(200)])
        await journal.forget(10)
        batch = await journal.batch(20)
        assert batch is not None
        assert (batch.first, batch.records[0].seq, len(batch.records)) == (11, 21, MAX_RECORDS)
        journal.close()

    run(story)


def test_state_and_records_are_committed_together(tmp_path: Path) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        await journal.append([event()], {"throttle:hall": b"3"})
        one, two, three = (page_digest(body) for body in (b"one", b"two", b"three"))
        await journal.keep_grants({"manifest": b"m1"}, {one: b"one", two: b"two"})
        await journal.keep_grants({"manifest": b"m2"}, {two: b"two", three: b"three"})
        journal.close()
        again = events_in(tmp_path)
        assert again.state("throttle:hall") == b"3"
        assert again.state("manifest") == b"m2"
        assert again.pages() == {two: b"two", three: b"three"}
        assert again.state("nothing") is None
        again.close()

    run(story)


def test_many_writers_share_commits(tmp_path: Path) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        numbers = await asyncio.gather(*(journal.append([event(number)]) for number in range(2_000)))
        assert sorted(numbers) == list(range(1, 2_001))
        journal.close()

    run(story)


def test_a_locked_file_delays_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        await journal.append([event(1)])
        other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        future = journal.append([event(2)])
        await until(lambda: "disk-refuses" in caplog.text)
        assert not future.done()
        other.execute("COMMIT")
        other.close()
        assert await future == 2
        await until(lambda: "disk-works-again" in caplog.text)
        journal.close()

    with caplog.at_level("INFO"):
        run(story)


def test_an_unreadable_record_holds_nobody_up(tmp_path: Path) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        await journal.append([event(number) for number in range(4)])
        journal.close()
        disk = sqlite3.connect(tmp_path / "events.db")
        # of a later version, and damaged
        disk.execute("UPDATE events SET body = ? WHERE seq = 2", (b'{"event":{"type":"later"}}',))
        disk.execute("UPDATE events SET body = ? WHERE seq = 3", (b'{"boot":"\xff"}',))
        disk.commit()
        disk.close()
        again = events_in(tmp_path)
        batch = await again.batch(0)
        assert batch is not None and [each.seq for each in batch.records] == [1]
        await again.forget(1)
        batch = await again.batch(1)
        assert batch is not None and (batch.first, [each.seq for each in batch.records]) == (4, [4])
        again.close()

    run(story)


# --- samples ------------------------------------------------------------------------------------------


def samples_in(folder: Path, budget: int = 2**20, dropped: list[int] | None = None) -> SampleJournal:
    told = dropped if dropped is not None else []
    return SampleJournal.open(folder, ManualWorld(seed=4), budget, told.append)


def put(journal: SampleJournal, count: int = 1) -> None:
    for number in range(count):
        journal.append(BOOT, 1_000 + number, True, {"pir": Column(dt=[0], value=[float(number)])})


async def drain(journal: SampleJournal) -> list[SamplesBatch]:
    found: list[SamplesBatch] = []
    while (batch := await journal.batch(found[-1].seq if found else 0)) is not None:
        found.append(batch)
    return found


def test_a_batch_can_be_sent_before_it_is_on_disk(tmp_path: Path) -> None:
    async def story() -> None:
        journal = samples_in(tmp_path)
        put(journal, 3)
        found = await drain(journal)
        assert [(batch.first, batch.seq) for batch in found] == [(1, 1), (1, 2), (1, 3)]
        assert found[2].series["pir"].value == [2.0]
        reader = sqlite3.connect(tmp_path / "samples.db")
        assert reader.execute("SELECT count(*) FROM batches").fetchone() == (0,)
        reader.close()
        journal.close()

    run(story)


def test_samples_survive_a_stop_and_go_on_receipt(tmp_path: Path) -> None:
    async def story() -> None:
        journal = samples_in(tmp_path)
        put(journal, 5)
        journal.forget(2)
        journal.close()
        again = samples_in(tmp_path)
        assert (again.position.first, again.position.next) == (3, 6)
        put(again)
        assert [batch.seq for batch in await drain(again)] == [3, 4, 5, 6]
        again.forget(5)
        assert [(batch.first, batch.seq) for batch in await drain(again)] == [(6, 6)]
        again.close()
        last = samples_in(tmp_path)
        assert [batch.seq for batch in await drain(last)] == [6]
        last.close()

    run(story)


def test_after_a_crash_no_number_is_used_twice(tmp_path: Path) -> None:
    async def story() -> None:
        journal = samples_in(tmp_path)
        put(journal, 3)
        # the reservation reaches the disk, the batches do not: so it looks after a power cut
        reader = sqlite3.connect(tmp_path / "samples.db")
        await until(lambda: reader.execute("SELECT reserved FROM journal").fetchone()[0] == 1 + RESERVE)
        reader.close()
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for file in tmp_path.glob("samples.db*"):
            (crashed / file.name).write_bytes(file.read_bytes())
        again = samples_in(crashed)
        assert again.position.next == 1 + RESERVE
        put(again)
        assert [(batch.first, batch.seq) for batch in await drain(again)] == [(1 + RESERVE, 1 + RESERVE)]
        again.close()
        journal.close()

    run(story)


def test_numbers_are_reserved_on_disk_before_the_first_is_used(tmp_path: Path) -> None:
    async def story() -> None:
        journal = samples_in(tmp_path)
        reader = sqlite3.connect(tmp_path / "samples.db")
        assert reader.execute("SELECT reserved FROM journal").fetchone()[0] == 1 + RESERVE
        for _ in range(5):
            put(journal, RESERVE // 2)
            await journal._writer.submit(lambda connection: None)
            kept = reader.execute("SELECT reserved FROM journal").fetchone()[0]
            assert RESERVE // 2 <= kept - journal.position.next <= RESERVE
        reader.close()
        journal.close()

    run(story)


def test_a_damaged_file_of_samples_keeps_nobody_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        journal = samples_in(tmp_path)
        put(journal, 3)
        journal.close()
        whole = (tmp_path / "samples.db").read_bytes()
        for damaged in (whole[:5000], b"no database at all, of some length" * 100):
            (tmp_path / "samples.db").write_bytes(damaged)
            again = samples_in(tmp_path)
            put(again)
            assert [batch.first for batch in await drain(again)] == [1]
            again.close()
            assert any(aside.read_bytes() == damaged for aside in tmp_path.glob("samples.db.damaged-*"))

    run(story)
    assert "samples-set-aside" in caplog.text


def test_unreadable_samples_hold_nobody_up(tmp_path: Path) -> None:
    async def story() -> None:
        journal = samples_in(tmp_path)
        put(journal, 4)
        journal.close()
        disk = sqlite3.connect(tmp_path / "samples.db")
        disk.execute("UPDATE batches SET body = ? WHERE seq IN (2, 3)", (b'{"boot":"\xff"}',))
        disk.commit()
        disk.close()
        again = samples_in(tmp_path)
        assert [batch.seq for batch in await drain(again)] == [1, 4]
        again.forget(1)
        batch = await again.batch(0)
        assert batch is not None and (batch.first, batch.seq) == (4, 4)
        again.close()

    run(story)


def test_a_full_budget_drops_the_oldest_and_counts(tmp_path: Path) -> None:
    async def story() -> None:
        dropped: list[int] = []
        journal = samples_in(tmp_path, budget=1_000, dropped=dropped)
        put(journal, 100)
        kept = await drain(journal)
        assert sum(dropped) + len(kept) == 100
        assert len(kept) >= 5
        assert kept[-1].seq == 100
        assert kept[0].first == kept[0].seq
        journal.flush()
        put(journal, 100)
        journal.close()
        again = samples_in(tmp_path, budget=1_000)
        assert [batch.seq for batch in await drain(again)][-1] == 200
        assert again.position.first == 200 - len(await drain(again)) + 1
        again.close()

    run(story)


def test_one_batch_larger_than_the_budget_is_kept(tmp_path: Path) -> None:
    async def story() -> None:
        dropped: list[int] = []
        journal = samples_in(tmp_path, budget=10, dropped=dropped)
        put(journal, 2)
        assert [batch.seq for batch in await drain(journal)] == [2]
        assert dropped == [1]
        journal.close()

    run(story)


def test_a_full_disk_loses_no_record_that_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        await journal.append([event(1)])
        full = [True]

        def work(connection: sqlite3.Connection) -> str:
            if full[0]:
                # what SQLite itself says when there is no page left
                connection.execute("PRAGMA max_page_count = 1")
                connection.execute("INSERT INTO events (body) VALUES (zeroblob(100000))")
            return "written"

        blocked = journal._writer.submit(work)
        future = journal.append([event(2)])
        await until(lambda: "database or disk is full" in caplog.text)
        assert not future.done()
        full[0] = False
        assert await blocked == "written"
        assert await future == 2
        journal.close()

    with caplog.at_level("INFO"):
        run(story)


def test_a_million_waiting_records_are_read_and_deleted_by_their_number(tmp_path: Path) -> None:
    """No query of a draining journal may look at what it does not need, however much waits."""

    async def story() -> None:
        journal = events_in(tmp_path)
        await journal.append([event(number) for number in range(500)])
        plans: list[str] = []

        def explain(connection: sqlite3.Connection) -> None:
            for query in (
                "SELECT seq, CAST(body AS BLOB) FROM events WHERE seq > 5 ORDER BY seq LIMIT 64",
                "SELECT min(seq) FROM events",
                "DELETE FROM events WHERE seq <= 5 AND (SELECT id FROM journal) = 'a'",
            ):
                plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
                plans.append(next(step[3] for step in plan if "events" in step[3]))

        await journal._writer.submit(explain)
        assert all(plan.startswith("SEARCH events") for plan in plans), plans
        journal.close()

    run(story)


@pytest.mark.soak
def test_a_million_records_wait_for_their_gateway(tmp_path: Path) -> None:
    async def story() -> None:
        journal = events_in(tmp_path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(1_000):
            await journal.append([event(number) for number in range(1_000)])
        journal.close()
        journal = events_in(tmp_path)
        assert (journal.position.first, journal.position.next) == (1, 1_000_001)
        sent, times = 0, []
        while (batch := await journal.batch(sent)) is not None:
            began = time.monotonic()
            assert (batch.first, batch.records[0].seq) == (sent + 1, sent + 1)
            sent = batch.records[-1].seq
            await journal.forget(sent)
            times.append(time.monotonic() - began)
        assert sent == 1_000_000
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        first, last = (1000 * sum(part) / len(part) for part in (times[:500], times[-500:]))
        print(f"1,000,000 records: {grown} MiB of memory; a receipt of 64 takes {first:.1f} ms at the")
        print(f"beginning and {last:.1f} ms at the end")
        assert grown < 100
        journal.close()

    run(story)
