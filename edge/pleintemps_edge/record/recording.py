"""``pleintemps-edge record``: the agent as it runs anyway, and its recording."""

import asyncio
import contextlib
import gc
from pathlib import Path
from typing import Final

from pleintemps_contract.clockconfig import open_world
from pleintemps_contract.world import SystemWorld, World
from pleintemps_edge.agent import Agent
from pleintemps_edge.config import Setup

from .recorder import Recorder
from .sink import Sink

MIB: Final = 2**20


async def record(setup: Setup, stop: asyncio.Event, out: Path, *, limit_mib: int, for_s: float | None) -> int:
    """Run the agent of ``setup`` until ``stop`` or for ``for_s`` seconds; the number of lines that are lost.

    Raises RecordError for a file that cannot be made, EdgeError or ContractError as the agent does.
    """
    world: World = open_world(setup.config.clock, setup.base, setup.keys.purpose)
    line_world = SystemWorld()
    sink = Sink(out, limit_mib * MIB)
    try:
        recorder = Recorder(setup, sink, line_world, world.now)
        agent = Agent(setup, world, line_world, tap=recorder.tap)
        gc.collect()
        gc.freeze()
        end = None if for_s is None else line_world.monotonic() + round(for_s * 1000)
        await follow(agent, recorder, stop, line_world, end)
    finally:
        sink.close()
    return sink.lost


async def follow(
    agent: Agent, recorder: Recorder, stop: asyncio.Event, world: World, end: int | None
) -> None:
    """Run and record ``agent`` until ``stop``, or until ``world``'s monotonic time is ``end``."""
    recorder.begin(agent.parts)
    ended = asyncio.Event()
    running = asyncio.create_task(agent.run(ended))
    writing = asyncio.create_task(recorder.run())
    waiting: list[asyncio.Task[object]] = [asyncio.create_task(stop.wait())]
    if end is not None:
        waiting.append(asyncio.create_task(_until(world, end)))
    try:
        await asyncio.wait({running, writing, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            await writing
    finally:
        for task in (writing, *waiting):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        if not running.done():
            await recorder.end()
        ended.set()
        await running


async def _until(world: World, end: int) -> None:
    await world.sleep_until(end)
