"""A room whose door is watched: what is known since the door's last edge.

Who came or went moved the door, so belief starts anew there; then each sensor speaks once, however often it
fires, and one quiet gap counts once. Nobody is needed who says when a sensor fired for nothing: when the next
edge closes the segment, each sensor that fired is judged by the others and by whether signs went on.

What is held fades: an edge may be missed, another way in be there. Behind a door that stands open it fades
sooner, a quiet gap says less, and nothing is learnt (:mod:`.doors`)."""

from collections.abc import Collection, Mapping
from math import exp, log
from typing import Any, Final, NamedTuple

from .doors import Passed

QUIET_MS: Final = 300_000
"""The gap after an edge that is evidence, and the shortest segment that teaches."""
QUIET_LLR: Final = 2.4
PATIENCE_MS: Final = 10_000
"""Who comes in, or is still there, has this long to be seen before quiet begins to speak."""
MOST_LLR: Final = 4.0
FALSE: Final = (0.25, 6.0)
"""A sensor nobody knows: false triggers in so many empty segments."""
FIRES: Final = (1.0, 2.0)
"""The same for segments with somebody."""
LEAST_FIRES: Final = 0.25
"""A sensor that is seldom used is not worth less when it fires."""
HELD_MS: Final = 60_000
"""A sensor that is still high this long after the edge has fired in the new segment; until then it has by the
part of this time for which it has been high: who left is held by it no longer than its own hold time."""
GIVEN_UP_MS: Final = 14 * 3_600_000
"""Without any sign for this long the segment no longer holds presence, in a home (see :class:`Sensing`)."""
PATIENCES_MS: Final = (45 * 60_000, 2 * 3_600_000, 3 * 3_600_000)
"""The same elsewhere: at least, in a new room, at most. It is twice the longest gap after which somebody was
still there."""
GAP_KEEPS: Final = 0.99
"""A long gap is forgotten by this much with each sign that comes after a shorter one."""
AJAR_PATIENCE_MS: Final = 30 * 60_000
"""The same at most, behind an open door."""
AJAR_QUIET: Final = 0.5
"""Part of ``QUIET_LLR`` that a gap behind an open door is worth."""
BUSY_MS: Final = 2_700_000
"""``MANY`` signs within this time, the last after the first gap: the room is in use."""
BUSY_LLR: Final = 2.4
FEW: Final = 2
"""Up to so many sensors nobody judges the one that fires but itself: there a busy room is in use. Among more,
one that fires for ever in an empty house is found out by the others."""
LASTING_MS: Final = 600_000
"""Signs within this time, and this long after the edge, are more than a false trigger if they are many."""
MANY: Final = 3
_BEAT_MS: Final = 60_000
_MOST_SEGMENTS: Final = 500.0
_ALWAYS: Final = 0.995
_MOST: Final = log(_ALWAYS / (1 - _ALWAYS))


class Sensing(NamedTuple):
    """What the room's motion sensors are like: few, and whether their silence tells that nobody is there
    sooner than a night's sleep lasts (not for many that tell changes only: those of a home)."""

    few: bool
    telling: bool


class Marked(NamedTuple):
    """Stretches with nobody and with somebody by a person's word, and in how many each sensor fired."""

    empty: int = 0
    used: int = 0
    false: Mapping[str, int] = {}
    fires: Mapping[str, int] = {}


UNMARKED: Final = Marked()
"""Nobody has marked an hour."""


class DoorMemory:
    """How often each sensor fired in segments with nobody, and with somebody."""

    __slots__ = (
        "empty",
        "false",
        "fires",
        "gap_ms",
        "marked",
        "passed",
        "used",
        "version",
    )

    def __init__(self) -> None:
        self.empty, self.used = 0.0, 0.0
        self.false: dict[str, float] = {}
        self.fires: dict[str, float] = {}
        self.gap_ms: float | None = None
        self.version = 0
        """Another one whenever something else would be told."""
        self.passed = Passed()
        self.marked = UNMARKED
        """What marked hours teach beside it."""

    @property
    def patience_ms(self) -> float:
        """How long sensors may be silent while somebody is there; see ``PATIENCES_MS``."""
        least, new, most = PATIENCES_MS
        return new if self.gap_ms is None else min(most, max(least, 2 * self.gap_ms))

    def gap(self, gap_ms: int) -> None:
        """After a gap somebody was still there."""
        self.version += 1
        self.gap_ms = max(float(gap_ms), GAP_KEEPS * (self.gap_ms or 0.0))

    def tells(self, key: str) -> float:
        """Logarithm of how much likelier a segment with somebody makes this sensor fire."""
        more = self.marked
        false = (self.false.get(key, 0.0) + more.false.get(key, 0) + FALSE[0]) / (
            self.empty + more.empty + FALSE[1]
        )
        fires = (self.fires.get(key, 0.0) + more.fires.get(key, 0) + FIRES[0]) / (
            self.used + more.used + FIRES[1]
        )
        return max(0.0, min(MOST_LLR, log(max(fires, LEAST_FIRES) / false)))

    def learn(self, fired: Mapping[str, int], busy: bool) -> None:
        """A segment of more than ``QUIET_MS`` is over."""
        self.version += 1
        total = sum(self.tells(key) for key in fired) + (BUSY_LLR if busy else -QUIET_LLR)
        others = {key: _probability(total - self.tells(key)) for key in fired}
        for key, present in others.items():
            self.false[key] = self.false.get(key, 0.0) + 1 - present
            self.fires[key] = self.fires.get(key, 0.0) + present
        present = _probability(total)
        self.empty += 1 - present
        self.used += present
        if self.empty + self.used > _MOST_SEGMENTS:
            self.empty, self.used = self.empty / 2, self.used / 2
            for counts in (self.false, self.fires):
                for key in counts:
                    counts[key] /= 2

    def kept(self) -> dict[str, Any]:
        """Plain data: segments, per sensor those in which it fired, per door its short stays."""
        return {
            "empty": round(self.empty, 3),
            "used": round(self.used, 3),
            "false": {key: round(count, 3) for key, count in sorted(self.false.items())},
            "fires": {key: round(count, 3) for key, count in sorted(self.fires.items())},
            "gap_s": None if self.gap_ms is None else round(self.gap_ms / 1000),
            "short": self.passed.kept(),
        }

    def take(self, kept: Mapping[str, Any]) -> None:
        """What :meth:`kept` gave."""
        self.empty, self.used = float(kept.get("empty", 0.0)), float(kept.get("used", 0.0))
        self.false = {str(key): float(count) for key, count in kept.get("false", {}).items()}
        self.fires = {str(key): float(count) for key, count in kept.get("fires", {}).items()}
        self.passed.take(kept.get("short", {}))
        gap_s = kept.get("gap_s")
        self.gap_ms = None if gap_s is None else float(gap_s) * 1000


