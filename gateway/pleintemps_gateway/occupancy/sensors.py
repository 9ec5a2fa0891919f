"""What a belief knows of each of its sensors, and how likely each says what in which state."""

from collections.abc import Callable
from math import exp
from typing import Final

from pleintemps_contract.units import Quantity

from . import parameters as p
from .faults import SAME_LEVEL, FaultMemory
from .parameters import PerState
from .sound import APART_MS, NEAR_MS


class Sensor:
    """One evidence series within a belief. ``value`` is None when the series is not evidence: new, stale, in
    error."""

    __slots__ = (
        "before",
        "changed_at",
        "faulty",
        "high_at",
        "key",
        "last_at",
        "lone_ms",
        "longest_ms",
        "minute",
        "quantity",
        "seen",
        "stale_ms",
        "stuck_at",
        "sure",
        "unseen_s",
        "value",
    )

    def __init__(self, key: str, quantity: Quantity, stale_ms: int) -> None:
        self.key = key
        self.quantity = quantity
        self.stale_ms = stale_ms
        self.value: int | None = None
        self.last_at = -1
        self.changed_at = -1
        self.faulty = False
        self.high_at = -NEAR_MS - 1  # said last that somebody is there
        self.stuck_at: int | None = None
        self.sure = False  # stuck beyond doubt
        self.lone_ms = 0  # high, and no other sensor of the room
        self.longest_ms = 0  # the longest such run since it rose
        self.before: PerState | None = None  # what was believed as that began
        self.unseen_s = 0.0  # minutes in which others rose, since it fell
        self.minute = -1
        self.seen = 0  # bits: low, high

    def copy(self) -> "Sensor":
        twin = Sensor.__new__(Sensor)
        twin.key, twin.quantity, twin.stale_ms = self.key, self.quantity, self.stale_ms
        twin.value, twin.last_at, twin.changed_at = self.value, self.last_at, self.changed_at
        twin.faulty, twin.high_at, twin.stuck_at = self.faulty, self.high_at, self.stuck_at
        twin.sure, twin.lone_ms, twin.before = self.sure, self.lone_ms, self.before
        twin.longest_ms = self.longest_ms
        twin.unseen_s, twin.minute, twin.seen = self.unseen_s, self.minute, self.seen
        return twin

    @property
    def speaks(self) -> bool:
        """Whether it is evidence."""
        return self.value is not None and self.stuck_at is None


class Meter:
    """What one meter said last (thousandths of a decibel), and for how long the same while somebody moved."""

    __slots__ = ("at", "beat_at", "same_s", "stuck_at", "sure", "value")

    def __init__(self) -> None:
        self.value: int | None = None
        self.at = -1
        self.beat_at = -APART_MS
        self.same_s = 0.0
        self.stuck_at: int | None = None
        self.sure = False

    def copy(self) -> "Meter":
        twin = Meter.__new__(Meter)
        twin.value, twin.at, twin.beat_at, twin.same_s = self.value, self.at, self.beat_at, self.same_s
        twin.stuck_at, twin.sure = self.stuck_at, self.sure
        return twin

    def same(
        self, key: str, at: int, milli_db: int, known: FaultMemory, moved: Callable[[int], bool], learns: bool
    ) -> bool:
        """Whether it is stuck: says the very same while people move (``moved`` at a time), far longer than it
        ever did. ``key`` is its own."""
        if self.value != milli_db:
            if learns and not self.sure:
                known.learn(known.high, key, self.same_s)
            self.value, self.at, self.same_s, self.stuck_at, self.sure = milli_db, at, 0.0, None, False
        if at - self.beat_at < APART_MS or not moved(at):
            return self.stuck_at is not None
        self.beat_at = at
        self.same_s += APART_MS / 1000
        odds = known.odds(known.high, key, SAME_LEVEL, self.same_s, (at - self.at) / 1000, True)
        if odds >= 0 and self.stuck_at is None:
            self.stuck_at = at
        self.sure = self.sure or odds >= p.SURE_ODDS
        return self.stuck_at is not None


def _likelihood(rates: PerState) -> PerState:
    """Relative likelihood of a change at these rates, no ratio above e^MAX_STEP_LLR."""
    least = max(rates) * exp(-p.MAX_STEP_LLR)
    return PerState(*(max(rate, least) for rate in rates))


def _share(rises: PerState, falls: PerState, high: bool) -> PerState:
    """Likelihood of finding a two-valued sensor high (or low) without having seen it before."""
    shares = [up / (up + down) for up, down in zip(rises, falls, strict=True)]
    return _likelihood(PerState(*(share if high else 1 - share for share in shares)))


PIR_ROSE: Final = _likelihood(p.PIR_RISES)
PIR_FELL: Final = _likelihood(p.PIR_FALLS)
PIR_FOUND: Final = {high: _share(p.PIR_RISES, p.PIR_FALLS, high) for high in (False, True)}
RADAR_TO: Final = {
    0: _likelihood(p.RADAR_TO_NOBODY),
    1: _likelihood(p.RADAR_TO_MOVING),
    2: _likelihood(p.RADAR_TO_STILL),
    3: _likelihood(p.RADAR_TO_MOVING),
}
RADAR_ENDS: Final = {
    0: p.RADAR_NOBODY_ENDS,
    1: p.RADAR_MOVING_ENDS,
    2: p.RADAR_STILL_ENDS,
    3: p.RADAR_MOVING_ENDS,
}
