"""A device on a serial line: a pseudo-terminal under a link, with plug and noise in a tester's hand."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.line_faults import FaultyLine, LineFault
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.devices.serial_core import SerialCore

from . import values
from .registry import Order, Ready, Words

_MOST_GARBAGE: Final = 4_096
_FAULTS: Final = ", ".join(LineFault)
_fault = values.word({fault.value: fault for fault in LineFault})


def add_serial(parser: argparse.ArgumentParser) -> None:
    """``--link`` of a serial device."""
    values.add_link(parser, "symbolic link to make to its serial port (a pseudo-terminal)")


class SerialAlone:
    """``speed`` is the baud of the firmware now; a port set to another one carries garbage."""

    def __init__(
        self,
        core: SerialCore,
        link: Path,
        world: World,
        speed: Callable[[], int],
        orders: Sequence[Order],
    ) -> None:
        self._line = FaultyLine(core)
        self._device = SerialDevice(self._line, link, world, speed)
        self._link = link
        self._world = world
        self._speed = speed
        self.orders = (
            *orders,
            Order("unplug", "", "take the serial adapter away", self._unplug),
            Order("plug", "", "put it back", self._plug),
            Order("garbage", "N", "N random bytes on the line", self._garbage, 1, 1),
            Order("spoil", "FAULT N", f"the next N frames suffer: {_FAULTS}", self._spoil, 2, 2),
        )

    @property
    def where(self) -> str:
        return f"serial port {self._link}, {self._speed()} baud 8N1"

    async def run(self, ready: Ready) -> None:
        self._device.plug()
        ready()
        await self._device.run()

    def poke(self) -> None:
        self._device.poke()

    def _unplug(self, _: Words) -> None:
        self._device.link.unplug()

    def _plug(self, _: Words) -> None:
        self._device.plug()

    def _spoil(self, words: Words) -> None:
        self._line.spoil(_fault(words[0]), values.whole(1, 1_000)(words[1]))

    def _garbage(self, words: Words) -> None:
        count = values.whole(1, _MOST_GARBAGE)(words[0])
        self._device.send(self._world.random_bytes(count))
