"""Serial lines in memory: a device's firmware on one end, an agent's driver on the other."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.serial_core import SerialCore

SPARSE_MS: Final = 1_000
"""A device that reports by itself does so this often in virtual time, and at every change."""


class MemoryPort:
    """The agent's end of one line."""

    def __init__(
        self, device: "MemoryDevice", take: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        self._device = device
        self.take = take
        self.lost = lost

    def write(self, data: bytes) -> None:
        if self._device.port is not self:
            raise OSError("Input/output error")
        self._device.received(data)

    def in_place(self) -> str:
        return "" if self._device.port is self else "the port was replaced"

    def close(self) -> None:
        if self._device.port is self:
            self._device.port = None


class MemoryDevice:
    """One core on one line, with timers of the loop instead of a task."""

    def __init__(self, core: SerialCore, world: World, *, sparse: bool) -> None:
        """``sparse``: reports at changes (:meth:`poke`) and once a second, instead of ten times."""
        self.core = core
        self.port: MemoryPort | None = None
        self.plugged = False
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._sparse = sparse
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0
        self.garble: Callable[[bytes], bytes] | None = None
        """What the line makes of bytes to the agent."""
        self.piece = 0
        """Bytes to the agent arrive so many at a time; 0 is all at once."""
        self.gap_ms = 0
        self._headless = False

    def plug(self) -> None:
        """Put the plug in."""
        self.plugged = True
        self.poke()

    def unplug(self) -> None:
        """Pull it: the agent's port is gone."""
        self.plugged = False
        port, self.port = self.port, None
        if port is not None:
            port.lost("Input/output error")
        self._stop()

    def begin_within_a_frame(self) -> None:
        """What is sent next is the end of a frame."""
        self._headless = True

    def open(self, take: Callable[[bytes], None], lost: Callable[[str], None]) -> MemoryPort:
        """Raises OSError."""
        if not self.plugged:
            raise OSError("No such file or directory")
        if self.port is not None:
            raise OSError("Device or resource busy")
        self.port = MemoryPort(self, take, lost)
        return self.port

    def received(self, data: bytes) -> None:
        """Bytes from the agent."""
        self.core.receive(data, self._world.monotonic())
        self._arm()

    def poke(self) -> None:
        """The core was changed from outside: it reports at its next moment."""
        self._sent = 0
        self._arm()

    def _arm(self) -> None:
        due = self.core.due() if self.plugged else None
        if due is None:
            self._stop()
            return
        if self._sparse and self._sent:
            due = max(due, self._sent + SPARSE_MS)
        if self._timer is not None:
            if self._at == due:
                return
            self._timer.cancel()
        self._at = due
        self._timer = self._loop.call_at(due / 1000, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._world.monotonic()
        data = self.core.transmit(now)
        if data:
            self._sent = now
            self._send(data)
        self._arm()

    def _send(self, data: bytes) -> None:
        port = self.port
        if port is None:
            return
        if self._headless:
            self._headless = False
            data = data[len(data) // 2 :]
        if self.garble is not None:
            data = self.garble(data)
        if not self.piece:
            port.take(data)
            return
        for place in range(0, len(data), self.piece):
            after = self.gap_ms * (place // self.piece) / 1000
            self._loop.call_later(after, self._take, port, data[place : place + self.piece])

    def _take(self, port: MemoryPort, data: bytes) -> None:
        if self.port is port:
            port.take(data)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class MemoryWires:
    """All lines of a building, by the names of their ports."""

    def __init__(self, devices: dict[str, MemoryDevice]) -> None:
        self._devices = devices

    def open(
        self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> MemoryPort:
        """Raises OSError."""
        device = self._devices.get(port.name)
        if device is None:
            raise OSError("No such file or directory")
        return device.open(take, lost)
