"""The counterpart of every device of a configuration, put together as it says."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.ld2410 import Ld2410
from pleintemps_firmware_sim.devices.ld2450 import Ld2450
from pleintemps_firmware_sim.devices.line_faults import FaultyLine
from pleintemps_firmware_sim.devices.microphone import FULL_SCALE_DB, Microphone
from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter
from pleintemps_firmware_sim.devices.serial_core import SerialCore
from pleintemps_firmware_sim.virtual.broker import MemoryBroker
from pleintemps_firmware_sim.virtual.pins import MemoryBoard
from pleintemps_firmware_sim.virtual.serial import MemoryDevice

from .rigs import ContactRig, DoorRig, KeypadRig, PanelRig, PirRig, PressedRig
from .setup import Setup
from .wiring import Lines, TokenLine

BAUDS: Final = (2_400, 4_800, 9_600)


class House:
    """Rigs by the names of their devices (``doors``: by the door's)."""

    def __init__(self, setup: Setup, base: Path, building: MemoryBroker, world: World) -> None:
        loop = asyncio.get_running_loop()
        self.powered = True
        self.board = MemoryBoard(loop.time, self._output)
        self.doors: dict[str, DoorRig] = {}
        self.keypads: dict[str, KeypadRig] = {}
        self.contacts: dict[str, ContactRig] = {}
        self.exits: dict[str, PressedRig] = {}
        self.pirs: dict[str, PirRig] = {}
        self.panels: dict[str, PanelRig] = {}
        self.radars: dict[str, Ld2410 | Ld2450] = {}
        self.meters: dict[str, ModbusSoundMeter] = {}
        self.microphones: dict[str, Microphone] = {}
        self.tokens: dict[str, TokenLine] = {}
        self.serial: dict[str, MemoryDevice] = {}
        self.faulty: dict[str, FaultyLine] = {}
        self.levels: dict[int, int] = {}
        """What the agent drives, by pin."""
        self.lines = Lines(base)
        self._driven: list[Callable[[int, int | None], None]] = []
        self._world = world
        for name, table in setup.devices.items():
            self._device(name, setup.driver(name), table, loop)
        for door in setup.doors:
            contact = setup.devices.get(door.contact) if door.contact is not None else None
            rig = DoorRig(setup.devices.get(door.lock, {}), contact, self.board, building, world)
            self.doors[door.door] = rig
            self._driven.append(rig.wired.driven)

    def _device(self, name: str, driver: str, table: Any, loop: asyncio.AbstractEventLoop) -> None:
        board, world = self.board, self._world
        match driver:
            case "wiegand":
                self.keypads[name] = KeypadRig(table, board, world)
            case "rex":
                self.exits[name] = PressedRig(table, board, world)
            case "fire" | "tamper" | "lockdown_button":
                self.contacts[name] = ContactRig(table, board, world)
            case "pir":
                self.pirs[name] = PirRig(table, board, world)
            case "intrusion_panel":
                self.panels[name] = PanelRig(table, board, loop.call_later)
                self._driven.append(self.panels[name].driven)
            case "ld2410":
                self.radars[name] = radar = Ld2410(world.monotonic())
                self._line(name, table, radar, sparse=True)
            case "ld2450":
                self.radars[name] = tracker = Ld2450(world.monotonic())
                self._line(name, table, tracker, sparse=True)
            case "modbus_sound" if table.get("baud", 4_800) in BAUDS:
                self.meters[name] = meter = ModbusSoundMeter(
                    baud=table.get("baud", 4_800), address=table.get("address", 1)
                )
                self._line(name, table, meter, sparse=False)
            case "i2s_microphone":
                self.microphones[name] = Microphone(
                    world.random_bytes,
                    rate=table.get("rate", 48_000),
                    form=table.get("format", "S32_LE"),
                    channels=table.get("channels", 1),
                    channel=table.get("channel", 1) - 1,
                    full_scale_db=table.get("full_scale_db", FULL_SCALE_DB),
                )
            case "token_reader":
                self.tokens[name] = TokenLine()
                self._line(name, table, self.tokens[name], sparse=False)

    def _line(self, name: str, table: Any, core: SerialCore, *, sparse: bool) -> None:
        self.faulty[name] = FaultyLine(core)
        self.serial[name] = device = MemoryDevice(self.faulty[name], self._world, sparse=sparse)
        self.lines.add(str(table["port"]), device)
        device.plug()

    def _output(self, pin: int, level: int, _tick: int) -> None:
        self.levels[pin] = level
        for driven in self._driven:
            driven(pin, level if self.powered else None)
