"""A driver, a real broker and a simulated device, all in one virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.onvif import LockPhysicalState
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge.drivers.base import LockReported
from pleintemps_edge.drivers.building import BuildingLine
from pleintemps_edge.drivers.mqtt_lock import MqttLock
from pleintemps_edge.drivers.registry import Context, build
from pleintemps_firmware_sim.devices.mqtt_core import MqttCore
from pleintemps_firmware_sim.devices.mqtt_device import MqttDevice
from tests.support.broker import Mosquitto

from .running import Seen, running

LOCKED = LockPhysicalState.LOCKED
UNLOCKED = LockPhysicalState.UNLOCKED
FAULT = LockPhysicalState.FAULT
UNKNOWN = LockPhysicalState.UNKNOWN


async def until(truth: Callable[[], Any], within_s: float = 8.0) -> None:
    """Wait for ``truth()`` to be true."""
    async with asyncio.timeout(within_s):
        while not truth():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def at_work(coroutine: Any) -> AsyncIterator[None]:
    """``coroutine`` runs meanwhile; afterwards it is cancelled, and an error of it is raised here."""
    task = asyncio.ensure_future(coroutine)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()


@asynccontextmanager
async def a_line(port: int) -> AsyncIterator[BuildingLine]:
    line = BuildingLine("127.0.0.1", port, "test", SystemWorld())
    async with at_work(line.run()):
        yield line


@dataclass
class House:
    """The lock under test and everything around it."""

    world: ManualWorld
    broker: Mosquitto
    line: BuildingLine
    device: MqttDevice
    lock: MqttLock
    seen: Seen

    @property
    def states(self) -> list[LockPhysicalState]:
        """All that was reported of the bolt, in order."""
        return [report.state for report in self.seen.of(LockReported)]

    @property
    def health(self) -> Health | None:
        return self.seen.health[-1] if self.seen.health else None

    async def reports(self, *states: LockPhysicalState) -> None:
        """Time passes, a tenth of a second at a time, until exactly these were reported."""
        await self.passes(lambda: self.states == list(states), f"{self.states} instead of {list(states)}")

    async def passes(self, truth: Callable[[], Any], what: str = "") -> None:
        """Time passes, a tenth of a second at a time with a real turn of the network between, until it is
        true; never more than a minute.
        """
        for _ in range(600):
            if truth():
                return
            await self.world.advance(100)
            await asyncio.sleep(0.004)
        assert truth(), what

    async def still(self, milliseconds: int) -> None:
        """Time passes and the network turns."""
        for _ in range(milliseconds // 100):
            await self.world.advance(100)
            await asyncio.sleep(0.002)


@asynccontextmanager
async def house(
    mosquitto: Mosquitto, core: MqttCore, table: dict[str, Any], idle: bool = False
) -> AsyncIterator[House]:
    """Everything at work; the device is on the broker before the lock's driver begins."""
    world = ManualWorld()
    async with a_line(mosquitto.port) as line:
        context = Context(world=world, base=Path(), line=world, building=line, idle=idle)
        lock = build(table, context)
        assert isinstance(lock, MqttLock)
        device = MqttDevice(core, "127.0.0.1", mosquitto.port, world)
        async with at_work(device.run()):
            await until(device.online.is_set)
            async with running(lock) as seen:
                await until(lambda: line.online)
                yield House(world, mosquitto, line, device, lock, seen)
