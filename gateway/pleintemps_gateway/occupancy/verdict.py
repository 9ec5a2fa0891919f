"""What is said of a belief: the state with its hysteresis, since when, and what tells of it."""

from collections.abc import Callable
from typing import NamedTuple

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity

from . import parameters as p
from .belief import Belief
from .sensors import Sensor

_LATE_MS = 10_000
"""What a sample may take on its way."""

_WHAT = {
    (Quantity.MOTION, 0): "quiet",
    (Quantity.MOTION, 1): "motion",
    (Quantity.RADAR, 0): "nobody",
    (Quantity.RADAR, 1): "moving",
    (Quantity.RADAR, 2): "still",
    (Quantity.RADAR, 3): "moving-and-still",
}


class Estimate(NamedTuple):
    """State since ``since``; ``probability`` is absent when unknown. ``positive_at`` is the youngest moment
    with a sign of presence: a state that tells of somebody is one until its next sample."""

    state: Occupancy
    probability: float | None
    since: int
    evidence: str
    evidence_at: int | None
    positive_at: int | None


class Verdict:
    """Of one room, from one look to the next; ``names`` of series are for people."""

    __slots__ = ("_held_until", "_positive", "names", "since", "sound", "state", "stuck")

    def __init__(self, now: int) -> None:
        self.names: dict[str, str] = {}
        self.state = Occupancy.UNKNOWN
        self.since = now
        self._positive: tuple[int, str] | None = None
        self._held_until: int | None = None  # the youngest end of a state that told of somebody
        self.stuck: list[str] = []
        self.sound = False

    def told(self, sensor: Sensor, at: int, value: int) -> None:
        """``sensor``, as it was before, says ``value`` at ``at``."""
        if value and (self._positive is None or (at, sensor.key) > self._positive):
            self._positive = (at, sensor.key)
        if sensor.value and at > sensor.last_at:
            self._held_until = max(self._held_until or 0, held(sensor, at))

    def on(self, belief: Belief, now: int, began_late: Callable[[str], int | None]) -> Estimate:
        """What is to be said of ``belief``, which stands at ``now``; ``began_late``: since when a series
        tells of somebody, where that came late."""
        self.stuck = sorted(key for key, at, sure in belief.stuck if sure and now - at >= p.STUCK_TOLD_MS)
        live = [sensor for sensor in belief.sensors.values() if _speaks(sensor, now)]
        self.sound = 0 < len(live) == len(belief.sensors) and all(_keeps_word(s, now) for s in live)
        probability = belief.occupied
        state = self.state
        dumb = any(sensor.stuck_at is not None for sensor in belief.sensors.values())
        if dumb and belief.memory.lived_ms < p.FIRST_DAY_MS:
            state = Occupancy.UNKNOWN
        elif live:
            above, below = (0.5, 0.5) if belief.held else (p.OCCUPIED_ABOVE, p.VACANT_BELOW)
            if probability > above:
                state = Occupancy.OCCUPIED
            elif probability < below or state is Occupancy.UNKNOWN:
                # exactly a half is what is believed of a room before any evidence: nobody was seen
                state = Occupancy.VACANT if probability <= 0.5 else Occupancy.OCCUPIED
        elif all(_lost(sensor, now) for sensor in belief.sensors.values()):
            state = Occupancy.UNKNOWN
        text, evidence_at = self._evidence(state, live, belief)
        if state is not self.state:
            began = now
            if state is Occupancy.OCCUPIED:
                times = [began_late(sensor.key) for sensor in live if sensor.value]
                began = min((at for at in (evidence_at, *times) if at is not None), default=now)
            self.since = max(began, self.since + 1)
            self.state = state
        return Estimate(
            state,
            None if state is Occupancy.UNKNOWN else round(probability, 3),
            self.since,
            text,
            evidence_at,
            self._sign_at(live, now),
        )

    def _sign_at(self, live: list[Sensor], now: int) -> int | None:
        times = [held(sensor, now) for sensor in live if sensor.value]
        times += [self._positive[0]] if self._positive else []
        times += [self._held_until] if self._held_until is not None else []
        return max(times, default=None)

    def _evidence(self, state: Occupancy, live: list[Sensor], belief: Belief) -> tuple[str, int | None]:
        if state is Occupancy.UNKNOWN:
            times = [sensor.last_at for sensor in belief.sensors.values() if sensor.last_at >= 0]
            return "", max(times, default=None)
        wanted = [sensor for sensor in live if bool(sensor.value) is (state is Occupancy.OCCUPIED)]
        if wanted:  # radar tells more than motion, then the youngest, then the name
            best = max(wanted, key=lambda s: (s.quantity is Quantity.RADAR, s.last_at, s.key))
            return f"{self.names[best.key]} {_WHAT[best.quantity, best.value or 0]}", best.last_at
        if state is Occupancy.OCCUPIED and belief.loud is not None:
            at, key = belief.loud
            if key in self.names and at > (self._positive or (0, ""))[0]:
                return f"{self.names[key]} sound", at
        if state is Occupancy.OCCUPIED and self._positive is not None and self._positive[1] in belief.sensors:
            at, key = self._positive
            return f"{self.names[key]} {_WHAT[belief.sensors[key].quantity, 1]}", at
        times = [sensor.last_at for sensor in belief.sensors.values() if sensor.last_at >= 0]
        return "", max(times, default=None)


def held(sensor: Sensor, at: int) -> int:
    """How far the sensor's value reaches at ``at``: to its next sample, at most ``max_silence_s`` away."""
    return min(at, sensor.last_at + sensor.stale_ms // p.STALE_FACTOR)


def _speaks(sensor: Sensor, now: int) -> bool:
    """Whether the series is evidence at ``now``."""
    if sensor.value is None or sensor.faulty or now - sensor.last_at >= sensor.stale_ms:
        return False
    return sensor.stuck_at is None


def _keeps_word(sensor: Sensor, now: int) -> bool:
    return now - sensor.last_at <= sensor.stale_ms // p.STALE_FACTOR + _LATE_MS


def _lost(sensor: Sensor, now: int) -> bool:
    """Whether nothing is to be hoped from the series for the moment."""
    if sensor.faulty or sensor.last_at < 0:
        return True
    silent = now - sensor.last_at >= max(p.UNKNOWN_AFTER_MS, sensor.stale_ms)
    return silent or sensor.stuck_at is not None
