"""One device alone inside a test: made from its command line, obeying lines."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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
async def running(device: Alone, link: Path) -> AsyncIterator[None]:
    """``device`` lives, and ``link`` is there, as long as the block lasts."""
    task = asyncio.ensure_future(device.run())
    try:
        while not link.exists():
            if task.done():
                task.result()
            await asyncio.sleep(0)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
