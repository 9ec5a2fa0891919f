"""The door controller: ``transition(state, event, now) -> (state, effects)``.

Invariants, each of them tested:

1. Release comes out of an accepted code, of AccessDoor, UnlockDoor, LockOpenDoor, of the end of a lock-
   down over an unlocked door, or of a request to exit where the plan says so; never out of time, a contact, a
   change of plan or a start.
2. A release by access ends: at the opening (relock "open") or the closing (relock "close"), else when its
   time runs out, else when the door has stood open too long. It ends in Locked, or in the Blocked or
   LockedDown that an exit had interrupted.
3. The lock is released exactly in the modes Accessed, Unlocked and LockedOpen.
4. In Blocked, LockedDown (and LockedOpen, which needs its own release) nothing opens the door by code or
   AccessDoor, not even while somebody goes out.
5. The records of a change come before the movement of the lock that they describe; a release for an exit
   waits for none.
6. DoorForcedOpen needs a change from Closed to Open while the lock holds: a door that is open at start, or
   after its contact was lost, was not forced. Both alarms end when the door closes, and not before.
7. What is refused changes nothing.
8. Who wants out is never refused and never an alarm: while the inside handle is held, and once within the
   release time after it was let go at a door that is not open, an opening is expected, in every mode. Too
   long is too long.

How modes answer (rows) to what may be asked; ``-`` refuses, ``=`` is carried out and moves nothing:

                 access   unlock    lock     block     lock down    release    lock open    release
    Locked       Accessed Unlocked  =        Blocked   LockedDown   -          LockedOpen   -
    Unlocked     =        =         Locked   Blocked   LockedDown   -          LockedOpen   -
    Accessed     again    Unlocked  Locked   Blocked   LockedDown   -          LockedOpen   -
    Blocked      -        Unlocked  Locked   =         LockedDown   -          LockedOpen   -
    LockedDown   -        -         -        -         =            below      -            -
    LockedOpen   =        -         -        -         -            -          =            below

Sources: ONVIF ``doorcontrol.wsdl`` for modes and operations, common controllers for relock and alarms.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessNotUsed,
    CommandExecuted,
    DoorAlarmChanged,
    DoorModeChanged,
    DoorPhysicalChanged,
    ModeCause,
)
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState

from .states import (
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    DoorEvent,
    DoorState,
    Effect,
    ExitEnded,
    ExitPressed,
    Opened,
    Plan,
    PlanChanged,
    Record,
    Refuse,
    Release,
    Secure,
    Tick,
    Wake,
)

Step = tuple[DoorState, list[Effect]]

SHUNT_MS: Final = 500
"""An opening so soon after a release ran out belongs to it: the contact is debounced, so it reports late."""

FREE: Final = frozenset({DoorMode.ACCESSED, DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN})
"""Modes in which the lock is released."""

FIRM: Final = frozenset({DoorMode.BLOCKED, DoorMode.LOCKED_DOWN})
"""Modes that keep everybody out, and nobody in."""

_REFUSED: Final = DoorMode.UNKNOWN
_L, _U, _A = DoorMode.LOCKED, DoorMode.UNLOCKED, DoorMode.ACCESSED
_B, _D, _O = DoorMode.BLOCKED, DoorMode.LOCKED_DOWN, DoorMode.LOCKED_OPEN
_ORDER: Final = (
    DoorAction.ACCESS,
    DoorAction.UNLOCK,
    DoorAction.LOCK,
    DoorAction.BLOCK,
    DoorAction.LOCK_DOWN,
    DoorAction.LOCK_DOWN_RELEASE,
    DoorAction.LOCK_OPEN,
    DoorAction.LOCK_OPEN_RELEASE,
)
_x: Final = _REFUSED
_TABLE: Final[dict[DoorMode, tuple[DoorMode, ...]]] = {
    _L: (_A, _U, _L, _B, _D, _x, _O, _x),
    _U: (_U, _U, _L, _B, _D, _x, _O, _x),
    _A: (_A, _U, _L, _B, _D, _x, _O, _x),
    _B: (_x, _U, _L, _B, _D, _x, _O, _x),
    # Unlocked and Locked stand for "below" in the two releases
    _D: (_x, _x, _x, _x, _D, _L, _x, _x),
    _O: (_O, _x, _x, _x, _x, _x, _O, _L),
}
TABLE: Final[dict[tuple[DoorMode, DoorAction], DoorMode]] = {
    (mode, action): row[place]
    for mode, row in _TABLE.items()
    for place, action in enumerate(_ORDER)
    if row[place] is not _REFUSED
}
"""The mode that follows; a pair that is absent is refused."""


def initial(
    door: str, plan: Plan, kept: DoorMode = DoorMode.LOCKED, below: DoorMode = DoorMode.LOCKED
) -> Step:
    """A door at the start of the agent: held shut, whatever it was.

    ``kept`` is the mode before the restart, ``below`` what it would have revealed: Blocked and LockedDown
    come back, no mode that releases does.
    """
    below = below if below in FIRM else DoorMode.LOCKED
    mode = below if kept is DoorMode.LOCKED_OPEN else kept if kept in FIRM else DoorMode.LOCKED
    revealed = below if mode is DoorMode.LOCKED_DOWN else DoorMode.LOCKED
    state = DoorState(door=door, plan=plan, mode=mode, below=revealed)
    return state, [Record(DoorModeChanged(door=door, mode=mode, cause=ModeCause.START)), Secure()]


def transition(state: DoorState, event: DoorEvent, now: int) -> tuple[DoorState, tuple[Effect, ...]]:
    """The door after ``event`` at monotonic ``now`` (ms), and what has to be done, in order. Never raises."""
    after, effects = _RULES[type(event)](state, event, now)
    due = _due(after)
    if due is not None and due != _due(state):
        effects.append(Wake(due))
    return after, tuple(effects)


def _due(state: DoorState) -> int | None:
    return min((at for at in (state.release_until, state.open_until) if at is not None), default=None)


# --- building blocks ----------------------------------------------------------------------------------


def _enter(state: DoorState, mode: DoorMode, cause: ModeCause, reference: str | None) -> Step:
    """Change the mode and move the lock if the new mode wants it elsewhere; ends what an access had begun."""
    effects: list[Effect] = []
    if mode is not state.mode:
        changed = DoorModeChanged(door=state.door, mode=mode, cause=cause, reference=reference)
        effects.append(Record(changed))
    free = mode in FREE
    if free is not state.released:
        effects.append(Release(at_once=cause is ModeCause.EXIT) if free else Secure())
    after = replace(
        state,
        mode=mode,
        after=DoorMode.LOCKED,
        released=free,
        release_until=None,
        shunt_until=None,
        grant=None,
    )
    return after, effects


def _relock(state: DoorState) -> Step:
    """End an access."""
    return _enter(state, state.after, ModeCause.RELOCK, None)


def _watch(state: DoorState, now: int) -> DoorState:
    """Set or clear the time after which an open door is open too long."""
    watched = (
        state.physical is DoorPhysicalState.OPEN
        and state.alarm is DoorAlarm.NORMAL
        and state.mode not in (DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN)
    )
    if not watched:
        return replace(state, open_until=None)
    return state if state.open_until is not None else replace(state, open_until=now + state.plan.open_ms)


def _alarm(state: DoorState, alarm: DoorAlarm) -> Step:
    if alarm is state.alarm:
        return state, []
    return replace(state, alarm=alarm), [Record(DoorAlarmChanged(door=state.door, alarm=alarm))]


def _see(state: DoorState, physical: DoorPhysicalState) -> Step:
    changed = Record(DoorPhysicalChanged(door=state.door, state=physical))
    return replace(state, physical=physical), [changed]


def _expected(state: DoorState, now: int) -> bool:
    """Whether an opening now is somebody's who may: the lock lets go or just did, or somebody goes out."""
    just_released = state.shunt_until is not None and now <= state.shunt_until
    going_out = state.exit_held or (state.exit_until is not None and now <= state.exit_until)
    return state.released or just_released or going_out


