"""The door controller: ``transition(state, event, now) -> (state, effects)``.

A door has layers instead of one mode. From the top: fire, lockdown, operator (LockedOpen, then Unlocked or
Blocked), schedule (a free opening), access (a code, AccessDoor, an exit). The highest that stands rules, and
what ends reveals what is below it.

Invariants, each of them tested:

1. Release comes out of an accepted code, of AccessDoor, UnlockDoor, LockOpenDoor, of the end of a layer by
   command over one that releases (lockdown, fire; a staff credential for the latter), of a free opening
   that is told or no longer suspended, or of a request to exit where the plan says so; never out of time, a
   contact, a report of the lock, a panel that is reset, a change of plan or a start.
2. A release by access ends: at the opening (relock "open", after its delay) or the closing (relock
   "close"), else when its time runs out, else when the door has stood open too long.
3. The lock is idle exactly while the fire hold stands, else released exactly in the modes Accessed, Unlocked
   and LockedOpen.
4. In Blocked and LockedDown nothing opens the door by code or AccessDoor, not even while somebody goes out.
   While the neighbour of an interlock is busy nobody enters by code or AccessDoor, and a free opening is
   suspended.
5. The records of a change come before the movement of the lock that they describe. A release for an exit
   waits for none, and neither does Idle.
6. DoorForcedOpen needs a change from Closed to Open while the lock holds: a door that is open at start, or
   after its contact was lost, was not forced. Both alarms end when the door closes or in fire, not before.
7. What is refused changes nothing.
8. Who wants out is never refused and never an alarm: while the inside handle is held, and once within the
   release time after it was let go at a door that is not open, an opening is expected, in every mode. Too
   long is too long.
9. From the fire alarm on no effect energises the lock, and no alarm begins, until the panel is reset and a
   person has confirmed it: ConfirmFireReset, or a staff credential at the door. The hold outlives a restart.
10. Time only ends things: a Tick at any moment makes no door freer than it was.
11. A lock that confirms and does not report what is wanted in time is a fault, once, until it reports. Its
    state comes from its reports and from nothing else.

How modes answer (rows) to what may be asked; ``-`` refuses, ``=`` is carried out and moves nothing:

                 access   unlock    lock     block     lock down    release    lock open    release
    Locked       Accessed Unlocked  =        Blocked   LockedDown   -          LockedOpen   -
    Unlocked     =        =         Locked   Blocked   LockedDown   -          LockedOpen   -
    Accessed     again    Unlocked  Locked   Blocked   LockedDown   -          LockedOpen   -
    Blocked      -        Unlocked  Locked   =         LockedDown   -          LockedOpen   -
    LockedDown   -        -         -        -         =            below      -            -
    LockedOpen   =        -         -        -         LockedDown   -          =            below
    in fire      -        -         -        -         -            -          -            -

LockDoor also ends the free opening that runs, until its window is over, also across a restart.
ConfirmFireReset is carried out in fire only, once the panel is reset. The attack button is LockDownDoor, and
in fire a lockdown for afterwards.

Sources: ONVIF ``doorcontrol.wsdl`` for modes and operations, common controllers for relock and alarms.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessNotUsed,
    CommandExecuted,
    DoorModeChanged,
    Event,
    ModeCause,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState

from .settling import Told, begin, settle
from .states import (
    FIRE,
    Access,
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    DoorEvent,
    DoorState,
    Effect,
    ExitEnded,
    ExitPressed,
    FireInput,
    Free,
    FreeOpening,
    LockdownButton,
    LockReported,
    Neighbour,
    Opened,
    Phase,
    Plan,
    PlanChanged,
    Refuse,
    Tick,
)

Step = tuple[DoorState, Told] | Refuse

SHUNT_MS: Final = 500
"""An opening so soon after a release ran out belongs to it: the contact is debounced, so it reports late."""

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
    # Locked stands for "below" in the two releases
    _D: (_x, _x, _x, _x, _D, _L, _x, _x),
    _O: (_O, _x, _x, _x, _D, _x, _O, _L),
}
TABLE: Final[dict[tuple[DoorMode, DoorAction], DoorMode]] = {
    (mode, action): row[place]
    for mode, row in _TABLE.items()
    for place, action in enumerate(_ORDER)
    if row[place] is not _REFUSED
}
"""The mode that follows; a pair that is absent is refused."""

_LAYERS: Final[dict[DoorAction, dict[str, Any]]] = {
    DoorAction.UNLOCK: {"operator": _U},
    DoorAction.LOCK: {"operator": _L},
    DoorAction.BLOCK: {"operator": _B},
    DoorAction.LOCK_DOWN: {"lockdown": True},
    DoorAction.LOCK_DOWN_RELEASE: {"lockdown": False},
    DoorAction.LOCK_OPEN: {"locked_open": True},
    DoorAction.LOCK_OPEN_RELEASE: {"locked_open": False},
}
"""The layer that each action sets."""


def initial(door: str, plan: Plan, kept: str = "", now: int = 0) -> tuple[DoorState, tuple[Effect, ...]]:
    """A door at the start of the agent, held shut whatever it was, or idle where a fire is not confirmed.

    ``kept`` is :attr:`DoorState.kept` of before the restart: the fire hold, LockedDown and Blocked come
    back, nothing that releases does. A panel that has not spoken yet is not reset.
    """
    layers = kept.split("/")
    fire = FIRE in layers
    state = DoorState(
        door=door,
        plan=plan,
        fire=fire,
        fire_input=fire,
        lockdown=_D.value in layers,
        operator=_B if _B.value in layers else _L,
    )
    return begin(state, now)


def holds_fire(kept: str) -> bool:
    """Whether a door that kept this must not energise its lock, not even for the start."""
    return FIRE in kept.split("/")


def transition(state: DoorState, event: DoorEvent, now: int) -> tuple[DoorState, tuple[Effect, ...]]:
    """The door after ``event`` at monotonic ``now`` (ms), and what has to be done, in order. Never raises."""
    # a window that is over must not count any more, even where its Tick is late
    current = _end_free(state, now) if state.free is not None and now >= state.free.until else state
    step = _RULES[type(event)](current, event, now)
    if isinstance(step, Refuse):
        return state, (step,)
    after, told = step
    if current is not state and told.cause is ModeCause.RELOCK:
        told = replace(told, cause=ModeCause.SCHEDULE)
    return settle(state, after, told, now)


# --- building blocks ----------------------------------------------------------------------------------


def _just_ended(state: DoorState, now: int) -> int | None:
    """``shunt_until`` where what releases the lock, if it was released, ends now."""
    return now + SHUNT_MS if state.released else state.shunt_until


def _end_free(state: DoorState, now: int) -> DoorState:
    return replace(state, free=None, shunt_until=_just_ended(state, now))


def _access(state: DoorState, now: int, grant: str | None, *, extended: bool, going_out: bool) -> DoorState:
    """Let one person through: release for the release time, or begin it again."""
    running = state.access
    longer = extended or (running is not None and state.extended)
    until = now + (state.plan.extended_release_ms if longer else state.plan.release_ms)
    out = going_out or (running is not None and running.exit)
    return replace(state, access=Access(until, grant, out), extended=longer, shunt_until=None)


def _confirm(state: DoorState, now: int) -> DoorState:
    """A person says that the fire is over."""
    return replace(state, fire=False, shunt_until=now + SHUNT_MS)


def _expected(state: DoorState, now: int) -> bool:
    """Whether an opening now is somebody's who may: the lock lets go or just did, or somebody goes out."""
    just_released = state.shunt_until is not None and now <= state.shunt_until
    going_out = state.exit_held or (state.exit_until is not None and now <= state.exit_until)
    return state.fire or state.released or just_released or going_out


