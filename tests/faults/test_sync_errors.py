"""The disk cannot sync (EIO): nothing is told as kept that is not, nothing is kept twice, the door goes on.

``strace`` makes the system call fail, without doing it, in a real process.
"""

import asyncio
import contextlib
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.agent_messages import AccessGranted, Health, LateCommit
from pleintemps_firmware_sim.clock import ClockServer
from tests.edge.actors import CODE, grant, until, write_setup
from tests.support.broker import Mosquitto

from .door import SIMULATED, careful_gateway, door_of

ROOT = Path(__file__).parents[2]
SYNCS = "fsync,fdatasync"


def strace(*arguments: str) -> list[str]:
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    return [program, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={SYNCS}", *arguments]


def acknowledged(process: "subprocess.Popen[bytes]", for_s: float) -> dict[int, str]:
    """What the writer has said within ``for_s``."""
    assert process.stdout is not None
    pipe, text, until_s = process.stdout.fileno(), b"", time.monotonic() + for_s
    while (left := until_s - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            chunk = os.read(pipe, 65_536)
            assert chunk, "the writer ended by itself"
            text += chunk
    return {int(seq): grant for seq, grant in (line.split() for line in text.decode().splitlines())}


@pytest.mark.serial
@pytest.mark.parametrize("when", ["20..23", "31+7", "40+2"])
def test_what_is_acknowledged_over_failed_syncs_is_there_once(tmp_path: Path, when: str) -> None:
    """``when``: the syncs of each thread that fail, as strace counts them."""
    command = [sys.executable, "-m", "tests.faults.writer", str(tmp_path), "FULL", "0" * 8]
    inject = strace("--seccomp-bpf", "-e", f"inject={SYNCS}:error=EIO:when={when}")
    with subprocess.Popen(
        [*inject, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            told = acknowledged(process, 6.0)
        finally:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            process.kill()
        errors = process.stderr.read().decode() if process.stderr is not None else ""
    assert "disk-refuses" in errors, "no sync has failed: this proves nothing"
    assert len(told) > 20, "hardly anything was acknowledged: this proves nothing"
    with contextlib.closing(sqlite3.connect(tmp_path / "events.db")) as connection:
        rows = connection.execute("SELECT seq, body FROM events ORDER BY seq").fetchall()
    found = {seq: msgspec.json.decode(body)["event"].get("grant") for seq, body in rows}
    assert {seq: found.get(seq) for seq in told} == told
    assert Counter(found.values()).most_common(1)[0][1] == 1, "a record was written twice"
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))


@contextlib.contextmanager
def failing_syncs(pid: int) -> Iterator[None]:
    """No sync of a running process succeeds meanwhile."""
    command = strace("-e", f"inject={SYNCS}:error=EIO", "-p", str(pid))
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 10
            while f"TracerPid:\t{process.pid}" not in Path(f"/proc/{pid}/status").read_text():
                if process.poll() is not None:
                    words = process.stderr.read().decode() if process.stderr is not None else ""
                    pytest.skip(f"a process may not be traced here: {words.strip()}")
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield
        finally:
            process.terminate()


async def live_through_failing_syncs(folder: Path, port: int) -> None:
    clock = ClockServer(folder / "clock", now=int(time.time() * 1000))
    await clock.start()
    try:
        async with (
            careful_gateway(port) as (gateway, records),
            door_of(write_setup(folder, port, SIMULATED)) as door,
        ):
            door.start()
            await until(lambda: gateway.births, 20)
            await gateway.announce(0)
            await gateway.give(grant())
            await door.enter(CODE)
            with failing_syncs(door.pid):
                before = max(seq for _, seq in records)
                for _ in range(3):
                    await door.enter(CODE)
                await until(lambda: gateway.births[-1].storage)
                await until(
                    lambda: [each.health for each in gateway.births[-1].storage] != [Health.OK] * 2, 10
                )
                assert door.logged("disk-refuses")
                assert max(seq for _, seq in records) == before, "sent, although on no disk"
            await until(lambda: len(gateway.events(AccessGranted)) == len(door.releases) == 4, 20)
            await until(lambda: [each.health for each in gateway.births[-1].storage] == [Health.OK] * 2, 20)
            assert gateway.events(LateCommit)
            numbers = sorted(seq for _, seq in records)
            assert numbers == list(range(1, len(numbers) + 1))
            assert not records.conflicts
            await door.enter(CODE)
            await door.stop()
    finally:
        await clock.stop()


@pytest.mark.serial
def test_failing_syncs_hold_no_door_and_the_gateway_hears_of_them(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    asyncio.run(live_through_failing_syncs(tmp_path, mosquitto.port))
