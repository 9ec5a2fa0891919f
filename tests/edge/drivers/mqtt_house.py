"""A driver, a real broker and a simulated device, all in one virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.onvif import LockPhysicalState
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge.drivers.base import LockReported
from pleintemps_edge.drivers.building import BuildingBroker, BuildingLine
from pleintemps_edge.drivers.mqtt_lock import MqttLock
from pleintemps_edge.drivers.registry import Context, build
from pleintemps_firmware_sim.devices.mqtt_core import MqttCore, Said
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
            await asyncio.sleep(0.001)


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
    line = BuildingLine(BuildingBroker("127.0.0.1", port), "test", SystemWorld())
    async with at_work(line.run()):
        yield line


class Echo:
    """A device that also answers the test: all that was said to it before has arrived by then."""

    def __init__(self, core: MqttCore) -> None:
        self._core = core
        self._echoes: list[Said] = []

    @property
    def will(self) -> Said:
        return self._core.will

    @property
    def filters(self) -> tuple[str, ...]:
        return (*self._core.filters, "test/call")

    def connected(self, now: int) -> None:
        self._core.connected(now)

    def receive(self, topic: str, payload: bytes, now: int) -> None:
        if topic == "test/call":
            self._echoes.append(Said("test/echo", payload))
        else:
            self._core.receive(topic, payload, now)

    def transmit(self, now: int) -> list[Said]:
        echoes, self._echoes = self._echoes, []
        return [*self._core.transmit(now), *echoes]

    def due(self) -> int | None:
        return self._core.due()


@dataclass
class House:
    """The lock under test and everything around it."""

    world: ManualWorld
    broker: Mosquitto
    line: BuildingLine
    device: MqttDevice
    lock: MqttLock
    seen: Seen
    calls: int = 0
    echo: int = 0

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
        """Time passes until it is true; never more than a minute."""
        for _ in range(600):
            if truth():
                return
            await self.still(100)
        assert truth(), what

    async def still(self, milliseconds: int) -> None:
        """Time passes in small steps; in between all that was said arrives."""
        step = 100 if milliseconds < 3_000 else 500
        for _ in range(milliseconds // step):
            await self.world.advance(step)
            await self._arrive()

    async def broker_dies(self) -> None:
        self.broker.kill()
        await until(lambda: not self.line.online and not self._there)

    async def broker_returns(self) -> None:
        self.broker.start()
        await until(lambda: self.line.online and self._there)

    async def _arrive(self) -> None:
        """To the device and back, where there is a way."""
        if self.device.online.is_set() and self.line.online:
            self.calls += 1
            self.line.publish("test/call", b"%d" % self.calls)
            await until(lambda: self.echo == self.calls or not self.line.online or not self._there)

    @property
    def _there(self) -> bool:
        return self.device.online.is_set()

    def hear_echo(self, _topic: str, payload: bytes, _retained: bool) -> None:
        self.echo = int(payload)


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
        device = MqttDevice(Echo(core), "127.0.0.1", mosquitto.port, world)
        async with at_work(device.run()):
            await until(device.online.is_set)
            async with spy(mosquitto.port, "test/echo") as echoes:
                await say(mosquitto.port, "test/call", b"0")
                await until(lambda: echoes)  # by now the broker has all that it says at the start
            async with running(lock) as seen:
                await until(lambda: line.online)
                it = House(world, mosquitto, line, device, lock, seen)
                line.subscribe("test/echo", it.hear_echo)
                yield it


@asynccontextmanager
async def spy(port: int, topic: str) -> AsyncIterator[list[bytes]]:
    """All payloads that come by on ``topic`` meanwhile."""
    heard: list[bytes] = []
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(topic, 1)

        async def listen() -> None:
            async for message in client.messages:
                heard.append(bytes(message.payload))

        async with at_work(listen()):
            yield heard


async def say(port: int, topic: str, payload: bytes, retain: bool = False) -> None:
    """Somebody else publishes."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(topic, payload, 1, retain)
