"""Carries out what the rules of a door want: records first, then the lock, one thing after the other."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from pleintemps_contract.agent_messages import DoorInfo, Event, LateCommit, RefusalReason
from pleintemps_contract.logs import line
from pleintemps_contract.onvif import DoorPhysicalState, LockPhysicalState
from pleintemps_contract.world import World

from .door import (
    DoorEvent,
    Effect,
    Idle,
    LockReported,
    Neighbour,
    Output,
    Plan,
    Record,
    Refuse,
    Release,
    Secure,
    Show,
    Tick,
    Wake,
    holds_fire,
    initial,
    transition,
)
from .drivers.base import Feedback, Lock
from .errors import LockError
from .waiting import wait_until

MAX_COMMIT_WAIT_S: Final = 0.08
"""Longer no door waits for a disk. Real time, whatever clock the door has: the disk does not live in a
simulation.
"""
RETRY_S: Final = 1.0
"""Real time until a lock that did not obey is told again what its door wants then."""
_LOG: Final = logging.getLogger("door")


class Commits(Protocol):
    """Where records go: the durable journal, or one in memory where time is virtual."""

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        """Keep them in one transaction; the future is done when they are safe."""


Move = Release | Secure | Idle


@dataclass(frozen=True, slots=True)
class _Act:
    """What one event of the door wants done: commit, then move."""

    records: tuple[Event, ...]
    state: Mapping[str, bytes]
    moves: tuple[Move, ...]
    then: Callable[[], None] | None


class Keeper:
    """One door with its lock. ``run`` until the end, ``close`` after it."""

    def __init__(
        self,
        door: str,
        plan: Plan,
        lock: Lock,
        world: World,
        journal: Commits,
        kept: bytes | None,
        show: Callable[[str, Feedback], None] = lambda door, feedback: None,
    ) -> None:
        """``kept`` is what was persisted under :attr:`state_key`. What the lock is like goes into ``plan``
        here. ``show(door, feedback)`` is called for what the door's readers should show by themselves.
        """
        self.door = door
        self._lock = lock
        self._world = world
        self._journal = journal
        self._show = show
        plan = self._with_lock(plan)
        self._state, effects = initial(door, plan, (kept or b"").decode(errors="replace"), world.monotonic())
        self._acts: asyncio.Queue[_Act] = asyncio.Queue()
        self._due: int | None = None
        self._timer = asyncio.Event()
        self._ended = False
        self._retry: asyncio.TimerHandle | None = None
        # a motor lock that is told to lock while its door is open throws its bolt past the frame
        self._throws_bolt: bool = getattr(lock, "throws_bolt", False)
        self._held_back = False
        self._watchers: list[Callable[[Keeper], None]] = []
        self._perform(effects)

    @staticmethod
    def state_key(door: str) -> str:
        return f"mode:{door}"

    @staticmethod
    def holds_fire(kept: bytes | None) -> bool:
        """Whether the lock of a door that kept this has to be made idle."""
        return holds_fire((kept or b"").decode(errors="replace"))

    @property
    def plan(self) -> Plan:
        return self._state.plan

    @property
    def info(self) -> DoorInfo:
        """The door as it stands. Where the bolt is comes from reports only."""
        state = self._state
        return DoorInfo(
            door=self.door,
            mode=state.mode,
            physical=state.physical,
            lock=state.lock,
            alarm=state.alarm,
            fire=state.fire,
        )

    @property
    def busy(self) -> bool:
        """Whether the door is open or can be opened from outside: its neighbour of an interlock waits."""
        return self._state.busy

    @property
    def dismissed(self) -> bool:
        """Whether somebody has locked the free opening of now by hand."""
        return self._state.dismissed

    @property
    def closed(self) -> bool:
        """Whether the contact says so."""
        return self._state.physical is DoorPhysicalState.CLOSED

    def watch(self, changed: Callable[["Keeper"], None]) -> None:
        """Call ``changed(self)`` after each change of the door, and once now."""
        self._watchers.append(changed)
        changed(self)

    def happen(
        self,
        event: DoorEvent,
        monotonic: int | None = None,
        then: Callable[[], None] | None = None,
        keep: Mapping[str, bytes] | None = None,
    ) -> RefusalReason | None:
        """Tell the door what happened at ``monotonic`` (now by default); None, or why it may not be.

        ``keep`` are state entries that are committed in the same transaction as the records. ``then`` is
        called when all that the event wants is done.
        """
        now = self._world.monotonic() if monotonic is None else monotonic
        before = self._state
        self._state, effects = transition(before, event, now)
        for effect in effects:
            if isinstance(effect, Refuse):
                return effect.reason
        self._perform(effects, then, keep)
        if self._held_back and not self._gapes:
            self._held_back = False
            self._acts.put_nowait(_Act((), {}, (Secure(),), None))
        if self._state != before:
            for changed in self._watchers:
                changed(self)
        return None

    def _with_lock(self, plan: Plan) -> Plan:
        lock = self._lock
        # a motor lock takes its time, and knows how long
        confirm_ms = getattr(lock, "confirm_ms", plan.confirm_ms)
        return replace(
            plan, confirms=lock.confirms, frees_when_idle=lock.frees_when_idle, confirm_ms=confirm_ms
        )

    def _perform(
        self,
        effects: Sequence[Effect],
        then: Callable[[], None] | None = None,
        keep: Mapping[str, bytes] | None = None,
    ) -> None:
        records = tuple(effect.event for effect in effects if isinstance(effect, Record))
        moves = tuple(effect for effect in effects if isinstance(effect, Release | Secure | Idle))
        for effect in effects:
            if isinstance(effect, Wake):
                self._due = effect.at
                self._timer.set()
            elif isinstance(effect, Show):
                self._show(self.door, Feedback(effect.signal.value))
        # at once, and once more in its turn: a movement that waits for its record may still be to come
        if Idle() in moves:
            self._tell(Output.IDLE)
        elif Release(at_once=True) in moves and not self._ended:
            self._tell(Output.RELEASED)
        state = dict(keep or {})
        if records:
            state[self.state_key(self.door)] = self._state.kept.encode()
        if state or moves or then is not None:
            self._acts.put_nowait(_Act(records, state, moves, then))

    async def run(self) -> None:
        """Carry out and keep time until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry_out())
            group.create_task(self._keep_time())

    async def probe(self) -> None:
        """Return when this door has carried out all that it was told before; never, if it hangs."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acts.put_nowait(_Act((), {}, (), lambda: None if done.done() else done.set_result(None)))
        await done

    def secure(self) -> None:
        """Hold the door shut from now on, whatever its mode: the agent ends. A fire is stronger still."""
        self._ended = True
        self._tell(Output.IDLE if self._state.fire else Output.HELD)

    def close(self) -> None:
        """Hand what was not yet committed to the journal, once :meth:`run` has ended."""
        if self._retry is not None:
            self._retry.cancel()
        while not self._acts.empty():
            act = self._acts.get_nowait()
            if act.state:
                self._journal.append(act.records, act.state)

    async def _carry_out(self) -> None:
        while True:
            act = await self._acts.get()
            if act.state:
                await self._commit(act)
            for move in act.moves:
                self._move(move)
            if act.then is not None:
                act.then()

    def _move(self, move: Move) -> None:
        if isinstance(move, Idle):
            self._tell(Output.IDLE)
        elif self._ended or self._state.fire:
            return  # what was on its way before must not energise anything any more
        elif isinstance(move, Secure):
            self._tell(Output.HELD)
        elif self._state.released:
            self._tell(Output.RELEASED)
        else:
            return  # while its record was committed the door was told to be shut
        _LOG.info(line("lock", door=self.door, move=type(move).__name__.lower()))

    def _tell(self, output: Output) -> None:
        """Tell the lock. One that does not obey is a fault of its door alone, and is told again."""
        self._held_back = output is Output.HELD and self._gapes
        try:
            if output is Output.IDLE or self._held_back:
                self._lock.idle()
            elif output is Output.RELEASED:
                self._lock.release()
            else:
                self._lock.secure()
        except LockError as error:
            if self._retry is None:
                _LOG.error(line("lock-disobeys", door=self.door, error=error))
                self._report(LockPhysicalState.FAULT)
            else:
                self._retry.cancel()
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._tell_again)
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
            _LOG.info(line("lock-obeys", door=self.door))
            if not self._state.plan.confirms:  # else it says itself where it is
                self._report(LockPhysicalState.UNKNOWN)

    @property
    def _gapes(self) -> bool:
        """Whether a bolt would be thrown past the frame: the door is open, or has not said yet."""
        open_ = self._state.physical in (DoorPhysicalState.OPEN, DoorPhysicalState.UNKNOWN)
        return self._throws_bolt and open_

    def _tell_again(self) -> None:
        shut = self._ended and self._state.output is Output.RELEASED
        self._tell(Output.HELD if shut else self._state.output)

    def _report(self, state: LockPhysicalState) -> None:
        # not in the middle of what the door is just being told
        asyncio.get_running_loop().call_soon(self.happen, LockReported(state))

    async def _commit(self, act: _Act) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        future = self._journal.append(act.records, act.state)
        if not act.moves or Release(at_once=True) in act.moves or Idle() in act.moves:
            return  # nothing moves on the strength of these
        await asyncio.wait({future}, timeout=MAX_COMMIT_WAIT_S)
        if not future.done() or future.exception() is not None:
            waited = round((loop.time() - began) * 1000)
            _LOG.warning(line("late-commit", door=self.door, waited_ms=waited))
            self._journal.append([LateCommit(door=self.door, waited_ms=waited)])

    async def _keep_time(self) -> None:
        while True:
            self._timer.clear()
            due = self._due
            if due is not None and self._world.monotonic() >= due:
                self._due = None
                self.happen(Tick())
            else:
                await wait_until(self._world, self._timer, due)


def interlock(door: Keeper, other: Keeper) -> None:
    """While ``door`` is open or released, nobody enters by ``other``."""
    told: bool | None = None

    def tell(changed: Keeper) -> None:
        nonlocal told
        if changed.busy is not told:
            told = changed.busy
            other.happen(Neighbour(told))

    door.watch(tell)