def _access(state: DoorState, now: int, cause: ModeCause, reference: str | None, grant: str | None) -> Step:
    """Let one person through: release for the release time, or begin it again."""
    after, effects = _enter(state, DoorMode.ACCESSED, cause, reference)
    # an access on top of an access: the door was released for somebody else a moment ago
    return replace(after, release_until=now + state.plan.release_ms, grant=grant), effects


# --- rules, one for each kind of event ----------------------------------------------------------------


def _code_accepted(state: DoorState, event: CodeAccepted, now: int) -> Step:
    target = TABLE.get((state.standing, DoorAction.ACCESS))
    if target is None:
        return state, [Refuse()]
    granted = Record(AccessGranted(door=state.door, grant=event.grant))
    if target is not DoorMode.ACCESSED:
        return state, [granted]
    after, effects = _access(state, now, ModeCause.CODE, event.grant, event.grant)
    return _watch(after, now), [granted, *effects]


def _commanded(state: DoorState, event: Commanded, now: int) -> Step:
    target = TABLE.get((state.standing, event.action))
    if target is None:
        return state, [Refuse()]
    executed = Record(CommandExecuted(door=state.door, command=event.command, action=event.action))
    cause = ModeCause.COMMAND
    if target is DoorMode.ACCESSED:
        after, effects = _access(state, now, cause, event.command, None)
        return _watch(after, now), [executed, *effects]
    if event.action in (DoorAction.LOCK_DOWN_RELEASE, DoorAction.LOCK_OPEN_RELEASE):
        target = state.below
    elif target in (DoorMode.LOCKED_DOWN, DoorMode.LOCKED_OPEN) and target is not state.standing:
        # an access does not come back: it has ended when somebody locks down in the middle of it
        below = DoorMode.LOCKED if state.standing is DoorMode.ACCESSED else state.standing
        state = replace(state, below=below)
    after, effects = _enter(state, target, cause, event.command)
    return _watch(after, now), [executed, *effects]


