"""What a lock on the building's broker is in, what happens to it, what it wants done. Times in ms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pleintemps_contract.onvif import LockPhysicalState

TRIES: Final = 3


class Wish(StrEnum):
    RELEASE = "release"
    SECURE = "secure"
    IDLE = "idle"


class Bolt(StrEnum):
    """What a lock reports."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    MOVING = "moving"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Habits:
    """How one kind of lock is treated. Times in ms.

    ``goals`` are the wishes that it is told of, each with the report that fulfils it. ``shy``: believed to be
    there only after it has said so. ``one_at_a_time``: it hears the next command after its answer only.
    ``asks``: it can be asked how it is, and is at each return, and every ``poll_ms`` from then on.
    ``renew_ms``: a release that is done is sent again so often for as long as it is wished.
    """

    confirm_ms: int
    goals: Mapping[Wish, Bolt]
    shy: bool = False
    one_at_a_time: bool = False
    asks: bool = False
    poll_ms: int | None = None
    renew_ms: int | None = None


class Trouble(StrEnum):
    SILENT = "silent"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Pending:
    """A command under way. ``answered`` is for the last try, ``heard`` for any of them; ``refused`` holds the
    lock's words if it would not, or not yet.
    """

    wish: Wish
    first_at: int
    tries: int = 1
    answered: bool = False
    heard: bool = False
    refused: str = ""
    renewal: bool = False


@dataclass(frozen=True, slots=True)
class Follow:
    """One lock. ``bolt`` is its last report, None while there is none to be believed, with its ``words``.

    ``unmet``: the wish has still to be sent. ``said`` is the last that was reported. ``waits_until`` is how
    long the line has time at the start, and a shy lock at each return, before it is missed.
    """

    habits: Habits
    wish: Wish = Wish.SECURE
    unmet: bool = True
    line: bool = False
    reachable: bool = False
    waits_until: int | None = None
    bolt: Bolt | None = None
    words: str = ""
    pending: Pending | None = None
    trouble: Trouble | None = None
    said: LockPhysicalState = LockPhysicalState.UNKNOWN
    asked_at: int | None = None
    poll_at: int | None = None
    renew_at: int | None = None
    moving_since: int | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    complaint: str = ""

    @property
    def present(self) -> bool:
        """There is a line, and the lock is on it."""
        return self.line and self.reachable


# --- facts ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wished:
    wish: Wish


@dataclass(frozen=True, slots=True)
class Line:
    """The line to the broker."""

    up: bool


@dataclass(frozen=True, slots=True)
class Reachable:
    """What the lock's own last will or its bridge says; ``kept`` comes out of the broker's memory."""

    there: bool
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """A report of the bolt. ``passing`` is a fault that is ordinary for a while during a movement; ``kept``
    comes out of the broker's or a bridge's memory, and so is no answer to a command.
    """

    bolt: Bolt
    words: str = ""
    passing: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to the command under way."""

    ok: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something for the health's detail; empty words take it back."""

    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Something to count in the health's detail, ``what`` in the singular."""

    what: str


@dataclass(frozen=True, slots=True)
class Complained:
    """The lock is set up so that it must not stay so; empty words take it back."""

    words: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; harmless at any moment."""


Fact = Wished | Line | Reachable | Reported | Answered | Noted | Counted | Complained | Tick


# --- effects --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    wish: Wish


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the lock how it is."""


@dataclass(frozen=True, slots=True)
class Say:
    """Report the bolt: a change, the first report, or the answer to a movement."""

    state: LockPhysicalState


Effect = Send | Ask | Say
