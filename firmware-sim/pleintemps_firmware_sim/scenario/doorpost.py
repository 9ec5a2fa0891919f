"""A door of the building with its keypad, lock, reed contact and inside handle on an agent's board."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.door import DoorMechanics, Push, reed_edges
from pleintemps_firmware_sim.devices.wiegand import KEYS, CardBits, Edge, card_edges, key_edges
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.pins.board import tick_now

from .plan import DoorPlan

Condition = Callable[[], bool]


class _Pins(Protocol):
    def drive(self, pin: int, level: int, tick: int | None = None) -> None: ...

    def drive_edges(self, edges: Iterable[tuple[int, int, int]]) -> None: ...


_KEY_MS: Final = 150
"""From key to key, for a person in a hurry."""
_APART_MS: Final = 40
_APART_WITH_CARDS_MS: Final = 110
"""Silence on the line between two keys, however fast time is made to run: less is one frame of both."""
_HANDLE_MS: Final = 500
"""How long a person holds the inside handle; half-way the door gives."""


class DoorPost:
    """Mechanics and wiring. ``world`` drives leaf and fingers, ``host`` the electrical pulses."""

    def __init__(self, plan: DoorPlan, board: _Pins, world: World, host: World) -> None:
        self.plan = plan
        self.mechanics = DoorMechanics("strike" if plan.radio else plan.lock, closer_ms=2_000)
        self.deaf = False
        """The keypad has no supply: keys bring nothing."""
        self._driven = plan.lock == "maglock" and not plan.radio
        self._jammed = False
        self.queue = asyncio.Lock()
        """Who stands at the door; one at a time."""
        self._board = board
        self._world = world
        self._host = host
        self._changed = asyncio.Event()
        self.on_lock: Callable[[bool], None] = lambda released: None
        """Called when the lock begins to let go, or to hold."""
        self.on_leaf: Callable[[bool], None] = lambda opened: None
        """Called when the leaf opens, or has fallen shut."""

    def wire(self) -> None:
        """Levels before any agent is there: data lines and handle high, door shut, a magnet holds."""
        for pin in (self.plan.d0, self.plan.d1, self.plan.exit_pin):
            self._board.drive(pin, 1)
        self._board.drive(self.plan.reed_pin, 0)
        if self.plan.lock == "maglock" and not self.plan.radio:
            self._board.drive(self.plan.lock_pin, 1)

    def lock_driven(self, level: int) -> None:
        """The agent drives the lock's pin; or a lock of its own has let go (1) or holds (0)."""
        self._driven = bool(level)
        self._move()

    def jam(self, jammed: bool) -> None:
        """The lock does not let go whatever it is told, or does again."""
        self._jammed = jammed
        self._move()

    def _move(self) -> None:
        before = self.mechanics.released
        holding = self.plan.lock == "maglock" and not self.plan.radio
        self.mechanics.energise(holding if self._jammed else self._driven)
        self._notify()
        if self.mechanics.released is not before:
            self.on_lock(not before)

    async def press(self, keys: str) -> None:
        """Press keys one after the other; raises ControlError for what is on no keypad."""
        for key in keys:
            if key not in KEYS:
                raise ControlError(f"{key!r} is not a key: 0-9, * or #")
        apart = _APART_WITH_CARDS_MS if self.plan.cards else _APART_MS
        for place, key in enumerate(keys):
            if place:
                silent = self._host.monotonic() + apart
                await self._world.sleep_until(self._world.monotonic() + _KEY_MS)
                await self._host.sleep_until(silent)
            await self._pulse(key_edges(key, self.plan.bits))

    async def show_card(self, number: str) -> None:
        """Hold a card before the reader, by all its data bits as a decimal number: of 26 bits if they are
        enough, else of 34. Raises ControlError where no reader takes cards, and for what no card can say.
        """
        if not self.plan.cards:
            raise ControlError(f"no reader of door {self.plan.door!r} takes cards")
        if not (number.isascii() and number.isdigit()) or int(number) >= 1 << 32:
            raise ControlError(f"{number!r} is no number of a card: 0 to {(1 << 32) - 1}")
        bits: CardBits = 26 if int(number) < 1 << 24 else 34
        await self._pulse(card_edges(bits, int(number) >> 16, int(number) & 0xFFFF))

    async def _pulse(self, edges: list[Edge]) -> None:
        pins = {"d0": self.plan.d0, "d1": self.plan.d1}
        start = tick_now()
        # sent when the last pulse is over: no edge arrives before it has happened
        await self._host.sleep_until(self._host.monotonic() + edges[-1].after_ns // 1_000_000 + 1)
        if self.deaf:
            return
        self._board.drive_edges([(pins[edge.line], edge.level, start + edge.after_ns) for edge in edges])

    async def released(self, within_ms: int) -> bool:
        """Wait until the lock lets go; false if it has not within ``within_ms``."""
        return await self._wait(lambda: self.mechanics.released, within_ms)

    async def shut(self, within_ms: int) -> bool:
        """Wait until the door is shut and locked; false if it is not within ``within_ms``."""
        return await self._wait(lambda: not self.mechanics.open and not self.mechanics.released, within_ms)

    def push(self) -> Push:
        """Try the handle."""
        return self._moved(self.mechanics.push(self._world.monotonic()))

    async def leave(self) -> Push:
        """Press the inside handle, open, let go of it."""
        self._board.drive(self.plan.exit_pin, 0)
        try:
            await self._world.sleep_until(self._world.monotonic() + _HANDLE_MS // 2)
            came = self._moved(self.mechanics.leave(self._world.monotonic()))
            await self._world.sleep_until(self._world.monotonic() + _HANDLE_MS // 2)
        finally:
            self._board.drive(self.plan.exit_pin, 1)
        return came

    def force(self) -> Push:
        """Break it open."""
        return self._moved(self.mechanics.force(self._world.monotonic()))

    def hold(self, held: bool) -> None:
        """Put a wedge under the door, or take it away."""
        self.mechanics.hold(held, self._world.monotonic())
        self._notify()

    async def run(self) -> None:
        """Let the closer work until cancelled."""
        while True:
            if (due := self.mechanics.due()) is None:
                await self._changed.wait()
                continue
            await self._world.sleep_until(due)
            if self.mechanics.advance(self._world.monotonic()):
                self._reed(0)
                self._notify()

    async def _wait(self, condition: Condition, within_ms: int) -> bool:
        deadline = asyncio.ensure_future(self._world.sleep_until(self._world.monotonic() + within_ms))
        met = asyncio.ensure_future(self._met(condition))
        try:
            await asyncio.wait([deadline, met], return_when=asyncio.FIRST_COMPLETED)
            return met.done()
        finally:
            deadline.cancel()
            met.cancel()

    async def _met(self, condition: Condition) -> None:
        while not condition():
            await self._changed.wait()

    def _moved(self, push: Push) -> Push:
        if push is Push.OPENED:
            self._reed(1)
        self._notify()
        return push

    def _reed(self, level: int) -> None:
        self.on_leaf(bool(level))
        start = tick_now()
        self._board.drive_edges([(self.plan.reed_pin, at, start + after) for after, at in reed_edges(level)])

    def _notify(self) -> None:
        """Wake everybody who waits for this door to change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
