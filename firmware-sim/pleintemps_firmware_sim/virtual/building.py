"""The building of a play: nothing here runs while nothing changes."""

import asyncio
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.ld2410 import Ld2410
from pleintemps_firmware_sim.devices.serial_core import SerialCore
from pleintemps_firmware_sim.pins.board import OnOutput
from pleintemps_firmware_sim.scenario.configs import radar_link
from pleintemps_firmware_sim.scenario.house import House
from pleintemps_firmware_sim.scenario.plan import Plan
from pleintemps_firmware_sim.scenario.rooms import Occupant

from .loop import VirtualLoop
from .pins import MemoryBoard
from .serial import MemoryDevice

_DRIFT_MS: Final = 10_000
_STIR_MS: Final = 1_000
"""Somebody who moves is seen again after so long, well within a motion sensor's hold."""


class _Wiring:
    """Pins and lines in memory."""

    def __init__(self, world: World, loop: VirtualLoop) -> None:
        self.host = world
        self._loop = loop

    def board(self, agent: str, on_output: OnOutput) -> MemoryBoard:
        return MemoryBoard(self._loop.time, on_output)

    def device(self, link: str, core: SerialCore, world: World) -> MemoryDevice:
        return MemoryDevice(core, world, sparse=isinstance(core, Ld2410))


class VirtualBuilding(House[MemoryBoard, MemoryDevice]):
    """Senses a room when somebody comes, goes, moves or is loud, and when a sensor changes by itself."""

    def __init__(self, plan: Plan, world: World, loop: VirtualLoop) -> None:
        super().__init__(plan, world, _Wiring(world, loop))
        self._loop = loop
        self._looks: dict[str, asyncio.TimerHandle] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Power for everything but the agents."""
        self.wire()
        for device in self.serial.values():
            device.plug()
        self._tasks = [asyncio.create_task(door.run()) for door in self.doors.values()]

    async def end(self) -> None:
        """Nothing moves any more."""
        for look in self._looks.values():
            look.cancel()
        for device in self.serial.values():
            device.unplug()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def occupy(self, space: str, who: str, occupant: Occupant | None) -> None:
        """Who is where, and how; raises ControlError."""
        room = self.room(space)
        if occupant is None:
            room.occupants.pop(who, None)
        else:
            room.occupants[who] = occupant
        self.look(space)

    def look(self, space: str) -> None:
        """Let the devices of a room sense it, now and whenever that will bring something new."""
        if (before := self._looks.pop(space, None)) is not None:
            before.cancel()
        room = self.room(space)
        now = self.world.monotonic()
        seen = room.radar.scene if room.radar is not None else None
        self.boards[room.plan.agent].drive(room.plan.pir_pin, room.advance(now))
        if room.radar is not None:
            room.radar.see(self.frozen.get(space, room.radar.scene))
            if room.radar.scene is not seen and room.radar.scene != seen:
                self.serial[radar_link(space)].poke()
        due = room.pir.due(now)
        if (bias := self.biases.get(space)) is not None and room.meter is not None:
            room.meter.hear(bias(room.level))
            due = now + _DRIFT_MS if due is None else min(due, now + _DRIFT_MS)
        if any(one.moving for one in room.occupants.values()):
            due = now + _STIR_MS if due is None else min(due, now + _STIR_MS)
        if due is not None:
            self._looks[space] = self._loop.call_at(due / 1000, self.look, space)