# --- rules, one for each kind of event ----------------------------------------------------------------


def _code_accepted(state: DoorState, event: CodeAccepted, now: int) -> Step:
    granted = AccessGranted(
        door=state.door, grant=event.grant, duress=event.duress, offline=event.offline, space=event.space
    )
    if state.fire:
        if state.fire_input or not event.staff:
            return Refuse(RefusalReason.FIRE)
        return _confirm(state, now), Told((granted,), ModeCause.FIRE, event.grant)
    target = TABLE.get((state.standing, DoorAction.ACCESS))
    if target is None:
        return Refuse(RefusalReason.DOOR_MODE)
    if target is _A and state.neighbour_busy:
        return Refuse(RefusalReason.INTERLOCK)
    if state.free is not None and state.free.phase is Phase.WAITING:
        opened = replace(state, free=replace(state.free, phase=Phase.ON))
        return opened, Told((granted,), ModeCause.SCHEDULE, event.grant)
    if target is _A:
        state = _access(state, now, event.grant, extended=event.extended, going_out=False)
    return state, Told((granted,), ModeCause.CODE, event.grant)


def _commanded(state: DoorState, event: Commanded, now: int) -> Step:
    executed = CommandExecuted(door=state.door, command=event.command, action=event.action)
    if event.action is DoorAction.CONFIRM_FIRE_RESET:
        if not state.fire:
            return Refuse(RefusalReason.DOOR_MODE)
        if state.fire_input:
            return Refuse(RefusalReason.FIRE)
        return _confirm(state, now), Told((executed,), ModeCause.FIRE, event.command)
    if state.fire:
        return Refuse(RefusalReason.FIRE)
    target = TABLE.get((state.standing, event.action))
    if target is None:
        return Refuse(RefusalReason.DOOR_MODE)
    told = Told((executed,), ModeCause.COMMAND, event.command)
    if event.action is DoorAction.ACCESS:
        if target is not _A:
            return state, told
        if state.neighbour_busy:
            return Refuse(RefusalReason.INTERLOCK)
        return _access(state, now, None, extended=False, going_out=False), told
    after = replace(state, access=None, shunt_until=None, **_LAYERS[event.action])
    if event.action is DoorAction.LOCK and after.free is not None:
        after = replace(after, free=replace(after.free, phase=Phase.DISMISSED))
    return after, told


