import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.series.outbox import MAX_LINES, Counts, Outbox

BUDGET = 10_000_000


def _drain(outbox: Outbox) -> list[str]:
    lines = []
    while (parcel := outbox.take()) is not None:
        lines += parcel.lines
        outbox.settle(parcel, written=len(parcel.lines), refused=0)
    return lines


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
        assert outbox.add(group) == 0
    lines = [line for group in groups for line in group]
    assert _drain(outbox) == lines
    assert outbox.counts() == Counts(written=len(lines), refused=0, dropped=0, waiting=0)
    outbox.close()


def test_a_parcel_has_a_limit_and_stays_until_it_is_settled(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "series.db", BUDGET)
    lines = [f"m v={number} {number}" for number in range(MAX_LINES * 2 + 1)]
    outbox.add(lines)
    first = outbox.take()
    assert first is not None
    assert first.lines == lines[:MAX_LINES]
    outbox.release()
    assert outbox.take() == first
    assert _drain(outbox) == lines


def test_what_was_added_outlives_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "state" / "series.db"
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from pleintemps_gateway.series.outbox import Outbox\n"
        "box = Outbox(Path(sys.argv[1]), 10_000_000)\n"
        "for n in range(50): box.add([f'm v={n} {n}'])\n"
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
    dropped = sum(outbox.add(lines) for lines in added)
    counts = outbox.counts()
    assert 0 < dropped == counts.dropped
    assert counts.dropped + counts.waiting == 300 * 200
    assert path.stat().st_size <= budget + 50_000
    assert _drain(outbox) == [line for lines in added for line in lines][dropped:]


def test_a_parcel_on_its_way_is_neither_dropped_nor_counted_as_lost(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "series.db", 1_000_000)
    outbox.add(["first"])
    parcel = outbox.take()
    assert parcel is not None
    for _ in range(200):
        outbox.add([os.urandom(32).hex() for _ in range(200)])
    assert outbox.counts().dropped > 0
    waiting = outbox.counts().waiting
    outbox.settle(parcel, written=1, refused=0)
    assert outbox.counts().waiting == waiting - 1
    assert outbox.counts().written == 1


def test_counters_and_lines_are_still_there_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    outbox = Outbox(path, BUDGET)
    outbox.add(["a", "b"])
    parcel = outbox.take()
    assert parcel is not None
    outbox.settle(parcel, written=1, refused=1)
    outbox.add(["c"])
    outbox.close()
    assert Outbox(path, BUDGET).counts() == Counts(written=1, refused=1, dropped=0, waiting=1)


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
