"""An OSDP reader on a pseudo-terminal and its driver, in real time: libosdp counts in the machine's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pleintemps_contract.keyfiles import write_secret
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.drivers.osdp import Osdp
from pleintemps_edge.drivers.registry import Context
from pleintemps_firmware_sim.devices.osdp import OsdpReader
from pleintemps_firmware_sim.devices.pty import SerialDevice

from .running import Seen, built, running

KEY = bytes.fromhex("8f1e2d3c4b5a69788796a5b4c3d2e1f0")
READER: dict[str, Any] = {
    "device": "hall-reader",
    "driver": "osdp",
    "port": "reader",
    "key_file": "reader.key",
    "address": 65,
}


class Heard(OsdpReader):
    """Counts the commands that reach the reader, and the first ones of a connection among them."""

    commands = 0
    begins = 0

    def receive(self, data: bytes, now: int) -> None:
        self.commands += 1
        self.begins += data.startswith(bytes.fromhex("ff5341 0900 04 61"))
        super().receive(data, now)


@contextlib.asynccontextmanager
async def plugged(reader: OsdpReader, link: Path) -> AsyncIterator[SerialDevice]:
    """``reader`` on a pseudo-terminal that ``link`` leads to."""
    device = SerialDevice(reader, link, SystemWorld())
    task = asyncio.create_task(device.run())
    try:
        while not link.is_symlink() and not task.done():
            await asyncio.sleep(0)
        yield device
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass
class Scene:
    """A driver and its reader, both alive."""

    reader: OsdpReader
    device: SerialDevice
    driver: Osdp
    seen: Seen

    async def until(self, truth: Callable[[], Any]) -> None:
        """Return when ``truth()`` holds; TimeoutError if it does not come true."""
        async with asyncio.timeout(20):
            while not truth():
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def scene(context: Context, reader: OsdpReader, key: bytes = KEY, **table: Any) -> AsyncIterator[Scene]:
    """``reader`` and the driver with ``key``; both end with the block."""
    write_secret(context.base / "reader.key", key.hex().encode() + b"\n")
    real = replace(context, world=SystemWorld(), line=SystemWorld())
    driver = built(real, Osdp, **READER | table)
    async with plugged(reader, context.base / "reader") as device, running(driver) as seen:
        yield Scene(reader, device, driver, seen)
