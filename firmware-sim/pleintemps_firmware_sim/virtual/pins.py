"""Boards whose pins an agent in this process holds: gpiozero's factory without a socket."""

from collections.abc import Callable, Iterable
from typing import Any

from gpiozero.pins.mock import MockFactory

from pleintemps_firmware_sim.pins.board import OnOutput
from pleintemps_firmware_sim.pins.factory import SocketPin

_NS = 1_000_000_000


class MemoryFactory(MockFactory):  # type: ignore[misc]
    """The pins of one board as one life of an agent has them."""

    def __init__(self, board: "MemoryBoard", time: Callable[[], float]) -> None:
        super().__init__(pin_class=SocketPin)
        self._board: MemoryBoard | None = board
        self._time = time

    def level(self, number: int) -> int | None:
        """Level of a pin; None if nothing is wired to it."""
        return None if self._board is None else self._board.level(number)

    def say(self, number: int, level: int, tick: int) -> None:
        """The agent drives an output."""
        if self._board is not None:
            self._board.driven(number, level, tick)

    def ticks(self) -> float:
        return self._time()

    def ticks_diff(self, later: Any, earlier: Any) -> float:
        return float(later - earlier)

    def apply(self, number: int, level: int, tick: int) -> None:
        """An edge at an input."""
        for pin in list(self.pins.values()):
            if pin._number == number:
                pin.follow(level, tick)

    def cut(self) -> None:
        """No power: nothing that is done to these pins arrives any more."""
        self._board = None


class MemoryBoard:
    """Levels live here, as on :class:`pleintemps_firmware_sim.pins.board.Board`."""

    def __init__(self, time: Callable[[], float], on_output: OnOutput) -> None:
        self._time = time
        self._on_output = on_output
        self._levels: dict[int, int] = {}
        self._stuck: dict[int, int] = {}
        self._outputs: set[int] = set()
        self._factory: MemoryFactory | None = None

    def power_up(self) -> MemoryFactory:
        """A fresh set of pins for an agent that starts."""
        self._factory = MemoryFactory(self, self._time)
        return self._factory

    def power_down(self) -> None:
        """The board has no power: its outputs drive nothing."""
        if self._factory is not None:
            self._factory.cut()
            self._factory = None
        for pin in sorted(self._outputs):
            self._levels[pin] = 0
            self._on_output(pin, 0, self._tick())
        self._outputs.clear()

    def level(self, pin: int) -> int | None:
        return self._stuck.get(pin, self._levels.get(pin))

    def stick(self, pin: int, level: int | None) -> None:
        """Hold an input at ``level`` whatever drives it; None lets it follow again."""
        before = self.level(pin)
        if level is None:
            self._stuck.pop(pin, None)
        else:
            self._stuck[pin] = level
        now = self.level(pin)
        if self._factory is not None and now is not None and now != before:
            self._factory.apply(pin, now, self._tick())

    def driven(self, pin: int, level: int, tick: int) -> None:
        """An output of the agent."""
        self._outputs.add(pin)
        self._levels[pin] = level
        self._on_output(pin, level, tick)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    def drive(self, pin: int, level: int, tick: int | None = None) -> None:
        self.drive_edges([(pin, level, self._tick() if tick is None else tick)])

    def drive_edges(self, edges: Iterable[tuple[int, int, int]]) -> None:
        for pin, level, tick in edges:
            if self._levels.get(pin) != level:
                self._levels[pin] = level
                if self._factory is not None and pin not in self._stuck:
                    self._factory.apply(pin, level, tick)

    def _tick(self) -> int:
        return int(self._time() * _NS)
