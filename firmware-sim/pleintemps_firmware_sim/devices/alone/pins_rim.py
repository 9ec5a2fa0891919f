"""A device on pins: a board on a Unix socket for gpiozero or any program, and a list of edges."""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.pins_core import NS, PinsCore
from pleintemps_firmware_sim.devices.rim import until_due
from pleintemps_firmware_sim.errors import LinkError, PinsError
from pleintemps_firmware_sim.pins.board import Board, tick_now
from pleintemps_firmware_sim.pins.guest import Guest

from . import values
from .registry import Order, Ready

Wiring = Mapping[str, int]
"""BCM number of each line."""


def add_pins(parser: argparse.ArgumentParser, **lines: tuple[int, str]) -> None:
    """``--link``, ``--edges`` and an option ``--LINE-pin`` with default and meaning for each of ``lines``."""
    values.add_link(
        parser,
        "Unix socket of the pins: for gpiozero GPIOZERO_PIN_FACTORY=pleintemps PLEINTEMPS_PINS=PATH, for"
        ' others one JSON line an edge, {"pin":23,"level":0,"tick":NANOSECONDS}',
    )
    parser.add_argument(
        "--join", action="store_true", help="put it on the board that another device holds at PATH"
    )
    parser.add_argument(
        "--edges", type=Path, metavar="FILE", help="append every edge to FILE, as on the socket"
    )
    for name, (default, what) in lines.items():
        parser.add_argument(
            f"--{name}-pin", type=values.pin, default=default, metavar="N", help=f"{what} (BCM {default})"
        )


def wiring(options: argparse.Namespace, *lines: str) -> dict[str, int]:
    """The pins of ``lines`` as options say; raises ValueError if two share one."""
    pins: dict[str, int] = {line: getattr(options, f"{line}_pin") for line in lines}
    if len(set(pins.values())) < len(pins):
        raise ValueError(f"the lines {', '.join(lines)} need a pin each")
    return pins


class PinsAlone:
    """Edges keep their distance whatever the socket delays: their ticks are the device's own."""

    def __init__(
        self,
        core: PinsCore,
        options: argparse.Namespace,
        world: World,
        pins: Wiring,
        orders: Sequence[Order],
    ) -> None:
        """``options`` are those of :func:`add_pins`."""
        self.orders = tuple(orders)
        self._core = core
        self._link: Path = options.link
        self._world = world
        self._pins = pins
        self._lines = {pin: line for line, pin in pins.items()}
        self._edges: Path | None = options.edges
        self._wake = asyncio.Event()
        self._tick = 0
        self._board: Board | Guest = (
            Guest(self._link, self._driven, self._wake.set)
            if options.join
            else Board(self._link, self._driven)
        )

    @property
    def where(self) -> str:
        pins = ", ".join(f"{line} {pin}" for line, pin in self._pins.items())
        return f"pins on socket {self._link} ({pins})"

    async def run(self, ready: Ready) -> None:
        if self._link.exists() and not self._link.is_socket():
            raise LinkError(f"{self._link}: something that is no socket stands there")
        if self._edges is not None:
            self._edges.open("a").close()  # what cannot be written is said now
        levels = self._core.levels()
        self._drive([(self._pins[line], level, tick_now()) for line, level in levels.items()])
        await self._board.start()
        ready()
        try:
            while True:
                self._wake.clear()
                self._flush()
                await until_due(self._world, self._core.due(), self._wake)
                if isinstance(self._board, Guest) and self._board.gone:
                    raise PinsError(f"the board at {self._link} is gone")
        finally:
            await self._board.stop()

    def poke(self) -> None:
        self._wake.set()

    def _flush(self) -> None:
        now = self._world.monotonic()
        edges = self._core.edges(now)
        if edges:
            offset = tick_now() - now * NS
            self._drive([(self._pins[edge.line], edge.level, edge.at_ns + offset) for edge in edges])

    def _drive(self, edges: list[tuple[int, int, int]]) -> None:
        if edges and edges[0][2] <= self._tick:
            # the two clocks are read one after the other: nothing goes before what was told
            late = self._tick + 1 - edges[0][2]
            edges = [(pin, level, tick + late) for pin, level, tick in edges]
        if edges:
            self._tick = edges[-1][2]
        self._board.drive_edges(edges)
        self._record(edges)

    def _driven(self, pin: int, level: int, tick: int) -> None:
        self._record([(pin, level, tick)])
        line = self._lines.get(pin)
        if line is not None:
            self._core.driven(line, level, self._world.monotonic())
            self._wake.set()

    def _record(self, edges: Sequence[tuple[int, int, int]]) -> None:
        if self._edges is not None:
            with self._edges.open("a") as file:
                for pin, level, tick in edges:
                    file.write(json.dumps({"pin": pin, "level": level, "tick": tick}) + "\n")
