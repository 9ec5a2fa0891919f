"""What a door is in, what happens to it, what it wants done. Times are monotonic milliseconds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from pleintemps_contract.agent_messages import Event, RefusalReason
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState

Relock = Literal["open", "close"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Timings of one door, and what its lock is like.

    ReleaseTime, OpenTime and the two for people who need longer, DelayTimeBeforeRelock (after the opening,
    with relock "open"), PreAlarmTime (at the end of OpenTime; 0, or not shorter than it, is none).
    ``relock`` is the moment that ends a release; ``exit_releases`` is whether a request to exit moves the
    lock: not needed where the inside handle does it by itself. ``frees_when_idle``: a lock that nothing
    energises lets in from outside. ``confirms``: the lock answers every movement, within ``confirm_ms``.
    """

    release_ms: int = 5_000
    open_ms: int = 30_000
    extended_release_ms: int = 15_000
    extended_open_ms: int = 60_000
    relock_delay_ms: int = 0
    pre_alarm_ms: int = 5_000
    relock: Relock = "open"
    exit_releases: bool = False
    frees_when_idle: bool = False
    confirms: bool = False
    confirm_ms: int = 3_000


class Output(StrEnum):
    """What a lock is told."""

    HELD = "held"
    RELEASED = "released"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Access:
    """One person's way through. ``until`` ends it, None while only the closing of the door does.

    ``used`` is after the opening. ``exit``: who goes out passes Blocked and LockedDown, which stand again
    afterwards.
    """

    until: int | None
    grant: str | None = None
    exit: bool = False
    used: bool = False


class Phase(StrEnum):
    """A free opening: waits for its first person, is on, or was locked by hand for the rest of its time."""

    WAITING = "waiting"
    ON = "on"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Free:
    """The free opening of now, which ends at ``until``."""

    until: int
    phase: Phase


FIRE: Final = "Fire"
"""The name of the fire hold among what is kept."""


@dataclass(frozen=True, slots=True)
class DoorState:
    """One door. Its mode is not stored: it follows from the layers, of which the highest that stands rules.

    Layers, from the top: ``fire`` (``fire_input`` is what the panel says now), ``lockdown``, the operator's
    ``locked_open`` and ``operator`` (Unlocked, Blocked, or Locked for no wish), ``free`` (suspended while
    the neighbour of an interlock is busy), ``access``.

    ``open_until`` is when an open door becomes DoorOpenTooLong, ``pre_alarm_at`` when its pre-alarm begins,
    ``pre_alarm`` while that is shown. ``extended``: the longer times hold for the opening that is expected
    or stands. ``shunt_until`` is until when an opening is still that of a release which has just run out (a
    debounced contact reports late). ``exit_held`` is while the inside handle is pressed, ``exit_until``
    until when an opening is that of a handle that was let go. ``lock`` is what the lock has reported,
    ``wanted`` what it should report, and ``lock_due`` until when.
    """

    door: str
    plan: Plan
    fire: bool = False
    fire_input: bool = False
    lockdown: bool = False
    locked_open: bool = False
    operator: DoorMode = DoorMode.LOCKED
    free: Free | None = None
    neighbour_busy: bool = False
    access: Access | None = None
    physical: DoorPhysicalState = DoorPhysicalState.UNKNOWN
    alarm: DoorAlarm = DoorAlarm.NORMAL
    extended: bool = False
    open_until: int | None = None
    pre_alarm_at: int | None = None
    pre_alarm: bool = False
    shunt_until: int | None = None
    exit_held: bool = False
    exit_until: int | None = None
    lock: LockPhysicalState = LockPhysicalState.UNKNOWN
    wanted: LockPhysicalState | None = None
    lock_due: int | None = None

    @property
    def free_open(self) -> bool:
        """Whether the free opening is on, suspended or not."""
        return self.free is not None and self.free.phase is Phase.ON

    @property
    def dismissed(self) -> bool:
        """Whether the free opening of now was locked by hand."""
        return self.free is not None and self.free.phase is Phase.DISMISSED

    @property
    def standing(self) -> DoorMode:
        """The mode without an exit that passes through it: it answers whoever wants in."""
        if self.fire:
            return DoorMode.LOCKED_OPEN if self.plan.frees_when_idle else DoorMode.BLOCKED
        if self.lockdown:
            return DoorMode.LOCKED_DOWN
        if self.locked_open:
            return DoorMode.LOCKED_OPEN
        if self.operator is not DoorMode.LOCKED:
            return self.operator
        if self.free_open and not self.neighbour_busy:
            return DoorMode.UNLOCKED
        return DoorMode.ACCESSED if self.access is not None else DoorMode.LOCKED

    @property
    def mode(self) -> DoorMode:
        going_out = self.access is not None and self.access.exit and not self.fire
        return DoorMode.ACCESSED if going_out else self.standing

    @property
    def output(self) -> Output:
        """What the lock is told in this state."""
        if self.fire:
            return Output.IDLE
        free = (DoorMode.ACCESSED, DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN)
        return Output.RELEASED if self.mode in free else Output.HELD

    @property
    def released(self) -> bool:
        return self.output is Output.RELEASED

    @property
    def busy(self) -> bool:
        """For the other door of an interlock: this one is open, or can be opened from outside."""
        idle = self.output is Output.IDLE and self.plan.frees_when_idle
        return self.physical is DoorPhysicalState.OPEN or self.released or idle

    @property
    def kept(self) -> str:
        """What outlives a restart: nothing that releases, but the fire hold. For :func:`.initial`."""
        layers = [FIRE] if self.fire else []
        if self.lockdown:
            layers.append(DoorMode.LOCKED_DOWN.value)
        if self.operator is DoorMode.BLOCKED:
            layers.append(DoorMode.BLOCKED.value)
        return "/".join(layers) or DoorMode.LOCKED.value