def _lockdown_button(state: DoorState, event: LockdownButton, now: int) -> Step:
    # under a fire it moves nothing and stands afterwards: that has to be on disk too
    unseen = state.fire and not state.lockdown
    note = DoorModeChanged(door=state.door, mode=state.mode, cause=ModeCause.BUTTON)
    after = replace(state, lockdown=True, access=None, shunt_until=None)
    return after, Told((note,) if unseen else (), ModeCause.BUTTON)


def _opened(state: DoorState, event: Opened, now: int) -> Step:
    before, access = state.physical, state.access
    if before is DoorPhysicalState.OPEN:
        return state, Told()
    theirs = access is not None or (state.shunt_until is not None and now <= state.shunt_until)
    after = replace(
        state,
        physical=DoorPhysicalState.OPEN,
        extended=state.extended and theirs,
        shunt_until=None,
        exit_until=None,
    )
    if before is not DoorPhysicalState.CLOSED:
        return after, Told()
    if access is None:
        return after if _expected(state, now) else replace(after, alarm=DoorAlarm.FORCED_OPEN), Told()
    if state.plan.relock == "close":
        return replace(after, access=replace(access, until=None, used=True)), Told()
    delay = state.plan.relock_delay_ms
    held = replace(access, until=now + delay, used=True) if delay else None
    return replace(after, access=held), Told()


def _closed(state: DoorState, event: Closed, now: int) -> Step:
    if state.physical is DoorPhysicalState.CLOSED:
        return state, Told()
    # an access that nobody has used yet was given at the open door, and goes on
    access = state.access if state.access is not None and not state.access.used else None
    after = replace(state, physical=DoorPhysicalState.CLOSED, alarm=DoorAlarm.NORMAL, access=access)
    return replace(after, extended=state.extended and access is not None), Told()


def _contact_lost(state: DoorState, event: ContactLost, now: int) -> Step:
    # nobody will tell when it closes
    passed = state.access is not None and state.access.used
    access = None if passed else state.access
    return replace(state, physical=DoorPhysicalState.FAULT, access=access), Told()


