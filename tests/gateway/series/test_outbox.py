import os
import signal
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.series.outbox import MAX_LINES, Batch, Counts, Outbox, pack, unpack

BUDGET = 10_000_000


def _drain(outbox: Outbox) -> list[str]:
    lines = []
    while (parcel := outbox.take()) is not None:
        found = unpack(parcel.body)
        assert len(found) == parcel.lines
        lines += found
        outbox.settle(parcel, written=parcel.lines, refused=0)
    return lines


def _batch(lines: list[str], *, readings: bool = True) -> Batch:
    return Batch(len(lines), readings, pack(lines))


@given(
    groups=st.lists(
        st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1), max_size=8
    )
)
def test_lines_come_out_once_and_in_order(
    groups: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outbox = Outbox(tmp_path_factory.mktemp("outbox") / "series.db", BUDGET)
    for group in groups:
        assert outbox.add([_batch(group)]) == 0
    lines = [line for group in groups for line in group]
    assert _drain(outbox) == lines
    assert outbox.counts() == Counts(written=len(lines), refused=0, dropped=0, waiting=0)
    outbox.close()


def test_a_parcel_has_a_limit_and_stays_until_it_is_settled(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "series.db", BUDGET)
    lines = [f"m v={number} {number}" for number in range(MAX_LINES * 2 + 1)]
    for start in range(0, len(lines), 1000):
        outbox.add([_batch(lines[start : start + 1000])])
    first = outbox.take()
    assert first is not None
    assert unpack(first.body) == lines[:MAX_LINES]
    outbox.release()
    assert outbox.take() == first
    assert _drain(outbox) == lines


def test_what_was_added_outlives_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "state" / "series.db"
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from pleintemps_gateway.series.outbox import Batch, Outbox, pack\n"
        "box = Outbox(Path(sys.argv[1]), 10_000_000)\n"
        "for n in range(50): box.add([Batch(1, True, pack([f'm v={n} {n}']))])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert _drain(Outbox(path, BUDGET)) == [f"m v={number} {number}" for number in range(50)]


def test_a_full_budget_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    budget = 1_000_000
    outbox = Outbox(path, budget)
    added = [[f"{os.urandom(32).hex()} {group} {number}" for number in range(200)] for group in range(300)]
    dropped = sum(outbox.add([_batch(lines)]) for lines in added)
    counts = outbox.counts()
    assert 0 < dropped == counts.dropped
    assert counts.dropped + counts.waiting == 300 * 200
    assert path.stat().st_size <= budget + 50_000
    assert _drain(outbox) == [line for lines in added for line in lines][dropped:]


def test_a_parcel_on_its_way_is_neither_dropped_nor_counted_as_lost(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "series.db", 1_000_000)
    outbox.add([_batch(["first"])])
    parcel = outbox.take()
    assert parcel is not None
    for _ in range(200):
        outbox.add([_batch([os.urandom(32).hex() for _ in range(200)])])
    assert outbox.counts().dropped > 0
    waiting = outbox.counts().waiting
    outbox.settle(parcel, written=1, refused=0)
    assert outbox.counts().waiting == waiting - 1
    assert outbox.counts().written == 1


def test_counters_and_lines_are_still_there_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    outbox = Outbox(path, BUDGET)
    outbox.add([_batch(["a", "b"])])
    parcel = outbox.take()
    assert parcel is not None
    outbox.settle(parcel, written=1, refused=1)
    outbox.add([_batch(["c"])], lost=4)
    outbox.close()
    assert Outbox(path, BUDGET).counts() == Counts(written=1, refused=1, dropped=4, waiting=1)


def test_a_file_that_is_no_outbox_is_our_one_error(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(StoreError, match=r"series\.db"):
        Outbox(path, BUDGET)
    other = tmp_path / "newer.db"
    with sqlite3.connect(other) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="version 99"):
        Outbox(other, BUDGET)


def test_what_the_rules_said_outlives_the_readings(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "series.db", 1_000_000)
    said = [f"{os.urandom(16).hex()} {group}" for group in range(300)]
    for one in said:
        outbox.add([_batch([os.urandom(32).hex() for _ in range(200)]), _batch([one], readings=False)])
    assert 0 < outbox.counts().dropped < 300 * 200
    assert [line for line in _drain(outbox) if " " in line] == said
    for group in range(20_000, 22_000):
        outbox.add([_batch([f"{os.urandom(512).hex()} {group}"], readings=False)])
    assert _drain(outbox)[-1].endswith(" 21999")  # and when only such lines are left, the oldest of them go


def test_what_comes_later_can_be_taken_before(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "series.db", BUDGET)
    outbox.add([_batch(["old"])])
    newest = outbox.newest()
    assert outbox.take(newest) is None
    outbox.add([_batch(["live"])])
    parcel = outbox.take(newest)
    assert parcel is not None
    assert unpack(parcel.body) == ["live"]
    outbox.settle(parcel, written=1, refused=0)
    assert _drain(outbox) == ["old"]
    assert outbox.newest() == 0


def test_a_file_of_the_version_before_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    with sqlite3.connect(path) as db:
        db.executescript(
            "CREATE TABLE batches (id INTEGER PRIMARY KEY AUTOINCREMENT, lines INTEGER NOT NULL, "
            "body BLOB NOT NULL);"
            "CREATE TABLE counters (name TEXT PRIMARY KEY, lines INTEGER NOT NULL) WITHOUT ROWID;"
            "INSERT INTO counters VALUES ('written', 7), ('refused', 0), ('dropped', 3);"
            "PRAGMA user_version=1;"
        )
        db.execute(
            "INSERT INTO batches (lines, body) VALUES (2, ?)", (zlib.compress(b"m v=1.0 1\nm v=2.0 2"),)
        )
    outbox = Outbox(path, BUDGET)
    outbox.add([_batch(["m v=3.0 3"])])
    assert outbox.counts() == Counts(written=7, refused=0, dropped=3, waiting=3)
    assert _drain(outbox) == ["m v=1.0 1", "m v=2.0 2", "m v=3.0 3"]
