"""The running building: boards, serial ports, doors and rooms, moved by one clock."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pleintemps_contract.world import SystemWorld, World
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.pins.board import Board

from .configs import meter_link, radar_link
from .doorpost import DoorPost
from .plan import Plan
from .rooms import Occupant, Room

_TICK_MS: Final = 100


def pins_socket(sockets: Path, agent: str) -> Path:
    """Where the pins of one agent's board are reached."""
    return sockets / f"pins-{agent}"


class Building:
    """Everything an agent could touch, sense or hear. Use as an asynchronous context manager."""

    def __init__(self, plan: Plan, world: World, *, sockets: Path, ports: Path) -> None:
        self.plan = plan
        self.world = world
        now = world.monotonic()
        self.boards = {
            agent: Board(pins_socket(sockets, agent), self._follower(agent)) for agent in plan.agents
        }
        self.doors = {
            door.door: DoorPost(door, self.boards[door.agent], world, SystemWorld()) for door in plan.doors
        }
        self.rooms = {room.space: Room(room, now) for room in plan.rooms}
        self.serial: dict[str, SerialDevice] = {}
        for room in self.rooms.values():
            space = room.plan.space
            if room.radar is not None:
                self.serial[radar_link(space)] = SerialDevice(room.radar, ports / radar_link(space), world)
            if room.meter is not None:
                self.serial[meter_link(space)] = SerialDevice(room.meter, ports / meter_link(space), world)
        self.on_light: Callable[[str, bool], None] | None = None
        """Called with the space whose warning light goes on or off."""
        self._lit: dict[str, bool] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Building":
        for door in self.doors.values():
            door.wire()
        self._sense()
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

    def door(self, name: str) -> DoorPost:
        """Raises ControlError for a name that no door has."""
        try:
            return self.doors[name]
        except KeyError:
            raise ControlError(f"no door {name!r}: there are {', '.join(self.doors)}") from None

    def room(self, name: str) -> Room:
        """Raises ControlError for a name that no room has."""
        try:
            return self.rooms[name]
        except KeyError:
            raise ControlError(f"no room {name!r}: there are {', '.join(self.rooms)}") from None

    def device(self, name: str) -> SerialDevice:
        """A serial device; raises ControlError for a name that none has."""
        try:
            return self.serial[name]
        except KeyError:
            raise ControlError(f"no serial device {name!r}: there are {', '.join(self.serial)}") from None

    @contextmanager
    def inside(self, space: str, who: str, occupant: Occupant) -> Iterator[Occupant]:
        """``who`` is in ``space`` for as long as the block lasts."""
        room = self.room(space)
        room.occupants[who] = occupant
        try:
            yield occupant
        finally:
            del room.occupants[who]

    def light_driven(self, space: str, lit: bool) -> None:
        """The agent drives the warning light of ``space``, dark before."""
        if self._lit.get(space, False) is lit:
            return
        self._lit[space] = lit
        if self.on_light is not None:
            self.on_light(space, lit)

    def _follower(self, agent: str) -> "Follower":
        return Follower(self, agent)

    def _sense(self) -> None:
        now = self.world.monotonic()
        for room in self.rooms.values():
            self.boards[room.plan.agent].drive(room.plan.pir_pin, room.advance(now))

    async def _live(self) -> None:
        while True:
            self._sense()
            await self.world.sleep_until(self.world.monotonic() + _TICK_MS)


class Follower:
    """Hands an agent's outputs to the locks and lights that hang on them."""

    def __init__(self, building: Building, agent: str) -> None:
        self._building = building
        self._agent = agent

    def __call__(self, pin: int, level: int, _tick: int) -> None:
        for door in self._building.doors.values():
            if door.plan.agent == self._agent and door.plan.lock_pin == pin:
                door.lock_driven(level)
        for room in self._building.rooms.values():
            if room.plan.agent == self._agent and room.plan.light_pin == pin:
                self._building.light_driven(room.plan.space, bool(level))
