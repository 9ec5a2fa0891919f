"""Devices' cores on the pins, serial lines and brokers of the bench, each on timers of the loop alone."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from pleintemps_contract.cores import Delivered
from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.mqtt_core import MqttCore
from pleintemps_firmware_sim.devices.pins_core import PinsCore
from pleintemps_firmware_sim.virtual.broker import MemoryBroker, matches
from pleintemps_firmware_sim.virtual.pins import MemoryBoard
from pleintemps_firmware_sim.virtual.serial import MemoryDevice, MemoryPort

_LINE_END: Final = b"\r\n"


class Wired:
    """A core whose lines hang on ``pins`` of the board; ``flipped`` lines read the other way round."""

    def __init__(
        self,
        core: PinsCore,
        pins: Mapping[str, int],
        board: MemoryBoard,
        world: World,
        flipped: Collection[str] = (),
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """``moved`` is called after whatever the core may have done."""
        self._core = core
        self._pins = dict(pins)
        self._board = board
        self._world = world
        self._flipped = frozenset(flipped)
        self._moved = moved
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._outputs = {pins[line]: line for line in ("drive",) if line in pins}

    def wire(self) -> None:
        """Levels before there is an agent."""
        for line, level in self._core.levels().items():
            if line in self._pins and line != "drive":
                self._board.drive(self._pins[line], self._level(line, level))

    def poke(self) -> None:
        """Something was done to the core."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        edges = [
            (self._pins[edge.line], self._level(edge.line, edge.level), edge.at_ns)
            for edge in self._core.edges(self._world.monotonic())
            if edge.line in self._pins
        ]
        self._board.drive_edges(edges)
        self._moved()
        if (due := self._core.due()) is not None:
            self._timer = self._loop.call_at(due / 1000, self.poke)

    def driven(self, pin: int, level: int | None) -> None:
        """The agent drives ``pin``, maybe one of ours; None: it has no power, and switches nothing on."""
        if (line := self._outputs.get(pin)) is not None:
            on = 0 if level is None else self._level(line, level)
            self._core.driven(line, on, self._world.monotonic())
            self.poke()

    def _level(self, line: str, level: int) -> int:
        return 1 - level if line in self._flipped else level


class OnBroker:
    """A lock that speaks MQTT, on the building's broker; ``moved`` is called after whatever it does."""

    def __init__(self, core: MqttCore, broker: MemoryBroker, world: World, moved: Callable[[], None]) -> None:
        self._core = core
        self._broker = broker
        self._world = world
        self._moved = moved
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        broker.locks.append(self)
        core.connected(world.monotonic())
        self.poke()

    def wants(self, topic: str) -> bool:
        return any(matches(wanted, topic) for wanted in self._core.filters)

    def deliver(self, message: Delivered) -> None:
        self._core.receive(message.topic, message.payload, self._world.monotonic())
        self.poke()

    def poke(self) -> None:
        """Something was done to the core, or is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for said in self._core.transmit(self._world.monotonic()):
            if self._broker.up:
                self._broker.publish(said.topic, said.payload, said.retain)
        self._moved()
        if (due := self._core.due()) is not None:
            self._timer = self._loop.call_at(due / 1000, self.poke)


class TokenLine:
    """A reader that sends what it reads as lines of text: a serial core."""

    def __init__(self) -> None:
        self._out: deque[tuple[int, bytes]] = deque()

    def present(self, text: str, now: int) -> None:
        """Hold a code or tag before it."""
        self._out.append((now, text.encode() + _LINE_END))

    def receive(self, data: bytes, now: int) -> None:
        """It hears nothing."""

    def transmit(self, now: int) -> bytes:
        sent = b""
        while self._out and self._out[0][0] <= now:
            sent += self._out.popleft()[1]
        return sent

    def due(self) -> int | None:
        return self._out[0][0] if self._out else None


class Lines:
    """The serial lines of the bench, by the path that the configuration gives."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self.devices: dict[Path, MemoryDevice] = {}

    def add(self, port: str, device: MemoryDevice) -> None:
        self.devices[self._base / port] = device

    def open(
        self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> MemoryPort:
        """Raises OSError."""
        device = self.devices.get(port)
        if device is None:
            raise OSError("No such file or directory")
        return device.open(take, lost)
