"""Warning signals: a light or sign that tells the people in a room that they are too loud.

    command on     it is off                  record, light
                   it is on                   stays on for `max_on_s` more
    command off    it is on                   record, dark
    time           on for `max_on_s`          record, dark: nobody has said again that it is wanted
    stop, start    it is, or was, on          record, dark
    disobeyed      it was to light            record, dark: who asked hears no answer, and asks again
                   it was to go dark          told again every second

The gateway decides when people are too loud, and says so again while it lasts: a light that forgets by
itself cannot stay on because a line was cut.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pleintemps_contract.agent_messages import (
    CommandRefusal,
    Event,
    SignalCause,
    SignalChanged,
    SignalInfo,
)
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.logs import line
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import World

from .drivers.base import Signal
from .errors import LockError
from .keeper import Commits
from .waiting import wait_until

RETRY_MS: Final = 1_000
COMMIT_WAIT_S: Final = 2.0
"""Longer no warning waits for a disk; real time."""
_LOG: Final = logging.getLogger("signal")


@dataclass(frozen=True, slots=True)
class State:
    """One signal: until when it is on, or when it is told again to go dark (monotonic ms)."""

    signal: str
    space: str
    max_on_ms: int
    on: bool = False
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command that was checked."""

    on: bool
    command: str


@dataclass(frozen=True, slots=True)
class Began:
    """The agent starts; ``was_on`` is how its predecessor left the signal."""

    was_on: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The agent stops."""


@dataclass(frozen=True, slots=True)
class Disobeyed:
    """The output did not do what it was told."""

    on: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; harmless at any moment."""


SignalEvent = Commanded | Began | Ended | Disobeyed | Tick


@dataclass(frozen=True, slots=True)
class Record:
    """Commit this before what follows is done."""

    event: Event


@dataclass(frozen=True, slots=True)
class Show:
    """Light the signal, or make it dark."""

    on: bool


Effect = Record | Show
Step = tuple[State, tuple[Effect, ...]]


def transition(state: State, event: SignalEvent, now: int) -> Step:
    """What ``event`` at monotonic ``now`` (ms) makes of the signal, and what is to be done, in order."""
    match event:
        case Commanded(on=True):
            after = replace(state, on=True, until=now + state.max_on_ms)
            lit = () if state.on else (_record(after, SignalCause.COMMAND, event.command),)
            return after, (*lit, Show(True))
        case Commanded():
            return _dark(state, SignalCause.COMMAND, event.command)
        case Began():
            return state, (_record(state, SignalCause.START),) if event.was_on else ()
        case Ended():
            return _dark(state, SignalCause.STOP)
        case Disobeyed(on=True):
            after, effects = _dark(state, SignalCause.FAULT)
            return after, effects[:1]  # it never lit
        case Disobeyed():
            return (state, ()) if state.on else (replace(state, until=now + RETRY_MS), ())
        case _:
            if state.until is None or now < state.until:
                return state, ()
            if state.on:
                return _dark(state, SignalCause.TOO_LONG)
            return replace(state, until=None), (Show(False),)


def _dark(state: State, cause: SignalCause, reference: str | None = None) -> Step:
    if not state.on:
        return state, ()
    after = replace(state, on=False, until=None)
    return after, (_record(after, cause, reference), Show(False))


def _record(state: State, cause: SignalCause, reference: str | None = None) -> Record:
    return Record(
        SignalChanged(signal=state.signal, space=state.space, on=state.on, cause=cause, reference=reference)
    )


# --- carrying it out ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Act:
    effects: tuple[Effect, ...]
    then: Callable[[], None] | None


class SignalKeeper:
    """One warning signal, dark at first. ``run`` until the end, then :meth:`end`."""

    def __init__(
        self,
        signal: str,
        space: str,
        max_on_ms: int,
        device: Signal,
        world: World,
        journal: Commits,
        kept: bytes | None = None,
    ) -> None:
        """``kept`` is what was persisted under :meth:`state_key`."""
        self.signal = signal
        self._device = device
        self._world = world
        self._journal = journal
        self._state = State(signal, space, max_on_ms)
        self._acts: asyncio.Queue[_Act] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._happen(Began(kept == b"on"))

    @staticmethod
    def state_key(signal: str) -> str:
        return f"signal:{signal}"

    @property
    def info(self) -> SignalInfo:
        """The signal as it is wanted here and now."""
        return SignalInfo(signal=self.signal, on=self._state.on)

    def command(self, command: Command, then: Callable[[], None]) -> CommandRefusal | None:
        """Carry out a checked command; ``then`` is called once the output has obeyed, never else."""
        self._happen(Commanded(command.action is DoorAction.SIGNAL_ON, command.id), then)
        return None

    def end(self) -> None:
        """Make it dark at once: the agent stops."""
        self._happen(Ended())
        while not self._acts.empty():
            self._append(self._acts.get_nowait())
        self._show(False)

    async def run(self) -> None:
        """Carry out and keep time until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry_out())
            group.create_task(self._keep_time())

    def _happen(self, event: SignalEvent, then: Callable[[], None] | None = None) -> None:
        self._state, effects = transition(self._state, event, self._world.monotonic())
        self._changed.set()
        if effects or then is not None:
            self._acts.put_nowait(_Act(effects, then))

    async def _carry_out(self) -> None:
        while True:
            act = await self._acts.get()
            future = self._append(act)
            if future is not None:
                await asyncio.wait({future}, timeout=COMMIT_WAIT_S)
                if not future.done() or future.exception() is not None:
                    _LOG.warning(line("late-commit", signal=self.signal))
            shown = [self._show(effect.on) for effect in act.effects if isinstance(effect, Show)]
            if act.then is not None and all(shown):
                act.then()

    def _append(self, act: _Act) -> "asyncio.Future[int] | None":
        records = [effect.event for effect in act.effects if isinstance(effect, Record)]
        if not records:
            return None
        lit = any(isinstance(event, SignalChanged) and event.on for event in records)
        return self._journal.append(records, {self.state_key(self.signal): b"on" if lit else b"off"})

    def _show(self, on: bool) -> bool:
        """Whether the output obeyed."""
        if on and not self._state.on:
            return True  # while its record was committed it was told to be dark
        try:
            self._device.warn(on)
        except LockError as error:
            _LOG.error(line("signal-disobeys", signal=self.signal, error=error))
            self._happen(Disobeyed(on))
            return False
        return True

    async def _keep_time(self) -> None:
        while True:
            self._changed.clear()
            until = self._state.until
            if until is not None and self._world.monotonic() >= until:
                self._happen(Tick())
            else:
                await wait_until(self._world, self._changed, until)
