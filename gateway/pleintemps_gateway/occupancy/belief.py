"""Belief about one room: a causal Bayesian filter over (vacant, occupied and active, occupied and still).

Continuous-time transitions with real time steps. Each sensor is a continuous-time process whose rates depend
on the hidden state: staying silent for t seconds has likelihood exp(-rate t), a change has likelihood rate. A
held output is therefore never counted twice, however often it is repeated."""

from math import exp
from typing import Final

from pleintemps_contract.units import Quantity

from . import parameters as p
from .memory import Memory
from .parameters import PerState
from .segment import FEW, Segment, Sensing
from .sound import APART_MS, NEAR_MS

_NEUTRAL: Final = PerState(0.0, 0.0, 0.0)


class Sensor:
    """One evidence series within a belief. ``value`` is None when the series is not evidence: new, stale, in
    error."""

    __slots__ = (
        "changed_at",
        "faulty",
        "high_at",
        "key",
        "last_at",
        "quantity",
        "stale_ms",
        "stuck_at",
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

    def copy(self) -> "Sensor":
        twin = Sensor(self.key, self.quantity, self.stale_ms)
        twin.value, twin.last_at, twin.changed_at = self.value, self.last_at, self.changed_at
        twin.faulty, twin.high_at, twin.stuck_at = self.faulty, self.high_at, self.stuck_at
        return twin


def _likelihood(rates: PerState) -> PerState:
    """Relative likelihood of a change at these rates, no ratio above e^MAX_STEP_LLR."""
    least = max(rates) * exp(-p.MAX_STEP_LLR)
    return PerState(*(max(rate, least) for rate in rates))


def _share(rises: PerState, falls: PerState, high: bool) -> PerState:
    """Likelihood of finding a two-valued sensor high (or low) without having seen it before."""
    shares = [up / (up + down) for up, down in zip(rises, falls, strict=True)]
    return _likelihood(PerState(*(share if high else 1 - share for share in shares)))


_PIR_ROSE: Final = _likelihood(p.PIR_RISES)
_PIR_FELL: Final = _likelihood(p.PIR_FALLS)
_PIR_FOUND: Final = {high: _share(p.PIR_RISES, p.PIR_FALLS, high) for high in (False, True)}
_RADAR_TO: Final = {
    0: _likelihood(p.RADAR_TO_NOBODY),
    1: _likelihood(p.RADAR_TO_MOVING),
    2: _likelihood(p.RADAR_TO_STILL),
    3: _likelihood(p.RADAR_TO_MOVING),
}
_RADAR_ENDS: Final = {
    0: p.RADAR_NOBODY_ENDS,
    1: p.RADAR_MOVING_ENDS,
    2: p.RADAR_STILL_ENDS,
    3: p.RADAR_MOVING_ENDS,
}


class Belief:
    """Probabilities at ``at`` (Unix ms), with the sensors as they stand then."""

    __slots__ = (
        "_heard",
        "_run",
        "active",
        "at",
        "door_at",
        "heard_at",
        "learns",
        "loud",
        "memory",
        "segment",
        "sensors",
        "still",
        "vacant",
    )

    def __init__(self, at: int, memory: Memory | None = None) -> None:
        self.at = at
        self.memory = memory or Memory()
        self.segment = Segment(self.memory.door)
        self.learns = True
        self.heard_at = -APART_MS
        self._heard: tuple[int, str] | None = None
        self._run = (0, 0)  # a level, how often it was heard with somebody there
        self.loud: tuple[int, str] | None = None
        self.vacant, self.active, self.still = p.PRIOR
        self.sensors: dict[str, Sensor] = {}
        self.door_at = -p.DOOR_APART_MS

    def copy(self) -> "Belief":
        """A twin that believes the same and learns nothing."""
        twin = Belief(self.at, self.memory)
        twin.learns = False
        twin.segment = self.segment.copy()
        twin.heard_at, twin._heard, twin.loud, twin._run = self.heard_at, self._heard, self.loud, self._run
        twin.vacant, twin.active, twin.still = self.vacant, self.active, self.still
        twin.sensors = {key: sensor.copy() for key, sensor in self.sensors.items()}
        twin.door_at = self.door_at
        return twin

    @property
    def held(self) -> bool:
        """Whether a watched door holds presence until its next edge: where no radar sees who sits still."""
        return self.segment.at is not None and not self.segment.missed and not self._radar()

    @property
    def occupied(self) -> float:
        """Probability that somebody is there."""
        by_rates = self.active + self.still
        if not self.held:
            return by_rates
        high = sorted(sensor.key for sensor in self._high())
        held = self.segment.probability(self.at, high, self._sensing())
        return max(held, by_rates) if self.segment.lasting(self.at) else held

    def _settle(self, vacant: float, active: float, still: float) -> None:
        """Normalise and keep every state possible."""
        total = vacant + active + still
        vacant = max(vacant / total, p.FLOOR.vacant)
        active = max(active / total, p.FLOOR.active)
        still = max(still / total, p.FLOOR.still)
        total = vacant + active + still
        self.vacant, self.active, self.still = vacant / total, active / total, still / total

    def _times(self, likelihood: PerState) -> None:
        self._settle(
            self.vacant * likelihood.vacant, self.active * likelihood.active, self.still * likelihood.still
        )

    def _motion(self) -> bool | None:
        """All motion sensors of the room as one: high if any is; None without a live one."""
        found: bool | None = None
        for sensor in self.sensors.values():
            if sensor.quantity is Quantity.MOTION and sensor.value is not None:
                if sensor.value and sensor.stuck_at is None:
                    return True
                if not sensor.value:
                    found = False
        return found

    def _high(self) -> list[Sensor]:
        """Motion sensors that say that somebody is there."""
        return [
            sensor
            for sensor in self.sensors.values()
            if sensor.quantity is Quantity.MOTION and sensor.value and sensor.stuck_at is None
        ]

    def _find_stuck(self) -> None:
        """Motion sensors that are high for ever, or while all others say that nobody is there."""
        for sensor in self.sensors.values():
            if sensor.quantity is not Quantity.MOTION or not sensor.value or sensor.stuck_at is not None:
                continue
            others = [
                other for other in self.sensors.values() if other is not sensor and other.value is not None
            ]
            alone = bool(others) and not any(other.value for other in others)
            since = max(sensor.changed_at, *(other.high_at for other in others)) if alone else self.at
            long = self.at - sensor.changed_at >= p.STUCK_HIGH_MS
            if long or self.at - since >= p.STUCK_ALONE_MS:
                sensor.stuck_at = self.at

    # --- evidence -----------------------------------------------------------------------------------

    def repeats(self, key: str, at: int, value: int) -> bool:
        """Take a value that says again what the series said, if it is that: it keeps the series alive and
        no more.
        """
        sensor = self.sensors[key]
        if sensor.value != value or not sensor.last_at <= at < sensor.last_at + sensor.stale_ms:
            return False
        sensor.last_at = at
        if value:
            self._sign(sensor, at, False)
        return True

    def sample(self, key: str, at: int, value: int) -> None:
        """A series says ``value`` at ``at``; the belief must have been advanced to there."""
        sensor = self.sensors[key]
        if at < sensor.last_at or sensor.faulty:
            return
        motion, before = self._motion(), sensor.value
        sensor.last_at = at
        if value:
            self._sign(sensor, at, not before)
        elif before and sensor.stuck_at is None and sensor.quantity is Quantity.MOTION:
            self._fired(sensor, at, False)  # it was high until now
        if not value:
            sensor.stuck_at = None
        if value != before:
            sensor.value = value
            sensor.changed_at = at
        if sensor.quantity is Quantity.MOTION:
            after = self._motion()
            if after is not None and after != motion:
                if motion is None:
                    self._times(_PIR_FOUND[after])
                else:
                    self._times(_PIR_ROSE if after else _PIR_FELL)
        elif value != before and not (before in (1, 3) and value in (1, 3)):
            self._times(_RADAR_TO[value])

    def _sign(self, sensor: Sensor, at: int, rose: bool) -> None:
        if sensor.stuck_at is not None:
            return
        sensor.high_at = at
        if self.learns:
            self.memory.sound.hit(at)
        if sensor.quantity is Quantity.MOTION:
            self._fired(sensor, at, rose)

    def _fired(self, sensor: Sensor, at: int, rose: bool) -> None:
        self.segment.sign(sensor.key, at, rose, self._sensing(), self.learns)

    def _sensing(self) -> Sensing:
        every = [sensor for sensor in self.sensors.values() if sensor.quantity is Quantity.MOTION]
        few = len(every) <= FEW
        told = all(sensor.stale_ms <= p.RHYTHM_MS for sensor in every if sensor.value is not None)
        return Sensing(few, few or told)

    def sound(self, key: str, at: int, level: int) -> None:
        """A meter heard ``level`` (steps of sound.STEP_DB) at ``at``; of one moment the loudest counts."""
        if at == self.heard_at and self._heard is not None:
            self._heard = max(self._heard, (level, key))
        elif at - self.heard_at >= APART_MS:
            self.heard_at, self._heard = at, (level, key)

    def listen(self) -> None:
        """Weigh the last level heard, once no other of its moment can come."""
        if self._heard is None:
            return
        (level, key), self._heard = self._heard, None
        if self._motion() is None and not self._radar():
            if self.learns:
                self.memory.sound.gap()
            return
        active, still = self.memory.sound.tells(level)
        moved = any(self.heard_at - sensor.high_at <= NEAR_MS for sensor in self.sensors.values())
        same, times = self._run
        self._run = (level, (times if same == level else 0) + (moved or active > 0))
        if self._run[1] > p.STUCK_LEVELS:
            active = still = 0.0
        if active or still:
            self._times(PerState(1.0, exp(active), exp(still)))
        self.loud = (self.heard_at, key) if max(active, still) > p.LOUD_LLR else None
        if self.learns:
            self.memory.sound.heard(self.heard_at, level)

    def _radar(self) -> bool:
        return any(s.quantity is Quantity.RADAR and s.value is not None for s in self.sensors.values())

    def door(self, at: int) -> None:
        """A door of the room was opened or closed at ``at``: something changed, the direction is unknown."""
        for sensor in self._high():
            self._fired(sensor, at, False)
        self.segment.edge(at, self.learns)
        if at - self.door_at < p.DOOR_APART_MS:
            return
        self.door_at = at
        keep, gain = 1 - p.DOOR_WEIGHT, p.DOOR_WEIGHT
        prior = p.AFTER_DOOR
        self._settle(
            keep * self.vacant + gain * prior.vacant,
            keep * self.active + gain * prior.active,
            keep * self.still + gain * prior.still,
        )

    def fault(self, key: str, faulty: bool) -> None:
        """A device fell ill or recovered; its last value is worth nothing in either case."""
        sensor = self.sensors[key]
        sensor.faulty = faulty
        sensor.value = sensor.stuck_at = None

    # --- time -----------------------------------------------------------------------------------------

    def advance(self, to: int) -> None:
        """Let time pass until ``to``, in steps that end on the grid and where a series goes stale."""
        if self._heard is not None and to > self.heard_at:
            self.listen()
        if to - self.at > p.FORGET_MS:
            self.vacant, self.active, self.still = p.PRIOR
            for sensor in self.sensors.values():
                if sensor.last_at + sensor.stale_ms < to - p.FORGET_MS:
                    sensor.value = None
            self.at = (to - p.FORGET_MS) // p.GRID_MS * p.GRID_MS
        while self.at < to:
            end = min(to, (self.at // p.GRID_MS + 1) * p.GRID_MS)
            for sensor in self.sensors.values():
                if sensor.value is not None:
                    stale_at = sensor.last_at + sensor.stale_ms
                    if stale_at <= self.at:
                        sensor.value = None
                    elif stale_at < end:
                        end = stale_at
            self._find_stuck()
            self._step(end)

    def _rates(self) -> tuple[float, float, float]:
        """How fast each state loses likelihood while nothing changes, per second."""
        vacant = active = still = 0.0
        motion = self._motion()
        if motion is not None:
            rates = p.PIR_FALLS if motion else p.PIR_RISES
            vacant, active, still = rates
        for sensor in self.sensors.values():
            if sensor.quantity is Quantity.RADAR and sensor.value is not None:
                fresh = self.at - sensor.changed_at < p.RADAR_SPEAKS_S * 1000
                weight = 1.0 if fresh else p.RADAR_CONFIRMS[sensor.value > 0]
                rates = _RADAR_ENDS[sensor.value]
                vacant += weight * rates.vacant
                active += weight * rates.active
                still += weight * rates.still
        return vacant, active, still

    def _step(self, end: int) -> None:
        seconds = (end - self.at) / 1000
        if self.learns and any(sensor.value is not None for sensor in self.sensors.values()):
            self.memory.lived_ms += end - self.at
        lose_vacant, lose_active, lose_still = self._rates()
        least = min(lose_vacant, lose_active, lose_still)
        vacant = self.vacant * exp((least - lose_vacant) * seconds)
        active = self.active * exp((least - lose_active) * seconds)
        still = self.still * exp((least - lose_still) * seconds)
        come = vacant * p.ARRIVE * seconds
        settle, go = active * p.SETTLE * seconds, active * p.LEAVE_ACTIVE * seconds
        stir, slip = still * p.STIR * seconds, still * p.LEAVE_STILL * seconds
        self._settle(
            vacant - come + go + slip, active + come + stir - settle - go, still + settle - stir - slip
        )
        self.at = end