def _tick(state: DoorState, event: Tick, now: int) -> Step:
    after, notes = state, list[Event]()
    access = state.access
    if access is not None and access.until is not None and now >= access.until:
        if not access.used and state.physical is DoorPhysicalState.CLOSED:
            notes.append(AccessNotUsed(door=state.door, grant=access.grant))
        after = replace(after, access=None, shunt_until=now + SHUNT_MS)
    if after.pre_alarm_at is not None and now >= after.pre_alarm_at:
        after = replace(after, pre_alarm_at=None, pre_alarm=True)
    if after.open_until is not None and now >= after.open_until:
        waits = after.access is not None and after.access.until is None
        after = replace(after, alarm=DoorAlarm.OPEN_TOO_LONG, access=None if waits else after.access)
    if after.lock_due is not None and now >= after.lock_due:
        after = replace(after, lock=LockPhysicalState.FAULT, lock_due=None)
    return after, Told(tuple(notes))


def _exit_pressed(state: DoorState, event: ExitPressed, now: int) -> Step:
    after = replace(state, exit_held=True, exit_until=None)
    # free already, or nothing there is energised that could be let go
    if not state.plan.exit_releases or state.fire or state.mode in (_U, _O):
        return after, Told()
    grant = state.access.grant if state.access is not None else None
    return _access(after, now, grant, extended=False, going_out=True), Told((), ModeCause.EXIT, at_once=True)


def _exit_ended(state: DoorState, event: ExitEnded, now: int) -> Step:
    if not state.exit_held:
        return state, Told()
    # an open door: who wanted out is on the way, and nobody else will open it
    used = state.physical is DoorPhysicalState.OPEN
    return replace(state, exit_held=False, exit_until=None if used else now + state.plan.release_ms), Told()


def _lock_reported(state: DoorState, event: LockReported, now: int) -> Step:
    due = None if event.state is state.wanted else state.lock_due
    return replace(state, lock=event.state, lock_due=due), Told()


def _fire_input(state: DoorState, event: FireInput, now: int) -> Step:
    if not event.active:
        return replace(state, fire_input=False), Told()
    after = replace(state, fire=True, fire_input=True, alarm=DoorAlarm.NORMAL, extended=False)
    return after, Told((), ModeCause.FIRE)


def _neighbour(state: DoorState, event: Neighbour, now: int) -> Step:
    after = replace(state, neighbour_busy=event.busy)
    ended = state.released and not after.released
    return replace(after, shunt_until=now + SHUNT_MS) if ended else after, Told((), ModeCause.SCHEDULE)


def _free_opening(state: DoorState, event: FreeOpening, now: int) -> Step:
    told = Told((), ModeCause.SCHEDULE)
    if event.until is None or event.until <= now:
        return _end_free(state, now) if state.free is not None else state, told
    phase = Phase.WAITING if event.first_person else Phase.ON
    phase = Phase.DISMISSED if event.dismissed else phase
    known = state.free.phase if state.free is not None else phase
    # it begins once: whoever has locked the door by hand, or come as the first, has done so for this window
    phase = phase if known is Phase.WAITING else known
    return replace(state, free=Free(event.until, phase)), told


def _plan_changed(state: DoorState, event: PlanChanged, now: int) -> Step:
    return replace(state, plan=event.plan), Told()


_RULES: Final[dict[type[DoorEvent], Callable[[DoorState, Any, int], Step]]] = {
    CodeAccepted: _code_accepted,
    Commanded: _commanded,
    Opened: _opened,
    Closed: _closed,
    ContactLost: _contact_lost,
    ExitPressed: _exit_pressed,
    ExitEnded: _exit_ended,
    LockReported: _lock_reported,
    FireInput: _fire_input,
    LockdownButton: _lockdown_button,
    Neighbour: _neighbour,
    FreeOpening: _free_opening,
    Tick: _tick,
    PlanChanged: _plan_changed,
}
