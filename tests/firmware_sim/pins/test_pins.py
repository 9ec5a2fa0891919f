"""Pins over the socket: gpiozero's own devices in another process see and drive the simulator's board."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from gpiozero import Device

from pleintemps_firmware_sim.errors import PinsError
from pleintemps_firmware_sim.pins.board import Board, tick_now
from pleintemps_firmware_sim.pins.factory import SocketFactory


class Agent:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the agent ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def order(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def _agent(socket: Path) -> Agent:
    environment = os.environ | {"GPIOZERO_PIN_FACTORY": "pleintemps", "PLEINTEMPS_PINS": str(socket)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.firmware_sim.pins.agent",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        cwd=Path(__file__).parents[3],
    )
    return Agent(process)


def _with_agent(folder: Path, scene: Callable[[Board, Agent], Awaitable[None]], **levels: int) -> None:
    async def run() -> None:
        board = Board(folder / "pins")
        for name, level in levels.items():
            board.drive(int(name.removeprefix("pin")), level)
        await board.start()
        agent = await _agent(folder / "pins")
        try:
            await scene(board, agent)
        finally:
            await agent.end()
            await board.stop()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_levels_are_there_before_the_first_read(tmp_path: Path) -> None:
    async def scene(board: Board, agent: Agent) -> None:
        assert await agent.heard() == {"ready": True, "motion": 1, "d0": 1, "strike": 0}

    _with_agent(tmp_path, scene, pin17=1, pin23=1, pin24=1)


def test_edges_carry_their_own_ticks_and_outputs_are_seen(tmp_path: Path) -> None:
    async def scene(board: Board, agent: Agent) -> None:
        await agent.heard()
        start = tick_now()
        board.drive_edges([(23, 0, start), (23, 1, start + 100_000), (24, 0, start + 1_000_000)])
        seen = [await agent.heard() for _ in range(3)]
        assert [(edge["line"], edge["level"]) for edge in seen] == [("d0", 0), ("d0", 1), ("d1", 0)]
        gaps = [round((edge["tick"] - seen[0]["tick"]) * 1e9, -3) for edge in seen]
        assert gaps == [0, 100_000, 1_000_000]
        board.drive(17, 1)
        assert await agent.heard() == {"motion": 1}
        agent.order("on")
        await board.wait_for(lambda it: it.level(27) == 1)
        agent.order("off")
        await board.wait_for(lambda it: it.level(27) == 0)

    _with_agent(tmp_path, scene, pin17=0, pin23=1, pin24=1)


def test_an_agent_that_starts_anew_finds_its_output_as_it_was(tmp_path: Path) -> None:
    async def scene(board: Board, agent: Agent) -> None:
        await agent.heard()
        agent.order("on")
        await board.wait_for(lambda it: it.level(27) == 1)
        await agent.end()
        await board.wait_for(lambda it: not it.connected)
        second = await _agent(tmp_path / "pins")
        assert (await second.heard())["strike"] == 1
        await second.end()

    _with_agent(tmp_path, scene)


def test_a_simulator_that_goes_and_returns(tmp_path: Path) -> None:
    async def scene(board: Board, agent: Agent) -> None:
        await agent.heard()
        agent.order("on")
        await board.wait_for(lambda it: it.level(27) == 1)
        await board.stop()
        second = Board(tmp_path / "pins")
        second.drive(17, 1)
        await second.start()
        assert await agent.heard() == {"motion": 1}, "what changed meanwhile is an edge now"
        await second.wait_for(lambda it: it.level(27) == 1)
        await second.stop()

    _with_agent(tmp_path, scene, pin17=0)


def test_no_simulator_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "pleintemps")
    monkeypatch.setenv("PLEINTEMPS_PINS", str(tmp_path / "nothing"))
    with pytest.raises(PinsError, match="nothing"):
        Device._default_pin_factory()
    monkeypatch.delenv("PLEINTEMPS_PINS")
    with pytest.raises(PinsError, match="PLEINTEMPS_PINS"):
        SocketFactory()


def test_nobody_is_served_any_more_once_it_has_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        board = Board(tmp_path / "pins")
        await board.start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "pins")
        await reader.readline()
        assert len(asyncio.all_tasks()) == 2
        await board.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        writer.close()

    asyncio.run(story())
