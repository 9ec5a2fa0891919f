"""Whether a space that nobody came to, or that its people have left, is given back: pure.

What is unknown, old, ill or silent never releases. A release ends entry only; leaving needs no booking.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.config import ReleaseConfig
from pleintemps_gateway.occupancy.room import Estimate

from .panels import SURE_BELOW
from .records import UsageState

EVIDENCE_MS: Final = 5 * 60_000
"""Older evidence is none, whatever its sensor promised."""
AHEAD_MS: Final = 60_000
"""Evidence further in the future comes from a clock that is wrong, there or here."""
SETTLED_MS: Final = 2 * 60_000
"""An agent that is back may still have to tell who opened a door meanwhile."""
WORTH_MS: Final = 15 * 60_000
"""Less time left is of use to nobody."""


UNDO_MS: Final = 5 * 60_000
"""Who says "we have left" may take it back for so long."""


class Action(StrEnum):
    NOTHING = "nothing"
    TELL = "tell"  # the caretaker alone
    WARN = "warn"
    RELEASE = "release"


class Why(StrEnum):
    """Why that, in a word that pages and the audit log keep."""

    NOT_ON = "not-on"
    EXEMPT = "exempt"
    KEPT = "kept"
    OPENED = "door-opened"
    USED = "used"
    NOT_FOLLOWED = "not-followed"
    UNKNOWN = "unknown"
    OCCUPIED = "occupied"
    UNCERTAIN = "uncertain"
    SENSOR = "sensor"
    STALE = "stale"
    SILENT = "agent-silent"
    EARLY = "early"
    LATE = "too-late"
    NOBODY_TO_WARN = "nobody-to-warn"
    NOT_DELIVERED = "warning-not-delivered"
    WAITING = "waiting"
    DOOR = "door-not-closed"
    NO_SHOW = "no-show"
    LEFT = "left"


class Booked(NamedTuple):
    """A booking as the store has it. Times are Unix ms.

    ``warned``, ``kept`` and ``left`` count if they are of this time of the booking: it may have been moved.
    """

    space: str
    start: int
    end: int
    group: str | None = None
    warned: int | None = None
    kept: int | None = None
    left: int | None = None

    def stated(self, at: int | None) -> bool:
        """Whether ``at`` is a moment of this booking, and not of where it was before."""
        return at is not None and at >= self.start


class Sight(NamedTuple):
    """What is seen of a space.

    ``sound``: every presence sensor it has speaks. ``heard_since``: since when its agents and those of the
    doors on the way are heard without a break; None if one is not. ``steady_since``: the clock leapt then.
    """

    estimate: Estimate | None
    sound: bool
    heard_since: int | None
    steady_since: int = 0


class Known(NamedTuple):
    """What else is known of a booking. ``opened``: its code opened a door. ``told``: when a warning had gone
    out. ``reachable``: there is somebody to warn. ``door_closed``: every door into the space says so.
    """

    usage: UsageState | None
    opened: bool = False
    reachable: bool = False
    told: int | None = None
    door_closed: bool = False


class Decision(NamedTuple):
    action: Action
    why: Why


def decide(rule: ReleaseConfig, booked: Booked, known: Known, sight: Sight, now: int) -> Decision:
    """What is to be done about one booking at ``now``."""
    if not booked.start <= now < booked.end:
        return Decision(Action.NOTHING, Why.NOT_ON)
    if booked.space in rule.exempt_spaces or booked.group in rule.exempt_groups:
        return Decision(Action.NOTHING, Why.EXEMPT)
    if booked.stated(booked.left):
        return _left(booked, known, sight, now)
    if not rule.min_length_s * 1000 <= booked.end - booked.start < rule.max_length_s * 1000:
        return Decision(Action.NOTHING, Why.EXEMPT)
    if booked.stated(booked.kept):
        return Decision(Action.NOTHING, Why.KEPT)
    if known.opened:
        return Decision(Action.NOTHING, Why.OPENED)
    if known.usage not in (UsageState.EXPECTED, UsageState.NO_SHOW):
        return Decision(Action.NOTHING, Why.NOT_FOLLOWED if known.usage is None else Why.USED)
    if (doubt := doubt_of(sight, now)) is not None:
        return Decision(Action.NOTHING, doubt)
    return _absent(rule, booked, known, sight, now)


def doubt_of(sight: Sight, now: int) -> Why | None:
    """Why the space cannot be called vacant with certainty; None if it can."""
    estimate = sight.estimate
    if sight.heard_since is None or now - sight.heard_since < SETTLED_MS:
        return Why.SILENT
    if estimate is None or estimate.state is Occupancy.UNKNOWN or estimate.probability is None:
        return Why.UNKNOWN
    if estimate.state is not Occupancy.VACANT:
        return Why.OCCUPIED
    if not sight.sound:
        return Why.SENSOR
    age = None if estimate.evidence_at is None else now - estimate.evidence_at
    if not estimate.evidence or age is None or not -AHEAD_MS <= age <= EVIDENCE_MS:
        return Why.STALE
    return None if estimate.probability < SURE_BELOW else Why.UNCERTAIN


def _left(booked: Booked, known: Known, sight: Sight, now: int) -> Decision:
    """Their own word, and nobody who contradicts it."""
    if (doubt := doubt_of(sight, now)) is not None:
        return Decision(Action.NOTHING, doubt)
    if not known.door_closed:
        return Decision(Action.NOTHING, Why.DOOR)
    if now - (booked.left or now) < UNDO_MS:
        return Decision(Action.NOTHING, Why.WAITING)
    if booked.end - now < WORTH_MS:
        return Decision(Action.NOTHING, Why.LATE)
    return Decision(Action.RELEASE, Why.LEFT)


def _absent(rule: ReleaseConfig, booked: Booked, known: Known, sight: Sight, now: int) -> Decision:
    """Nobody came: the space is vacant with certainty, for how long?"""
    since = sight.estimate.since if sight.estimate else now
    vacant = now - max(since, booked.start, sight.steady_since)
    warn, release = round(rule.warn_after_s * 1000), round(rule.release_after_s * 1000)
    if vacant < warn:
        return Decision(Action.NOTHING, Why.EARLY)
    if not booked.stated(booked.warned):
        if booked.end - now < release - warn + WORTH_MS:
            return Decision(Action.NOTHING, Why.LATE)
        return Decision(Action.WARN if known.reachable else Action.TELL, _REACHED[known.reachable])
    if known.told is None:
        return Decision(Action.NOTHING, Why.NOT_DELIVERED)
    told = max(known.told, sight.steady_since)
    if vacant < release or now - told < release - warn:
        return Decision(Action.NOTHING, Why.WAITING)
    if booked.end - now < WORTH_MS:
        return Decision(Action.NOTHING, Why.LATE)
    return Decision(Action.RELEASE, Why.NO_SHOW)


_REACHED: Final = {True: Why.NO_SHOW, False: Why.NOBODY_TO_WARN}
