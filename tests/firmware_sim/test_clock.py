"""The clock's server, followed by the contract's own client."""

import asyncio
from pathlib import Path

import pytest

from pleintemps_contract.simclock import SimulatedWorld
from pleintemps_firmware_sim.clock import ClockServer

START = 1_513_936_181_000


async def _until(condition: object) -> None:
    while not condition():  # type: ignore[operator]
        await asyncio.sleep(0.005)


def test_speed_step_and_pause_reach_a_follower(tmp_path: Path) -> None:
    async def scene() -> None:
        server = ClockServer(tmp_path / "clock", now=START, speed=0)
        await server.start()
        world = await asyncio.to_thread(SimulatedWorld, tmp_path / "clock")
        assert (world.now(), world.monotonic(), world.source) == (START, 0, "simulated")
        waking = asyncio.create_task(world.sleep_until(60_000))
        server.step(60_000)
        await waking
        assert (world.now(), world.monotonic(), server.now()) == (START + 60_000, 60_000, START + 60_000)
        server.set_speed(1_000)
        await world.sleep_until(90_000)
        server.pause()
        stood = server.now()
        assert stood >= START + 90_000
        await _until(lambda: world.now() == stood)
        await server.stop()
        assert not (tmp_path / "clock").exists()

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_time_does_not_run_backwards(tmp_path: Path) -> None:
    async def scene() -> None:
        server = ClockServer(tmp_path / "clock", now=START)
        await server.start()
        with pytest.raises(ValueError, match="backwards"):
            server.set_speed(-1)
        with pytest.raises(ValueError, match="backwards"):
            server.step(-1)
        await server.stop()

    asyncio.run(scene())
