"""What hangs on the agent during a self test: the conformance bench's house, and what that one leaves out."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.commissioning import Chip
from pleintemps_contract.world import World
from pleintemps_firmware_sim.conform.house import House
from pleintemps_firmware_sim.conform.rigs import KeypadRig
from pleintemps_firmware_sim.conform.setup import Setup
from pleintemps_firmware_sim.devices.ds3231 import Ds3231
from pleintemps_firmware_sim.devices.kernel_rtc import RD_TIME, KernelRtc
from pleintemps_firmware_sim.devices.line_faults import FaultyLine
from pleintemps_firmware_sim.devices.lock import Bolt
from pleintemps_firmware_sim.devices.osdp import OsdpReader
from pleintemps_firmware_sim.devices.serial_core import SerialCore
from pleintemps_firmware_sim.virtual.broker import MemoryBroker
from pleintemps_firmware_sim.virtual.serial import MemoryDevice

RTC: Final = "agent.rtc"
_TIME_BYTES: Final = 36
_ENERGISED_S: Final = 0.5
"""A magnet holds by then."""


class OsdpLine:
    """An OSDP reader whose answers are due as soon as it has heard something."""

    def __init__(self, reader: OsdpReader) -> None:
        self.reader = reader
        self._due: int | None = None
        self._out: deque[bytes] = deque()

    def receive(self, data: bytes, now: int) -> None:
        self.reader.receive(data, now)
        if answer := self.reader.transmit(now):
            self._out.append(answer)
            self._due = now

    def transmit(self, now: int) -> bytes:
        sent = b"".join(self._out)
        self._out.clear()
        self._due = None
        return sent

    def due(self) -> int | None:
        return self._due


class Kit(House):
    """:class:`House` with radars that report ten times a second, OSDP readers and a clock chip.

    ``dark`` are outputs that do nothing, ``quiet`` devices on which no hand has an effect.
    """

    def __init__(self, setup: Setup, base: Path, building: MemoryBroker, world: World, key: bytes) -> None:
        self.readers: dict[str, OsdpReader] = {}
        self.lights: dict[str, Any] = {}
        self.dark: set[str] = set()
        self.quiet: set[str] = set()
        self.off_db: dict[str, float] = {}
        """What calibrators seem to be louder at a device."""
        self.uncut: set[str] = set()
        """Magnets whose supply no contact cuts."""
        self._key = key
        self._tables = setup.devices
        self._building = building
        self.chip = Ds3231(world.now(), world.monotonic())
        super().__init__(setup, base, building, world)
        self.kernel = KernelRtc(self.chip, world.monotonic)
        self.chip_answers = True

    def _device(self, name: str, driver: str, table: Any, loop: asyncio.AbstractEventLoop) -> None:
        super()._device(name, driver, table, loop)
        if driver == "osdp":
            self.readers[name] = OsdpReader(self._key, address=int(table.get("address", 0)))
            self._line(name, table, OsdpLine(self.readers[name]), sparse=False)
        elif driver == "warning_light":
            self.lights[name] = table

    def _line(self, name: str, table: Any, core: SerialCore, *, sparse: bool) -> None:
        self.faulty[name] = FaultyLine(core)
        self.serial[name] = device = MemoryDevice(self.faulty[name], self._world, sparse=False)
        self.lines.add(str(table["port"]), device)
        device.plug()

    def lit(self, name: str) -> bool:
        """Whether a warning light shines."""
        table = self.lights[name]
        on = int(table.get("energise", "high") == "high")
        return name not in self.dark and self.levels.get(int(table["pin"])) == on

    def shows(self, table: Any) -> bool:
        """Whether a Wiegand reader's lamp or sounder is on."""
        on = int(table.get("active", "low") == "high")
        pins = [table[key] for key in ("led", "led_green", "buzzer") if key in table]
        return any(self.levels.get(int(pin)) == on for pin in pins)

    def change_over(self, name: str) -> None:
        """Somebody has mixed up the two data wires of a keypad."""
        table = self._tables[name]
        crossed = {**table, "d0": table["d1"], "d1": table["d0"]}
        self.keypads[name] = KeypadRig(crossed, self.board, self._world)

    def jam(self, door: str) -> None:
        """Its bolt stays where it holds the door."""
        asyncio.get_running_loop().call_later(_ENERGISED_S, self.doors[door].jam, True)

    def loosen(self, door: str) -> None:
        """Its bolt never holds the door."""
        rig = self.doors[door]
        rig.way.lock.bolt = Bolt.IN
        rig.jam(True)

    def cut_radio(self, door: str) -> None:
        """Its lock hears nothing any more."""
        lock = self.doors[door].broker
        assert lock is not None
        self._building.locks.remove(lock)

    def set_chip(self, off_ms: int) -> None:
        """Its clock chip is wrong."""
        self.chip.set_time(self._world.now() + off_ms, self._world.monotonic())

    def read_chip(self) -> Chip:
        """The clock chip as the kernel gives it."""
        if not self.chip_answers:
            return Chip(None, "chip-silent")
        try:
            told = self.kernel.ioctl(RD_TIME, bytes(_TIME_BYTES))
        except OSError:
            return Chip(None, "chip-stopped")
        return Chip(unpack(told))


def unpack(told: bytes) -> int:
    """Unix ms of a ``struct rtc_time``."""
    import calendar
    import struct

    second, minute, hour, day, month, year = struct.unpack("9i", told)[:6]
    return 1_000 * calendar.timegm((year + 1900, month + 1, day, hour, minute, second))