def _opened(state: DoorState, event: Opened, now: int) -> Step:
    before = state.physical
    if before is DoorPhysicalState.OPEN:
        return state, []
    after, effects = _see(state, DoorPhysicalState.OPEN)
    if before is DoorPhysicalState.CLOSED:
        if after.mode is DoorMode.ACCESSED:
            after = replace(after, release_until=None)
            if after.plan.relock == "open":
                after, more = _relock(after)
                effects += more
        elif not _expected(after, now):
            after, more = _alarm(after, DoorAlarm.FORCED_OPEN)
            effects += more
    return _watch(replace(after, shunt_until=None, exit_until=None), now), effects


def _closed(state: DoorState, event: Closed, now: int) -> Step:
    if state.physical is DoorPhysicalState.CLOSED:
        return state, []
    after, effects = _see(state, DoorPhysicalState.CLOSED)
    after, more = _alarm(after, DoorAlarm.NORMAL)
    effects += more
    if after.mode is DoorMode.ACCESSED and after.release_until is None:
        after, more = _relock(after)
        effects += more
    return _watch(after, now), effects


def _contact_lost(state: DoorState, event: ContactLost, now: int) -> Step:
    if state.physical is DoorPhysicalState.FAULT:
        return state, []
    after, effects = _see(state, DoorPhysicalState.FAULT)
    if after.mode is DoorMode.ACCESSED and after.release_until is None:
        # nobody will tell when it closes
        after, more = _relock(after)
        effects += more
    return _watch(after, now), effects


def _tick(state: DoorState, event: Tick, now: int) -> Step:
    after, effects = state, list[Effect]()
    if after.release_until is not None and now >= after.release_until:
        if after.physical is DoorPhysicalState.CLOSED:
            effects.append(Record(AccessNotUsed(door=after.door, grant=after.grant)))
        after, more = _relock(after)
        after = replace(after, shunt_until=now + SHUNT_MS)
        effects += more
    if after.open_until is not None and now >= after.open_until:
        after, more = _alarm(replace(after, open_until=None), DoorAlarm.OPEN_TOO_LONG)
        effects += more
        if after.mode is DoorMode.ACCESSED and after.release_until is None:
            after, more = _relock(after)
            effects += more
    return after, effects


def _exit_pressed(state: DoorState, event: ExitPressed, now: int) -> Step:
    after = replace(state, exit_held=True, exit_until=None)
    if not state.plan.exit_releases or state.mode in (DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN):
        return after, []
    interrupted = state.standing if state.standing in FIRM else DoorMode.LOCKED
    after, effects = _access(after, now, ModeCause.EXIT, None, state.grant)
    return _watch(replace(after, after=interrupted), now), effects


def _exit_ended(state: DoorState, event: ExitEnded, now: int) -> Step:
    if not state.exit_held:
        return state, []
    # an open door: who wanted out is on the way, and nobody else will open it
    used = state.physical is DoorPhysicalState.OPEN
    return replace(state, exit_held=False, exit_until=None if used else now + state.plan.release_ms), []


def _plan_changed(state: DoorState, event: PlanChanged, now: int) -> Step:
    return replace(state, plan=event.plan), []


_RULES: Final[dict[type[DoorEvent], Callable[[DoorState, Any, int], Step]]] = {
    CodeAccepted: _code_accepted,
    Commanded: _commanded,
    Opened: _opened,
    Closed: _closed,
    ContactLost: _contact_lost,
    ExitPressed: _exit_pressed,
    ExitEnded: _exit_ended,
    Tick: _tick,
    PlanChanged: _plan_changed,
}
