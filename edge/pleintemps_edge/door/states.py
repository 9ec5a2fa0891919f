"""What a door is in, what happens to it, what it wants done. Times are monotonic milliseconds."""

from dataclasses import dataclass
from typing import Literal

from pleintemps_contract.agent_messages import Event
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState

Relock = Literal["open", "close"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Timings of one door (ONVIF ReleaseTime and OpenTime), the moment that ends a release, and whether a
    request to exit releases the lock: not needed where the inside handle does it by itself.
    """

    release_ms: int = 5_000
    open_ms: int = 30_000
    extended_release_ms: int = 15_000
    extended_open_ms: int = 60_000
    relock_delay_ms: int = 0
    pre_alarm_ms: int = 5_000
    relock: Relock = "open"
    exit_releases: bool = False


@dataclass(frozen=True, slots=True)
class DoorState:
    """One door.

    ``mode`` is in force; ``below`` is what LockedDown or LockedOpen reveals when it is released, ``after``
    what an access ends in: Locked, or the Blocked or LockedDown that an exit interrupted.
    ``released`` says what the lock was last told. ``release_until`` ends an access that nobody has used yet,
    ``open_until`` is when an open door becomes DoorOpenTooLong, ``shunt_until`` is until when an opening is
    still that of an access whose release has just run out (a debounced contact reports late).
    ``exit_held`` is while the inside handle is pressed, ``exit_until`` until when an opening is that of a
    handle that was let go.
    """

    door: str
    plan: Plan
    mode: DoorMode = DoorMode.LOCKED
    below: DoorMode = DoorMode.LOCKED
    after: DoorMode = DoorMode.LOCKED
    physical: DoorPhysicalState = DoorPhysicalState.UNKNOWN
    alarm: DoorAlarm = DoorAlarm.NORMAL
    released: bool = False
    release_until: int | None = None
    open_until: int | None = None
    shunt_until: int | None = None
    exit_held: bool = False
    exit_until: int | None = None
    grant: str | None = None

    @property
    def standing(self) -> DoorMode:
        """The mode that an access ends in, where it is one that forbids; else the mode itself.

        It answers whoever wants in, and outlives a restart: an exit passes through it and leaves it in force.
        """
        return self.mode if self.after is DoorMode.LOCKED else self.after


# --- events -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CodeAccepted:
    """A credential that may open this door now; ``grant`` is its id."""

    grant: str


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
class Tick:
    """Time has passed; harmless at any moment."""


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """New timings; what already runs keeps its own."""

    plan: Plan


DoorEvent = (
    CodeAccepted | Commanded | Opened | Closed | ContactLost | ExitPressed | ExitEnded | Tick | PlanChanged
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
class Wake:
    """Send a Tick at ``at``; replaces every earlier wish."""

    at: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The mode of the door forbids it; nothing has changed."""


Effect = Record | Release | Secure | Wake | Refuse
