"""What follows from a change of a door: the difference of two states, as effects in their order."""

from dataclasses import dataclass, replace
from typing import Final

from pleintemps_contract.agent_messages import (
    DoorAlarmChanged,
    DoorFireChanged,
    DoorModeChanged,
    DoorPhysicalChanged,
    Event,
    FreeOpeningChanged,
    LockPhysicalChanged,
    ModeCause,
)
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState

from .states import DoorState, Effect, Idle, Output, Record, Release, Secure, Show, Signal, Wake


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule adds to the layers that it has changed: ``notes`` are records that go before all others,
    ``reference`` is the grant or command behind it. ``at_once``: somebody wants out.
    """

    notes: tuple[Event, ...] = ()
    cause: ModeCause = ModeCause.RELOCK
    reference: str | None = None
    at_once: bool = False


_MOVES: Final[dict[Output, Effect]] = {Output.HELD: Secure(), Output.IDLE: Idle(), Output.RELEASED: Release()}


def settle(before: DoorState, after: DoorState, told: Told, now: int) -> tuple[DoorState, tuple[Effect, ...]]:
    """``after`` with all that follows from it, and the effects in their order."""
    moved = after.output is not before.output
    after = _expect(_watch(_without_lost_access(after), now), moved, now)
    effects: list[Effect] = [Record(event) for event in (*told.notes, *_changes(before, after, told))]
    if moved:
        effects.append(Release(at_once=True) if after.released and told.at_once else _MOVES[after.output])
    if after.pre_alarm is not before.pre_alarm:
        effects.append(Show(Signal.PRE_ALARM if after.pre_alarm else Signal.QUIET))
    due = next_due(after)
    if due is not None and due != next_due(before):
        effects.append(Wake(due))
    return after, tuple(effects)


def begin(state: DoorState, now: int) -> tuple[DoorState, tuple[Effect, ...]]:
    """The start of a door: its lock is told once, whatever it was told before."""
    after = _expect(state, True, now)
    started = DoorModeChanged(door=after.door, mode=after.mode, cause=ModeCause.START)
    effects: list[Effect] = [Record(started), _MOVES[after.output]]
    if after.lock_due is not None:
        effects.append(Wake(after.lock_due))
    return after, tuple(effects)


def next_due(state: DoorState) -> int | None:
    """When time alone changes something."""
    times = (
        state.access.until if state.access is not None else None,
        state.free.until if state.free is not None else None,
        state.open_until,
        state.pre_alarm_at,
        state.lock_due,
    )
    return min((at for at in times if at is not None), default=None)


def _changes(before: DoorState, after: DoorState, told: Told) -> list[Event]:
    door, reference = after.door, told.reference
    found: list[Event] = []
    if after.physical is not before.physical:
        found.append(DoorPhysicalChanged(door=door, state=after.physical))
    if after.lock is not before.lock:
        found.append(LockPhysicalChanged(door=door, state=after.lock))
    if after.fire is not before.fire:
        found.append(DoorFireChanged(door=door, active=after.fire, reference=reference))
    if after.alarm is not before.alarm:
        found.append(DoorAlarmChanged(door=door, alarm=after.alarm))
    if after.free_open is not before.free_open:
        found.append(FreeOpeningChanged(door=door, active=after.free_open, reference=reference))
    if after.mode is not before.mode:
        found.append(DoorModeChanged(door=door, mode=after.mode, cause=told.cause, reference=reference))
    return found


def _without_lost_access(state: DoorState) -> DoorState:
    """An access that a layer has covered is over; an exit is covered by fire only."""
    lives = state.access is not None and state.mode is DoorMode.ACCESSED
    return state if lives else replace(state, access=None)


def _watch(state: DoorState, now: int) -> DoorState:
    """Set or clear the time after which an open door is open too long."""
    watched = (
        state.physical is DoorPhysicalState.OPEN
        and state.alarm is DoorAlarm.NORMAL
        and not state.fire
        and state.mode not in (DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN)
    )
    if not watched:
        return replace(state, open_until=None, pre_alarm_at=None, pre_alarm=False)
    if state.open_until is not None:
        return state
    plan = state.plan
    open_ms = plan.extended_open_ms if state.extended else plan.open_ms
    warned = 0 < plan.pre_alarm_ms < open_ms
    until = now + open_ms
    return replace(state, open_until=until, pre_alarm_at=until - plan.pre_alarm_ms if warned else None)


def _wanted(state: DoorState) -> LockPhysicalState | None:
    """What a lock that confirms should report; where the door is not shut a bolt may well stay back."""
    if not state.plan.confirms or state.fire:
        return None
    if state.released:
        return LockPhysicalState.UNLOCKED
    shut = state.physical in (DoorPhysicalState.CLOSED, DoorPhysicalState.UNKNOWN)
    return LockPhysicalState.LOCKED if shut else None


def _expect(state: DoorState, moved: bool, now: int) -> DoorState:
    """Set or clear the time by which the lock must have reported what is wanted of it."""
    wanted = _wanted(state)
    if wanted is state.wanted and not moved:
        return state
    # a movement wants its own answer; a door that closes is content with what the lock has said before
    met = wanted is None or (wanted is state.lock and not moved)
    return replace(state, wanted=wanted, lock_due=None if met else now + state.plan.confirm_ms)