# --- events -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CodeAccepted:
    """A credential that may open this door now; ``grant`` is its id.

    ``staff`` may end a fire hold, ``extended`` gets the longer times; ``duress``, ``offline`` and ``space``
    are for the record only.
    """

    grant: str
    staff: bool = False
    extended: bool = False
    duress: bool = False
    offline: bool = False
    space: str | None = None


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command whose signature, boot, counter and expiry were checked; ``command`` is its id."""

    action: DoorAction
    command: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The contact says open: a change, or the first reading."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The contact says closed: a change, or the first reading."""


@dataclass(frozen=True, slots=True)
class ContactLost:
    """The contact cannot be read any more."""


@dataclass(frozen=True, slots=True)
class ExitPressed:
    """Somebody inside presses the handle or the exit button."""


@dataclass(frozen=True, slots=True)
class ExitEnded:
    """The handle or button was let go, or cannot be believed any more."""


@dataclass(frozen=True, slots=True)
class LockReported:
    """What the lock says of its bolt."""

    state: LockPhysicalState


@dataclass(frozen=True, slots=True)
class FireInput:
    """The fire panel's contact; ``active`` also when its loop is cut or cannot be read."""

    active: bool


@dataclass(frozen=True, slots=True)
class LockdownButton:
    """Somebody has pressed the attack button."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The other door of an interlock is open or released, or no longer."""

    busy: bool


@dataclass(frozen=True, slots=True)
class FreeOpening:
    """By its schedule the door stands unlocked until ``until``, with ``first_person`` from the first
    accepted credential on; not at all if it was ``dismissed`` by hand before a restart. None: no window is
    open now.
    """

    until: int | None
    first_person: bool = False
    dismissed: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; harmless at any moment."""


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """New timings; what already runs keeps its own."""

    plan: Plan


DoorEvent = (
    CodeAccepted
    | Commanded
    | Opened
    | Closed
    | ContactLost
    | ExitPressed
    | ExitEnded
    | LockReported
    | FireInput
    | LockdownButton
    | Neighbour
    | FreeOpening
    | Tick
    | PlanChanged
)


# --- effects, to be carried out in order --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """Commit this before what follows is done, unless that is at once."""

    event: Event


@dataclass(frozen=True, slots=True)
class Release:
    """Let the door be opened; ``at_once``, for who wants out, waits for no record."""

    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Secure:
    """Keep the door shut."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Energise nothing any more; waits for no record."""


class Signal(StrEnum):
    """What the readers of a door show by themselves; the words are those of the drivers' feedback."""

    PRE_ALARM = "pre-alarm"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Show:
    """Show ``signal`` at the readers of the door."""

    signal: Signal


@dataclass(frozen=True, slots=True)
class Wake:
    """Send a Tick at ``at``; replaces every earlier wish."""

    at: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not be, and nothing has changed."""

    reason: RefusalReason


Effect = Record | Release | Secure | Idle | Show | Wake | Refuse
