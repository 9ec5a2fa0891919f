"""The rim of serial devices: a pseudo-terminal under a stable name, and a core that lives on it."""

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.errors import LinkError

from .rim import until_due
from .serial_core import SerialCore
from .uart import misread

_CHUNK: Final = 4096
_COUNT: Final = struct.Struct("=i")
# linux/termbits.h, struct termios2: four words of flags, the line discipline, 19 characters, both speeds. It
# knows every speed, also those that the older struct has no number for (256000).
_TERMIOS2: Final = struct.Struct("=4I20B2I")
_TCGETS2: Final = 0x802C_542A
_TCSETS2: Final = 0x402C_542B
_SPEED_BITS: Final = 0o10017
_ANY_SPEED: Final = 0o10000
"""CBAUD and BOTHER."""


class SerialLink:
    """A pseudo-terminal with a symbolic link ``link`` to it, as udev makes for a USB adapter.

    It survives a reader that closes and opens again. :meth:`unplug` takes link and terminal away (readers
    get an error), :meth:`plug` brings them back. When nobody reads, what waits is dropped for younger bytes.
    """

    def __init__(self, link: Path, on_bytes: Callable[[bytes], None]) -> None:
        """``on_bytes`` is called on the running event loop."""
        self._link = link
        self._on_bytes = on_bytes
        self._master: int | None = None
        self._slave: int | None = None
        self.on_wire: Callable[[bool, bytes], None] | None = None
        """Called with all that passes: true for bytes of the device, and the bytes."""

    @property
    def plugged(self) -> bool:
        return self._master is not None

    def plug(self) -> None:
        """Make terminal and link; raises LinkError if something else stands at the link's path."""
        if self._master is not None:
            return
        if self._link.exists() and not self._link.is_symlink():
            raise LinkError(f"{self._link}: something that is no link stands there")
        master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        os.set_blocking(master, False)
        fcntl.fcntl(master, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        self._master, self._slave = master, slave
        self._link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._link.with_name(f".{self._link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self._link)
        asyncio.get_running_loop().add_reader(master, self._read)

    def unplug(self) -> None:
        """Take terminal and link away; nothing happens if they are."""
        if self._master is None or self._slave is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self._link.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None

    @property
    def waiting(self) -> int:
        """Bytes of the device that nobody has read."""
        if self._slave is None:
            return 0
        return int(_COUNT.unpack(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(_COUNT.size)))[0])

    @property
    def speed(self) -> int | None:
        """Baud to which whoever reads has set the port; None while it is unplugged."""
        return None if self._slave is None else self._settings(self._slave)[-1]

    def set_speed(self, baud: int) -> None:
        """Where the port stands until a reader sets it, so that one who sets none reads well."""
        if self._slave is not None:
            flags = self._settings(self._slave)
            flags[2] = flags[2] & ~_SPEED_BITS | _ANY_SPEED
            flags[-2:] = [baud, baud]
            fcntl.ioctl(self._slave, _TCSETS2, _TERMIOS2.pack(*flags))

    @staticmethod
    def _settings(slave: int) -> list[int]:
        return list(_TERMIOS2.unpack(fcntl.ioctl(slave, _TCGETS2, bytes(_TERMIOS2.size))))

    def write(self, data: bytes) -> None:
        """Put bytes on the line; without a reader they make room for younger ones."""
        if self._master is None or self._slave is None:
            return
        if self.on_wire is not None:
            self.on_wire(True, data)
        try:
            os.write(self._master, data)
        except BlockingIOError:
            termios.tcflush(self._slave, termios.TCIFLUSH)
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)

    def _read(self) -> None:
        if self._master is None:
            return
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: nobody has it open
                raise
            return
        if self.on_wire is not None:
            self.on_wire(False, data)
        self._on_bytes(data)


class SerialDevice:
    """One core on one link, driven by a World's clock."""

    def __init__(
        self, core: SerialCore, link: Path, world: World, speed: Callable[[], int] | None = None
    ) -> None:
        """``speed`` is the baud at which the core speaks now: a reader at another one reads, and says, what
        a UART makes of it. Without it any speed will do.
        """
        self._core = core
        self._world = world
        self._speed = speed
        self._wake = asyncio.Event()
        self.garble: Callable[[bytes], bytes] | None = None
        """What the line makes of the core's bytes."""
        self.piece = 0
        """They arrive so many at a time, ``gap_ms`` of the machine's time apart; 0 is all at once."""
        self.gap_ms = 0
        self._headless = 0
        self._later: list[asyncio.TimerHandle] = []
        self.link = SerialLink(link, self._received)

    async def run(self) -> None:
        """Plug in and live until cancelled."""
        self.plug()
        try:
            while True:
                self._wake.clear()
                if data := self._core.transmit(self._world.monotonic()):
                    self._report(data)
                await until_due(self._world, self._core.due(), self._wake)
        finally:
            self._drop_pieces()
            self.link.unplug()

    def begin_within_a_frame(self) -> None:
        """What is first read after the next plugging in is the end of a frame."""
        self._headless = 2

    def _report(self, data: bytes) -> None:
        """Put the core's bytes on the line, as its faults will have it."""
        if self._headless:
            # opening throws away what waits there: it is read once nothing waits twice running
            if not self.link.waiting:
                self._headless -= 1
            data = data[len(data) // 2 :]
        if self.garble is not None:
            data = self.garble(data)
        if not self.piece:
            self.send(data)
            return
        loop = asyncio.get_running_loop()
        for place in range(0, len(data), self.piece):
            after_s = self.gap_ms * (place // self.piece) / 1_000
            self._later.append(loop.call_later(after_s, self.send, data[place : place + self.piece]))
        self._later = [each for each in self._later if each.when() >= loop.time()]

    def _drop_pieces(self) -> None:
        for each in self._later:
            each.cancel()
        self._later.clear()

    def plug(self) -> None:
        """Put the plug in; raises LinkError if something else stands at the link's path."""
        if not self.link.plugged:
            self.link.plug()
            if self._speed is not None:
                self.link.set_speed(self._speed())

    def unplug(self) -> None:
        """Pull the plug."""
        self.link.unplug()

    def send(self, data: bytes) -> None:
        """Put bytes on the line at the device's speed, beside the firmware if need be."""
        reads = self.link.speed
        if self._speed is not None and reads:
            data = misread(data, self._speed(), reads)
        self.link.write(data)

    def poke(self) -> None:
        """The core was changed from outside: something may be due earlier."""
        self._wake.set()

    def _received(self, data: bytes) -> None:
        says = self.link.speed
        if self._speed is not None and says:
            data = misread(data, says, self._speed())
        self._core.receive(data, self._world.monotonic())
        self._wake.set()
