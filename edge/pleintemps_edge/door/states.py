"""What a door is in, what happens to it, what it wants done. Times are monotonic milliseconds."""

from dataclasses import dataclass
from typing import Literal

from pleintemps_contract.agent_messages import Event
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState

Relock = Literal["open", "close"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Timings of one door (ONVIF ReleaseTime and OpenTime) and the moment that ends a release."""

    release_ms: int = 5_000
    open_ms: int = 30_000
    relock: Relock = "open"


@dataclass(frozen=True, slots=True)
class DoorState:
    """One door.

    ``mode`` is in force; ``below`` is what LockedDown or LockedOpen reveals when it is released.
    ``released`` says what the lock was last told. ``release_until`` ends an access that nobody has used yet,
    ``open_until`` is when an open door becomes DoorOpenTooLong, ``shunt_until`` is until when an opening is
    still that of an access whose release has just run out (a debounced contact reports late).
    """

    door: str
    plan: Plan
    mode: DoorMode = DoorMode.LOCKED
    below: DoorMode = DoorMode.LOCKED
    physical: DoorPhysicalState = DoorPhysicalState.UNKNOWN
    alarm: DoorAlarm = DoorAlarm.NORMAL
    released: bool = False
    release_until: int | None = None
    open_until: int | None = None
    shunt_until: int | None = None
    grant: str | None = None


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
class Tick:
    """Time has passed; harmless at any moment."""


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """New timings; what already runs keeps its own."""

    plan: Plan


DoorEvent = CodeAccepted | Commanded | Opened | Closed | ContactLost | Tick | PlanChanged


# --- effects, to be carried out in order --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """Commit this before what follows is done."""

    event: Event


@dataclass(frozen=True, slots=True)
class Release:
    """Let the door be opened."""


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
