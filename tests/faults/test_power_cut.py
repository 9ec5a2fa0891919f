"""The power goes at any moment: what the journal said is on disk is there afterwards.

A cut is a copy of a loop-mounted ext4 taken while its writer stands still: only what was synced is sure to
be in it. Each cut's copy is the disk that the next start finds. This shows neither torn sectors nor a card
that lies. Cuts of a journal that does not sync its commits must lose rows, or the method proves nothing.
"""

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from .mounts import copy_still_image, make_image, mounted_image

ROOT = Path(__file__).parents[2]
IMAGE_MIB = 64


class Cut(NamedTuple):
    """Rows (seq, grant) that one writer acknowledged, and which of all acknowledged so far are gone."""

    acknowledged: int
    lost: dict[int, str]


def read_acknowledged(pipe: int, until: float, rest: bytes) -> bytes:
    """``rest`` and what comes out of ``pipe`` until the monotonic time ``until``."""
    while (left := until - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            chunk = os.read(pipe, 65_536)
            assert chunk, "the writer ended by itself"
            rest += chunk
    return rest


def drain(pipe: int) -> bytes:
    """What is in ``pipe`` now."""
    text = b""
    while select.select([pipe], [], [], 0)[0] and (chunk := os.read(pipe, 65_536)):
        text += chunk
    return text


def acknowledge_until_cut(
    image: Path, copy: Path, folder: Path, synchronous: str, number: int, run_s: float
) -> dict[int, str]:
    """Write for ``run_s`` after the first row, stand still, copy; gives what was acknowledged."""
    with mounted_image(image, folder):
        token = f"{number:08x}"
        command = [sys.executable, "-m", "tests.faults.writer", str(folder), synchronous, token]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
            try:
                assert writer.stdout is not None
                pipe = writer.stdout.fileno()
                assert select.select([pipe], [], [], 20)[0], "the writer says nothing"
                text = read_acknowledged(pipe, time.monotonic() + run_s, b"")
                writer.send_signal(signal.SIGSTOP)
                # true only when every thread stands, those inside a system call too
                _, status = os.waitpid(writer.pid, os.WUNTRACED)
                assert os.WIFSTOPPED(status), "the writer ended by itself"
                text += drain(pipe)
                copy_still_image(image, copy)
            finally:
                writer.kill()
    lines = [line.split() for line in text.decode().splitlines()]
    return {int(seq): grant for seq, grant in lines}


def rows_after_cut(copy: Path, folder: Path) -> dict[int, str]:
    """What a fresh start finds on the disk, read with nothing of the agent's."""
    with mounted_image(copy, folder):
        connection = sqlite3.connect(folder / "events.db")
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = connection.execute("SELECT seq, body FROM events ORDER BY seq").fetchall()
        finally:
            connection.close()
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    return {seq: msgspec.json.decode(body)["event"]["grant"] for seq, body in rows}


def cut_power(
    tmp_path: Path, synchronous: str, cuts: int, *, enough: int | None = None, seed: int = 20_261
) -> list[Cut]:
    """``cuts`` in a row, fewer when ``enough`` of them have lost rows."""
    chance = random.Random(seed)
    image, copy, folder = tmp_path / "disk", tmp_path / "copy", tmp_path / "mounted"
    make_image(image, IMAGE_MIB)
    life: dict[int, str] = {}
    results = []
    for number in range(cuts):
        new = acknowledge_until_cut(image, copy, folder, synchronous, number, chance.uniform(0.02, 0.3))
        assert new, "nothing was acknowledged"
        found = rows_after_cut(copy, folder)
        life |= new
        lost = {seq: grant for seq, grant in life.items() if found.get(seq) != grant}
        results.append(Cut(len(new), lost))
        for seq in lost:
            del life[seq]  # counted once
        if sum(bool(cut.lost) for cut in results) == enough:
            break
        copy.replace(image)
    return results


def nothing_acknowledged_is_lost(tmp_path: Path, cuts: int) -> None:
    results = cut_power(tmp_path, "FULL", cuts)
    print(f"{cuts} cuts, {sum(cut.acknowledged for cut in results)} rows acknowledged")
    assert [cut.lost for cut in results] == [{}] * cuts


def control_loses(tmp_path: Path, cuts: int, enough: int | None = None) -> None:
    results = cut_power(tmp_path, "NORMAL", cuts, enough=enough)
    losses = [len(cut.lost) for cut in results]
    print(f"control: rows lost in {sum(map(bool, losses))} of {len(losses)} cuts, at most {max(losses)}")
    assert any(losses), "a journal without syncs lost nothing: these cuts prove nothing"


@pytest.mark.serial
def test_nothing_stays_mounted_when_a_test_fails(tmp_path: Path) -> None:
    image, folder = tmp_path / "disk", tmp_path / "mounted"
    make_image(image, 4)
    with pytest.raises(KeyError), mounted_image(image, folder):
        assert folder.is_mount()
        raise KeyError("a test that fails")
    assert not folder.is_mount()
    attached = subprocess.run(["losetup", "-j", str(image)], check=True, capture_output=True)
    assert not attached.stdout


@pytest.mark.serial
def test_power_cuts_lose_nothing(tmp_path: Path) -> None:
    nothing_acknowledged_is_lost(tmp_path, 5)


@pytest.mark.serial
def test_power_cuts_without_sync_lose_rows(tmp_path: Path) -> None:
    # a cut that comes just after a checkpoint may lose nothing: one that loses is enough
    control_loses(tmp_path, 20, enough=1)


@pytest.mark.soak
def test_a_hundred_power_cuts_lose_nothing(tmp_path: Path) -> None:
    nothing_acknowledged_is_lost(tmp_path, 100)


@pytest.mark.soak
def test_a_hundred_power_cuts_without_sync_lose_rows(tmp_path: Path) -> None:
    control_loses(tmp_path, 100)
