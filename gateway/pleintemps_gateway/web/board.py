"""What the page "Tonight" shows, as frozen records.

Times are absolute, so two boards differ only where facts do.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState

UNKNOWN_AFTER_MS: Final = 15 * 60_000
SURE: Final = 0.8
SOON_MS: Final = 60 * 60_000
# An answer that has not come by then will not come: the command has expired at the door as well.
ANSWER_GRACE_MS: Final = 5_000

Freshness = Literal["fresh", "stale", "unknown"]
Rank = Literal["alert", "watch", ""]
Sign = Literal["lit", "half", "free", "book", "stale", "unk"]
Look = Literal["unknown", "fire", "forced", "too-long", "fault", "open", "unlocked", "locked", "closed"]


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking with what is known of its use; ``state`` is that of its usage record, or empty.

    ``code_lacks`` says why its code is not on its doors yet; empty if it is, None once it is over.
    """

    booking: str
    title: str
    people: int | None
    start: int
    end: int
    state: str
    arrived_at: int | None
    left_at: int | None
    code_lacks: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A remote command; ``outcome`` is requested, sent, done, refused or no-answer."""

    command: str
    action: str
    user: str
    requested: int
    answered: int | None
    outcome: str
    refusal: str

    @property
    def pending(self) -> bool:
        return self.outcome in ("requested", "sent")


@dataclass(frozen=True, slots=True)
class Door:
    """A door as last heard of; ``known`` is false while its agent is silent or never spoke of it."""

    site: str
    door: str
    name: str
    mode: str
    physical: str
    lock: str
    alarm: str
    since: int | None
    at: int | None
    known: bool
    asked: Asked | None = None
    fire: bool = False

    @property
    def look(self) -> Look:
        """The one thing to say of it, the most urgent first."""
        if not self.known:
            return "unknown"
        if self.fire:
            return "fire"
        if self.alarm == DoorAlarm.FORCED_OPEN:
            return "forced"
        if self.alarm == DoorAlarm.OPEN_TOO_LONG:
            return "too-long"
        if self.lock == LockPhysicalState.FAULT:
            return "fault"
        if self.physical == DoorPhysicalState.OPEN:
            return "open"
        if self.lock == LockPhysicalState.UNLOCKED:
            return "unlocked"
        if self.lock == LockPhysicalState.LOCKED or self.mode == DoorMode.LOCKED:
            return "locked"
        return "closed" if self.physical == DoorPhysicalState.CLOSED else "unknown"

    @property
    def sign(self) -> str:
        looks = {
            "unknown": "doorq",
            "fire": "unlock",
            "fault": "doorq",
            "forced": "door",
            "too-long": "door",
            "open": "door",
            "unlocked": "unlock",
        }
        return looks.get(self.look, "lock")


@dataclass(frozen=True, slots=True)
class Panel:
    """The building's intrusion alarm as last heard of; ``known`` is false while its agent is silent."""

    site: str
    zone: str
    panel: str
    state: str
    at: int | None
    known: bool
    asked: Asked | None = None


class Figures(NamedTuple):
    """Of a tile: the youngest measurement, dB, how sure the state is in percent."""

    measured_at: int | None
    level_db: int | None
    confidence: int


