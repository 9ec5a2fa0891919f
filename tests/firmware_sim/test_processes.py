"""Children end when they are told, with all that they started, and even if they do not listen."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.errors import ChildError, PortBusyError
from pleintemps_firmware_sim.processes import Child, answers, claim_port, until

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
# an ignored signal stays ignored in a child
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_child_that_does_not_listen_ends_with_its_own_children(tmp_path: Path) -> None:
    async def scene() -> None:
        log = tmp_path / "log"
        world = SystemWorld()
        child = Child("stubborn", [sys.executable, "-c", STUBBORN], log=log, cwd=tmp_path)
        await child.start()

        async def printed() -> bool:
            return log.read_text().endswith("\n")

        await until(printed, world, within_ms=10_000, what="grandchild", child=child)
        grandchild = int(log.read_text())
        began = world.monotonic()
        await child.stop(world, within_ms=200)
        assert world.monotonic() - began < 3_000
        assert not child.running

        async def gone() -> bool:
            return not _alive(grandchild)

        await until(gone, world, within_ms=5_000, what="end of the grandchild")

    asyncio.run(scene())


def test_a_child_that_ends_by_itself_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    async def scene() -> None:
        child = Child(
            "poor", [sys.executable, "-c", "raise SystemExit('no luck')"], log=tmp_path / "log", cwd=tmp_path
        )
        await child.start()

        async def never() -> bool:
            return False

        with pytest.raises(ChildError, match=r"(?s)poor ended by itself.*no luck"):
            await until(never, SystemWorld(), within_ms=20_000, what="answer", child=child)

    asyncio.run(scene())


def test_what_does_not_come_is_said(tmp_path: Path) -> None:
    async def scene() -> None:
        async def never() -> bool:
            return False

        with pytest.raises(ChildError, match="no answer within"):
            await until(never, SystemWorld(), within_ms=60, what="answer")

    asyncio.run(scene())


def test_a_busy_port_is_one_clear_line(free_port: int) -> None:
    claim_port(free_port)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port))
        holder.listen()
        with pytest.raises(PortBusyError, match=f"port {free_port} is in use"):
            claim_port(free_port)
        assert asyncio.run(answers(free_port))
    assert not asyncio.run(answers(free_port))


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    child = Child("ghost", [str(tmp_path / "none")], log=tmp_path / "log", cwd=tmp_path)
    with pytest.raises(ChildError, match="cannot run"):
        asyncio.run(child.start())
    assert os.listdir(tmp_path) == ["log"]
