"""One device alone inside a test: made from its command line, obeying lines."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pleintemps_contract.world import SystemWorld, World
from pleintemps_firmware_sim.device_cli import add_device
from pleintemps_firmware_sim.devices.alone.registry import Alone


def made(*arguments: str, world: World | None = None) -> Alone:
    """The device of ``pleintemps-sim device ARGUMENTS``, not running yet."""
    parser = argparse.ArgumentParser()
    add_device(parser.add_subparsers())
    options = parser.parse_args(["device", *arguments])
    device: Alone = options.kind.make(options, world or SystemWorld())
    return device


@asynccontextmanager
async def running(device: Alone) -> AsyncIterator[None]:
    """``device`` lives, and can be reached, as long as the block lasts."""
    reached = asyncio.Event()
    task = asyncio.ensure_future(device.run(reached.set))
    came = asyncio.ensure_future(reached.wait())
    try:
        await asyncio.wait((task, came), return_when=asyncio.FIRST_COMPLETED)
        if not reached.is_set():
            task.result()
        yield
    finally:
        for each in (task, came):
            each.cancel()
        await asyncio.gather(task, came, return_exceptions=True)
