"""Carries out what the rules of a door want: records first, then the lock, one thing after the other."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pleintemps_contract.agent_messages import DoorInfo, Event, LateCommit
from pleintemps_contract.logs import line
from pleintemps_contract.onvif import DoorMode, LockPhysicalState
from pleintemps_contract.world import World

from .door import DoorEvent, Effect, Plan, Record, Refuse, Release, Secure, Tick, Wake, initial, transition
from .drivers.base import Lock
from .waiting import wait_until

MAX_COMMIT_WAIT_S: Final = 0.08
"""Longer no door waits for a disk. Real time, whatever clock the door has: the disk does not live in a
simulation.
"""
_LOG: Final = logging.getLogger("door")


class Commits(Protocol):
    """Where records go: the durable journal, or one in memory where time is virtual."""

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        """Keep them in one transaction; the future is done when they are safe."""


@dataclass(frozen=True, slots=True)
class _Act:
    """What one event of the door wants done: commit, then move."""

    records: tuple[Event, ...]
    moves: tuple[Release | Secure, ...]
    then: Callable[[], None] | None


class Keeper:
    """One door with its lock. ``run`` until the end, ``close`` after it."""

    def __init__(
        self, door: str, plan: Plan, lock: Lock, world: World, journal: Commits, kept: bytes | None
    ) -> None:
        """``kept`` is the mode as it was persisted under :attr:`state_key`."""
        self.door = door
        self._lock = lock
        self._world = world
        self._journal = journal
        known = {mode.value.encode(): mode for mode in DoorMode}
        standing, _, below = (kept or b"").partition(b"/")
        self._state, effects = initial(
            door, plan, known.get(standing, DoorMode.LOCKED), known.get(below, DoorMode.LOCKED)
        )
        self._acts: asyncio.Queue[_Act] = asyncio.Queue()
        self._due: int | None = None
        self._timer = asyncio.Event()
        self._ended = False
        self._perform(effects)

    @staticmethod
    def state_key(door: str) -> str:
        return f"mode:{door}"

    @property
    def plan(self) -> Plan:
        return self._state.plan

    @property
    def info(self) -> DoorInfo:
        """The door as it stands. A strike has no monitor, so where its bolt is nobody knows."""
        state = self._state
        return DoorInfo(
            door=self.door,
            mode=state.mode,
            physical=state.physical,
            lock=LockPhysicalState.UNKNOWN,
            alarm=state.alarm,
        )

    def happen(
        self, event: DoorEvent, monotonic: int | None = None, then: Callable[[], None] | None = None
    ) -> bool:
        """Tell the door what happened at ``monotonic`` (now by default); False if its mode refuses.

        ``then`` is called when all that it wants is done.
        """
        now = self._world.monotonic() if monotonic is None else monotonic
        self._state, effects = transition(self._state, event, now)
        if any(isinstance(effect, Refuse) for effect in effects):
            return False
        self._perform(effects, then)
        return True

    def _perform(self, effects: Sequence[Effect], then: Callable[[], None] | None = None) -> None:
        records = tuple(effect.event for effect in effects if isinstance(effect, Record))
        moves = tuple(effect for effect in effects if isinstance(effect, Release | Secure))
        for effect in effects:
            if isinstance(effect, Wake):
                self._due = effect.at
                self._timer.set()
        if Release(at_once=True) in moves and not self._ended:
            # and once more in its turn: a movement that waits for its record may still be to come
            self._lock.release()
        if records or moves or then is not None:
            self._acts.put_nowait(_Act(records, moves, then))

    async def run(self) -> None:
        """Carry out and keep time until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry_out())
            group.create_task(self._keep_time())

    def secure(self) -> None:
        """Hold the door shut from now on, whatever its mode: the agent ends."""
        self._ended = True
        self._lock.secure()

    async def _carry_out(self) -> None:
        while True:
            act = await self._acts.get()
            if act.records:
                await self._commit(act)
            for move in () if self._ended else act.moves:
                if isinstance(move, Release):
                    self._lock.release()
                else:
                    self._lock.secure()
                _LOG.info(line("lock", door=self.door, move=type(move).__name__.lower()))
            if act.then is not None:
                act.then()

    async def _commit(self, act: _Act) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        future = self._journal.append(act.records, {self.state_key(self.door): self._kept()})
        if not act.moves or Release(at_once=True) in act.moves:
            return  # nothing moves on the strength of these
        await asyncio.wait({future}, timeout=MAX_COMMIT_WAIT_S)
        if not future.done() or future.exception() is not None:
            waited = round((loop.time() - began) * 1000)
            _LOG.warning(line("late-commit", door=self.door, waited_ms=waited))
            self._journal.append([LateCommit(door=self.door, waited_ms=waited)])

    def _kept(self) -> bytes:
        """The mode for after a restart, with Blocked where that stands below it."""
        state = self._state
        covers = state.standing in (DoorMode.LOCKED_DOWN, DoorMode.LOCKED_OPEN)
        below = f"/{state.below.value}" if covers and state.below is DoorMode.BLOCKED else ""
        return f"{state.standing.value}{below}".encode()

    async def _keep_time(self) -> None:
        while True:
            self._timer.clear()
            due = self._due
            if due is not None and self._world.monotonic() >= due:
                self._due = None
                self.happen(Tick())
            else:
                await wait_until(self._world, self._timer, due)