@dataclass(frozen=True, slots=True)
class Tile:
    """One space. ``probability`` is that of presence; ``measured_at`` the youngest measurement behind it;
    ``day`` the local date, by which moments are worded.

    What is told of noise is as the rules said it (``noise.records.NoiseFigures``). ``lit``: whether all
    warning signals are on that should be; None where there is none, or none should be.
    """

    site: str
    zone: str
    day: str
    space: str
    name: str
    bookable: bool
    state: str
    probability: float | None
    since: int | None
    evidence: str
    measured_at: int | None
    stale_after_ms: int
    freshness: Freshness
    agent_silent: bool
    level_db: float | None
    limit_db: float | None
    level_range: int | None
    background_db: float | None
    emergence_db: float | None
    warned_at: int | None
    lit: bool | None
    current: Booked | None
    overdue: Booked | None
    following: Booked | None
    soon: bool
    doors: tuple[Door, ...]
    rank: Rank
    unexpected: bool

    @property
    def occupied(self) -> bool:
        return self.state == "occupied" and self.freshness == "fresh"

    @property
    def confidence(self) -> int:
        """How sure the state is, in percent: never 100, nothing here is certain."""
        if self.probability is None:
            return 0
        sure = self.probability if self.state == "occupied" else 1 - self.probability
        return max(1, min(99, round(100 * sure)))

    @property
    def sure(self) -> bool:
        return self.probability is None or self.confidence >= SURE * 100

    @property
    def sign(self) -> Sign:
        """The window to draw."""
        if self.freshness != "fresh":
            return "stale" if self.freshness == "stale" else "unk"
        if not self.sure:
            return "half"
        if self.state == "occupied":
            return "lit"
        return "book" if self.soon else "free"

    @property
    def over_limit(self) -> bool:
        return self.level_db is not None and self.limit_db is not None and self.level_db > self.limit_db

    @property
    def in_use(self) -> bool:
        """Whether it is of interest to who asks what goes on: used, booked, asking for somebody, unknown."""
        if self.rank or self.current is not None or self.state == "occupied":
            return True
        return self.bookable and self.freshness != "fresh"

    @property
    def figures(self) -> Figures:
        """What may change in every frame, as it is shown: they travel as figures, without any HTML."""
        level = None if self.level_db is None else round(self.level_db)
        return Figures(self.measured_at, level, self.confidence)

    @property
    def face(self) -> "Tile":
        """All that is seen of it but its :attr:`figures`: equal faces look alike."""
        sure, level, limit = self.probability, self.level_db, self.limit_db
        if sure is not None:
            sure = (1.0 if self.state == "occupied" else 0.0) if self.sure else 0.5
        if level is not None:
            level = 0.0 if limit is None or not self.over_limit else limit + 1
        return replace(
            self,
            probability=sure,
            since=None,
            measured_at=None if self.measured_at is None else 0,
            level_db=level,
            background_db=None if self.background_db is None else round(self.background_db),
            emergence_db=None if self.emergence_db is None else round(self.emergence_db, 1),
        )


@dataclass(frozen=True, slots=True)
class Alert:
    """``place`` and ``site_name`` are for people; ``facts`` is the JSON object of the store."""

    site: str
    zone: str
    site_name: str
    alert: str
    kind: str
    rank: Rank
    state: str
    space: str
    door: str
    place: str
    opened: int
    acknowledged: int | None
    acknowledged_by: str
    comment: str
    resolved: int | None
    facts: str
    version: int = 0
    paused_until: int | None = None
    assigned: str = ""


@dataclass(frozen=True, slots=True)
class Coming:
    """Something that will start or end; ``what`` is a booking's title, or empty for quiet hours."""

    at: int
    zone: str
    kind: Literal["start", "end", "quiet-start", "quiet-end"]
    what: str
    where: str
    people: int | None
    code_lacks: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    alert: int
    watch: int
    occupied: int
    stale: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Half an hour of the evening: spaces used, booked but empty, booked and still to come."""

    start: int
    used: int
    missed: int
    coming: int


@dataclass(frozen=True, slots=True)
class Skyline:
    """``quiet`` are the spans of quiet hours within ``start`` to ``end``."""

    zone: str
    start: int
    end: int
    slots: tuple[Slot, ...]
    quiet: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Site:
    site: str
    name: str
    tiles: tuple[Tile, ...]
    alerts: int
    watches: int
    panels: tuple[Panel, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertList:
    """What asks for a person. ``quiet_since`` is when the last alert was resolved, for the empty list;
    ``day`` the local date, by which moments are worded; ``calm``: what has just ended, the last first.
    """

    alerts: tuple[Alert, ...]
    zone: str
    quiet_since: int | None
    day: str
    calm: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """The whole page at ``now``. ``quiet_since`` is set during quiet hours of the first site."""

    now: int
    zone: str
    counts: Counts
    sites: tuple[Site, ...]
    attention: AlertList
    coming: tuple[Coming, ...]
    skyline: Skyline
    quiet_since: int | None

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(tile for site in self.sites for tile in site.tiles)

    @property
    def stale_after_s(self) -> int:
        """The longest silence of all spaces after which a tile turns stale, for the legend."""
        return max((tile.stale_after_ms for tile in self.tiles), default=90_000) // 1000


def freshness(state: str, measured_at: int | None, stale_after_ms: int, now: int) -> Freshness:
    """Old is not false and unknown is not empty: what may still be believed of a state measured then."""
    if state == "unknown" or measured_at is None or now - measured_at > UNKNOWN_AFTER_MS:
        return "unknown"
    return "stale" if now - measured_at > stale_after_ms else "fresh"


def outcome(recorded: str, expires: int, now: int) -> str:
    """The outcome of a command: one that nobody answered in time says so, even if nothing wrote it down."""
    waiting = recorded in ("requested", "sent")
    return "no-answer" if waiting and now > expires + ANSWER_GRACE_MS else recorded
