"""The running building on wires that processes reach: pins on sockets, serial lines on pseudo-terminals."""

import asyncio
from pathlib import Path
from typing import Final

from pleintemps_contract.world import SystemWorld, World
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.devices.serial_core import SerialCore
from pleintemps_firmware_sim.pins.board import Board, OnOutput

from .house import House
from .plan import Plan

_TICK_MS: Final = 100


def pins_socket(sockets: Path, agent: str) -> Path:
    """Where the pins of one agent's board are reached."""
    return sockets / f"pins-{agent}"


class _Wiring:
    """The machine's own sockets, terminals and clock."""

    def __init__(self, sockets: Path, ports: Path) -> None:
        self.host: World = SystemWorld()
        self._sockets = sockets
        self._ports = ports

    def board(self, agent: str, on_output: OnOutput) -> Board:
        return Board(pins_socket(self._sockets, agent), on_output)

    def device(self, link: str, core: SerialCore, world: World) -> SerialDevice:
        return SerialDevice(core, self._ports / link, world)


class Building(House[Board, SerialDevice]):
    """Everything an agent could touch, sense or hear. Use as an asynchronous context manager."""

    def __init__(self, plan: Plan, world: World, *, sockets: Path, ports: Path) -> None:
        super().__init__(plan, world, _Wiring(sockets, ports))
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Building":
        self.wire()
        for board in self.boards.values():
            await board.start()
        for device in self.serial.values():
            device.link.plug()
        self._tasks = [asyncio.create_task(device.run()) for device in self.serial.values()]
        self._tasks += [asyncio.create_task(door.run()) for door in self.doors.values()]
        self._tasks.append(asyncio.create_task(self._live()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for board in self.boards.values():
            await board.stop()

    def sense(self) -> None:
        super().sense()
        for space, bias in self.biases.items():
            if (meter := self.rooms[space].meter) is not None:
                meter.hear(bias(self.rooms[space].level))
        for space, scene in self.frozen.items():
            if (radar := self.rooms[space].radar) is not None:
                radar.see(scene)

    async def _live(self) -> None:
        while True:
            self.sense()
            await self.world.sleep_until(self.world.monotonic() + _TICK_MS)
