"""A serial line of two pseudo-terminal ends; the device's end is played by the test."""

import asyncio
import os
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial


class Line:
    """``link`` leads to the driver's end. What the driver sends is kept and handed to ``respond``."""

    def __init__(self, link: Path) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        # the driver holds its own descriptor; without ours the line hangs up only when the device goes
        self._slave = slave
        self.sent = b""
        self.respond: Callable[[bytes], bytes] = lambda _data: b""
        self._heard = asyncio.Event()
        self._unplugged = False
        asyncio.get_running_loop().add_reader(self._master, self._ready)

    def _ready(self) -> None:
        data = os.read(self._master, 4096)
        self.sent += data
        self._heard.set()
        self.send(self.respond(data))

    async def heard(self, count: int) -> None:
        """Return when the driver has sent ``count`` bytes in all."""
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                self._heard.clear()
                await self._heard.wait()

    def send(self, data: bytes) -> None:
        if data:
            os.write(self._master, data)

    def unplug(self) -> None:
        """The device goes; the link still leads to where it was."""
        if self._unplugged:
            return
        self._unplugged = True
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._slave)
        os.close(self._master)


@contextmanager
def line(link: Path) -> Iterator[Line]:
    """A line that is plugged in while inside; may be unplugged earlier."""
    made = Line(link)
    try:
        yield made
    finally:
        made.unplug()


class Ports:
    """Watches pyserial: how often a port was opened and how many bytes the driver has read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = 0
        self.received = 0
        self._more = asyncio.Event()
        opens, reads = serial.Serial.open, serial.Serial.read

        def opening(port: Any) -> None:
            opens(port)
            self.opened += 1
            self._more.set()

        def reading(port: Any, size: int = 1) -> bytes:
            data = bytes(reads(port, size))
            self.received += len(data)
            self._more.set()
            return data

        monkeypatch.setattr(serial.Serial, "open", opening)
        monkeypatch.setattr(serial.Serial, "read", reading)

    async def until(self, opened: int = 0, received: int = 0) -> None:
        """Return when that many openings and bytes have been."""
        async with asyncio.timeout(10):
            while self.opened < opened or self.received < received:
                self._more.clear()
                await self._more.wait()
