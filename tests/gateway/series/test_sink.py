"""The queue between ingest and the disk: it never waits, has an end, and what it lets go is counted."""

import logging
import threading
from pathlib import Path

import pytest

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.series.outbox import MAX_LINES, Batch, Counts, Outbox, unpack
from pleintemps_gateway.series.rows import Samples, SpaceState
from pleintemps_gateway.series.sink import SeriesSink


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "series.db", 10_000_000)


def _samples(count: int, first: int = 0) -> Samples:
    return Samples(
        space="hall",
        agent="entrance",
        series="meter",
        quantity=Quantity.LEVEL,
        ats=range(first, first + count),
        values=[50.0] * count,
    )


def _state(at: int) -> SpaceState:
    return SpaceState(space="hall", at=at, state=Occupancy.VACANT, probability=0.1)


def _all(outbox: Outbox) -> list[list[str]]:
    found = []
    while (parcel := outbox.take()) is not None:
        found.append(unpack(parcel.body))
        outbox.settle(parcel, written=parcel.lines, refused=0)
    return found


def test_many_small_commits_become_few_batches_with_a_limit(outbox: Outbox) -> None:
    sink = SeriesSink(outbox)
    for first in range(0, MAX_LINES + 1000, 100):
        sink.add("saint-aubin", [_samples(100, first)])
    sink.pack()
    found = _all(outbox)
    assert [len(lines) for lines in found] == [MAX_LINES, 1000]
    times = [int(line.rsplit(" ", 1)[1]) for lines in found for line in lines]
    assert times == list(range(MAX_LINES + 1000))


def test_a_full_queue_lets_go_counts_and_says_it_once(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sink = SeriesSink(outbox, most=100)
    for _ in range(2):
        sink.add("saint-aubin", [_samples(60)])
        sink.add("saint-aubin", [_samples(60)])
        sink.add("saint-aubin", [_samples(40)])
        sink.pack()
    assert outbox.counts() == Counts(written=0, refused=0, dropped=120, waiting=200)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["series-queue-full"]
    sink.add("saint-aubin", [_samples(500)])  # more than the queue ever holds, and alone
    sink.pack()
    assert outbox.counts().waiting == 700


def test_a_row_with_an_impossible_name_harms_itself_only(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    sink = SeriesSink(outbox)
    odd = SpaceState(space="a\nb", at=1, state=Occupancy.VACANT, probability=None)
    sink.add("saint-aubin", [_state(1), odd, _state(2)])
    sink.pack()
    assert outbox.counts() == Counts(written=0, refused=0, dropped=1, waiting=2)
    assert [record.getMessage() for record in caplog.records] == ["series-no-lines rows=1"]


def test_who_is_in_no_hurry_waits_for_room(outbox: Outbox) -> None:
    sink = SeriesSink(outbox, most=100)
    sink.add("saint-aubin", [_samples(100)])
    done = threading.Event()

    def tell() -> None:
        sink.add_when_room("saint-aubin", [_state(1)])
        done.set()

    thread = threading.Thread(target=tell)
    thread.start()
    while not sink._room._waiters:  # type: ignore[attr-defined]
        assert not done.is_set()
    sink.pack()
    assert done.wait(10)
    thread.join()
    sink.close()
    assert outbox.counts() == Counts(written=0, refused=0, dropped=0, waiting=101)


def test_a_full_budget_is_said_once_and_once_when_there_is_room_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outbox = Outbox(tmp_path / "series.db", 1_000_000)
    sink = SeriesSink(outbox)
    for first in range(0, 2_000_000, 5_000):
        sink.add("saint-aubin", [_samples(5_000 if first % 15_000 else 1, first)])
        sink.pack()
    dropped = outbox.counts().dropped
    assert dropped > 0
    _all(outbox)
    for first in range(2):
        sink.add("saint-aubin", [_state(first)])
        sink.pack()
    said = [record.getMessage() for record in caplog.records]
    assert [each.split()[0] for each in said] == ["series-budget-full", "series-budget-back"]
    assert said[1].endswith(f"={dropped}")


def test_lines_that_a_failing_disk_cost_are_counted_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Outbox):
        full = True

        def add(self, batches: list[Batch], lost: int = 0) -> int:  # type: ignore[override]
            if self.full:
                raise StoreError("disk full")
            return super().add(batches, lost)

    caplog.set_level(logging.INFO)
    outbox = Failing(tmp_path / "series.db", 10_000_000)
    sink = SeriesSink(outbox)
    for _ in range(3):
        sink.add("saint-aubin", [_samples(10), _state(1)])
        sink.pack()
    outbox.full = False
    sink.add("saint-aubin", [_samples(10)])
    sink.pack()
    assert outbox.counts() == Counts(written=0, refused=0, dropped=33, waiting=10)
    said = [record.getMessage().split()[0] for record in caplog.records]
    assert said == ["series-outbox-failed", "series-outbox-back"]