class Segment:
    """Since the edge at ``at``; None before the first edge."""

    __slots__ = ("at", "beats", "busy", "edged", "fired", "last", "memory", "missed")

    def __init__(self, memory: DoorMemory) -> None:
        self.memory = memory
        self.at: int | None = None
        self.edged = False  # or only told that there is a door
        self.fired: dict[str, int] = {}  # sensor, when last
        self.last = 0
        self.beats: tuple[int, ...] = ()
        self.busy = False
        self.missed = False
        """Somebody came and the door did not move: it holds nothing until it does."""

    def copy(self) -> "Segment":
        twin = Segment.__new__(Segment)
        twin.memory = self.memory
        twin.edged, twin.busy, twin.missed = self.edged, self.busy, self.missed
        twin.at, twin.fired, twin.last, twin.beats = self.at, dict(self.fired), self.last, self.beats
        return twin

    def watch(self, at: int) -> None:
        """There is a door that will tell: begin as if it had just moved."""
        if self.at is None:
            self.at = self.last = at

    def edge(self, at: int, learns: bool) -> None:
        """The door moved."""
        if self.at is not None and self.edged and learns and at - self.at >= QUIET_MS:
            self.memory.learn(self.fired, self.busy)
        self.at, self.last, self.edged = at, at, True
        self.fired, self.beats = {}, ()
        self.busy = self.missed = False

    def patience_ms(self, sensing: Sensing) -> float:
        """How long no sign may come before the segment holds nothing."""
        return self.memory.patience_ms if sensing.telling else GIVEN_UP_MS

    def hears(self, at: int, rose: bool) -> bool:
        """Whether a sensor that is high at ``at`` says something of this segment."""
        return self.at is not None and (rose or at - self.at >= HELD_MS)

    def sign(self, key: str, at: int, rose: bool, sensing: Sensing, learns: bool) -> None:
        """The sensor ``key`` is high at ``at``; only if that is heard."""
        assert self.at is not None
        gap = at - self.last
        if rose and self.fired and sensing.telling and not self.missed:
            self.missed = gap > self.patience_ms(sensing)
            if learns and not self.missed and gap >= _BEAT_MS:
                self.memory.gap(gap)
        self.last = max(self.last, at)
        self.fired[key] = at
        if not self.beats or at - self.beats[-1] >= _BEAT_MS:
            self.beats = (*self.beats, at)[-MANY:]
            within = len(self.beats) == MANY and at - self.beats[0] <= BUSY_MS
            self.busy |= sensing.few and within and at - self.at >= QUIET_MS

    def lasting(self, at: int) -> bool:
        """Whether signs go on long after the edge, as no false trigger does."""
        return (
            self.at is not None
            and len(self.beats) == MANY
            and self.beats[0] - self.at >= LASTING_MS
            and at - self.beats[0] < LASTING_MS
        )

    def probability(self, at: int, high: Collection[str], sensing: Sensing, ajar: bool) -> float:
        """Of somebody being there; only after an edge. ``high``: the sensors that say so at ``at``; ``ajar``:
        a door stands open."""
        quiet, patience = QUIET_LLR, self.patience_ms(sensing)
        if ajar:
            quiet *= AJAR_QUIET
            patience = min(patience, AJAR_PATIENCE_MS) if sensing.telling else patience
        began = at if self.at is None else self.at
        share = max(0.0, (at - began - PATIENCE_MS) / (QUIET_MS - PATIENCE_MS))
        held = min(1.0, (at - began) / HELD_MS)
        total = sum(self.memory.tells(key) for key in self.fired)
        total += held * sum(self.memory.tells(key) for key in high if key not in self.fired)
        if self.busy:
            total += BUSY_LLR
        elif share > 1 and (self.edged or not (self.fired or high)):
            total -= quiet
        elif not (self.fired or high):
            total -= quiet * share
        if not high:
            total = min(total, _MOST * (1 - (at - self.last) / patience))
        return max(1 - _ALWAYS, min(_ALWAYS, _probability(total)))


def _probability(odds: float) -> float:
    return 1 / (1 + exp(-odds))
