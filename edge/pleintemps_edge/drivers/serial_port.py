"""A serial port that may vanish and return: opened, served, reported once, opened again."""

import asyncio
import os
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import serial

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.cores import Wire, Wires
from pleintemps_edge.errors import EdgeError

from .health import HealthReporter
from .registry import Context

_READ_SIZE: Final = 4096
_PAUSES_MS: Final = (1_000, 2_000, 4_000, 8_000, 16_000, 30_000)


class PortLost(EdgeError, OSError):
    """The port cannot be opened, or went away. Never leaves the drivers: it becomes the device's health."""


class Tty:
    """A serial line of the kernel."""

    def __init__(
        self, path: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        """Raises OSError."""
        self._path = path
        self._take = take
        self._lost = lost
        try:
            self._serial = serial.Serial(str(path), baud, timeout=0, write_timeout=0, exclusive=True)
        except (ValueError, termios.error) as error:
            raise OSError(_words(error)) from error
        asyncio.get_running_loop().add_reader(self._serial.fileno(), self._ready)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._serial.fileno())
        self._serial.close()

    def _ready(self) -> None:
        try:
            data = self._serial.read(_READ_SIZE)
        except OSError as error:  # end of file and EIO of a port that is gone
            asyncio.get_running_loop().remove_reader(self._serial.fileno())
            self._lost(_words(error))
        else:
            self._take(data)

    def write(self, data: bytes) -> None:
        """Send ``data``; raises OSError."""
        self._serial.write(data)

    def in_place(self) -> str:
        """Why the path no longer leads to this device; empty if it does."""
        try:
            there, here = os.stat(self._path), os.fstat(self._serial.fileno())
        except OSError as error:
            return _words(error)
        same = (there.st_dev, there.st_ino, there.st_rdev) == (here.st_dev, here.st_ino, here.st_rdev)
        return "" if same else "the port was replaced"


class Ttys:
    """The serial lines of the kernel."""

    def open(self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]) -> Tty:
        """Raises OSError."""
        return Tty(port, baud, take, lost)


class OpenPort:
    """One open port, 8N1. Every method raises PortLost once the port has gone."""

    def __init__(self, path: Path, baud: int, wires: Wires | None = None) -> None:
        """``wires`` None are those of the kernel."""
        self._data = bytearray()
        self._lost: PortLost | None = None
        self._changed = False
        self._reader: asyncio.Future[None] | None = None
        try:
            self._wire: Wire = (wires or Ttys()).open(path, baud, self._take, self.fail)
        except OSError as error:
            raise PortLost(_words(error)) from error

    def close(self) -> None:
        self._wire.close()

    def _take(self, data: bytes) -> None:
        self._data += data
        self.wake()

    def fail(self, reason: str) -> None:
        """Give the port up: who reads it gets PortLost."""
        self._lost = PortLost(reason)
        self.wake()

    def wake(self) -> None:
        """Let :meth:`read` return, with nothing if there is nothing."""
        self._changed = True
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def read(self) -> bytes:
        """At least one byte, as soon as there is one; fewer only after :meth:`wake`. One reads at a time."""
        if not self._changed:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if self._lost:
            raise self._lost
        return self.drain()

    def drain(self) -> bytes:
        """What has come and was not read."""
        data = bytes(self._data)
        self._data.clear()
        self._changed = False
        return data

    def write(self, data: bytes) -> None:
        """Send ``data``, a few bytes that the kernel's buffer holds."""
        if self._lost:
            raise self._lost
        try:
            self._wire.write(data)
        except OSError as error:
            raise PortLost(_words(error)) from error

    def check_in_place(self) -> None:
        """Fail if the path is gone or leads to another device by now: a silent port may be a dead one."""
        if reason := self._wire.in_place():
            self.fail(reason)


async def keep_open(
    port: str,
    baud: int,
    context: Context,
    health: HealthReporter,
    serve: Callable[[OpenPort], Awaitable[None]],
) -> None:
    """Open ``port`` and ``serve`` it for ever, until cancelled.

    When it is lost, report ``error`` once and open again after pauses that grow from 1 s to 30 s (World time)
    until ``serve`` has reported ``ok``, which it does when good frames flow.
    """
    attempt = 0
    while True:
        try:
            opened = OpenPort(context.port(port), baud, context.wires)
            try:
                await serve(opened)
            finally:
                opened.close()
        except* PortLost as lost:
            attempt = 0 if health.ok else attempt
            health.report(Health.ERROR, f"{port}: {lost.exceptions[0]}")
        pause = _PAUSES_MS[min(attempt, len(_PAUSES_MS) - 1)]
        attempt += 1
        await context.world.sleep_until(context.world.monotonic() + pause)


def _words(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)
