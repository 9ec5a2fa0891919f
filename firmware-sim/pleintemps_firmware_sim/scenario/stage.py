"""What a scenario needs of whoever plays it: with real processes in real time, or all in one process.

The director tells a :class:`Stage` what people do and what breaks, waits on its ``world`` only, and never
knows which of the two it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.door import Push

from .calendar import Event
from .facts import Mode, Timeline
from .faults import Fault, FaultKind
from .plan import Plan, Rules
from .rooms import Occupant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the play is set in. ``begin`` in Unix ms; None is the machine's present time, where time is real.

    ``speed`` in simulated seconds per second, 0.1 to 10, counts in real time only. Chance of the stage itself
    (garbage, pulses, who is held back) comes from ``seed`` and from nothing else.
    """

    plan: Plan
    rules: Rules
    seed: int
    begin: int | None = None
    speed: float = 1.0
    faults: frozenset[FaultKind] = frozenset()
    """Those that will come, for what has to be made ready before anything runs."""


class Stage(Protocol):
    """One building with its agents and gateway, all up and heard of by the gateway when a play begins.

    Names of doors, spaces, agents and devices are those of ``plan``; an unknown one raises ControlError. A
    device is named as in the agents' configuration (``hall-radar``, ``gate-reed``). Acts take their time on
    ``world`` and return when they are over.
    """

    @property
    def world(self) -> World:
        """The true time, that no fault moves."""

    @property
    def mode(self) -> Mode: ...

    @property
    def plan(self) -> Plan: ...

    @property
    def timeline(self) -> Timeline:
        """Facts of mechanics and agents are told here as they happen, those of :meth:`observe` when asked."""

    # --- doors ---------------------------------------------------------------------------------------

    def queue(self, door: str) -> asyncio.Lock:
        """Who stands at it; one at a time. Whoever acts at a door for longer than a moment holds it."""

    async def press(self, door: str, keys: str) -> None:
        """Keys ``0``-``9``, ``*``, ``#`` at its keypad, 150 ms from one to the next."""

    async def show_card(self, door: str, number: str) -> None:
        """A card of 26 or 34 bits by its decimal ``number``; ControlError where no reader takes cards."""

    async def released(self, door: str, within_ms: int) -> bool:
        """Wait until its lock lets go; false if it has not by then."""

    async def shut(self, door: str, within_ms: int) -> bool:
        """Wait until it is shut and its lock holds; false if it is not so by then."""

    async def push(self, door: str) -> Push:
        """Try it from outside; who finds it released goes in, and its closer shuts it 2 s later."""

    async def leave(self, door: str) -> Push:
        """Out by the inside handle, or the button at a magnet: always possible."""

    async def force(self, door: str) -> Push:
        """Break it open."""

    async def prop(self, door: str, held: bool) -> None:
        """Put a wedge under it (it stays as open as it is), or take it away."""

    async def fire(self, agent: str, active: bool) -> None:
        """The contact of the fire panel at ``agent``; ControlError where there is none."""

    async def order(self, door: str, action: DoorAction) -> None:
        """What a caretaker asks of it on the gateway's page."""

    # --- spaces --------------------------------------------------------------------------------------

    def occupy(self, space: str, who: str, occupant: Occupant | None) -> None:
        """``who`` is in ``space`` as ``occupant`` from now on, or has gone (None). A sound source is an
        occupant beyond the radar's reach that does not move.
        """

    # --- bookings ------------------------------------------------------------------------------------

    async def book(self, event: Event) -> None:
        """Add to the site's calendar, or change there what has the same ``uid``."""

    async def cancel(self, uid: str) -> None:
        """Take out of the calendar."""

    async def code_of(self, uid: str, within_ms: int) -> str | None:
        """Digits that the people of a booking were sent, once doors can know them; None if none came by
        then. Never the offline code.
        """

    async def knows(self, code: str) -> bool:
        """Whether somebody was sent this code."""

    # --- faults --------------------------------------------------------------------------------------

    @property
    def faults(self) -> frozenset[FaultKind]:
        """Those that it can do; the director does those that the catalogue calls ``people``."""

    async def begin_fault(self, fault: Fault) -> None: ...

    async def end_fault(self, fault: Fault) -> None:
        """Mend what :meth:`begin_fault` began with an equal fault; nothing if it does not last."""

    # --- what came of it -----------------------------------------------------------------------------

    async def settle(self, within_ms: int) -> bool:
        """Let time pass until every journal is receipted and the gateway has worked off what it has; false
        if that did not come by then. Faults that still last are not waited for.
        """

    async def observe(self) -> None:
        """Tell the timeline all facts of agents and gateway that it has not been told yet; ``books``,
        ``refused`` and ``usage`` as they are now.
        """

    async def digest(self) -> str:
        """SHA-256 (hexadecimal) over all rows of journals and store; empty where processes are real."""


class Play(Protocol):
    """Sets a stage, lets ``act`` happen on it and clears it away; raises SimulatorError if it cannot be set.

    Where time is virtual, it passes while ``act`` waits on the stage's world and for nothing else.
    """

    async def __call__(self, wanted: Wanted, act: Callable[[Stage], Awaitable[T]]) -> T: ...
