"""Belief about one room: a causal Bayesian filter over (vacant, occupied and active, occupied and still).

Continuous-time transitions with real time steps. Each sensor is a continuous-time process whose rates depend
on the hidden state: staying silent for t seconds has likelihood exp(-rate t), a change has likelihood rate. A
held output is therefore never counted twice, however often it is repeated."""

from math import exp
from typing import Final, NamedTuple

from pleintemps_contract.units import Quantity

from . import faults
from . import parameters as p
from .doors import Doors
from .memory import Memory
from .parameters import PerState
from .segment import FEW, Segment, Sensing
from .sensors import PIR_FELL, PIR_FOUND, PIR_ROSE, RADAR_ENDS, RADAR_TO, Meter, Sensor
from .sound import APART_MS, NEAR_MS, step

_MINUTE_MS: Final = 60_000
_RADAR_SPEAKS_MS: Final = p.RADAR_SPEAKS_S * 1000


class _Rates(NamedTuple):
    """How fast each state loses likelihood, per second; ``passing``: not for long."""

    vacant: float
    active: float
    still: float
    passing: bool


class Belief:
    """Probabilities at ``at`` (Unix ms), with the sensors as they stand then."""

    __slots__ = (
        "_heard",
        "_run",
        "active",
        "at",
        "door_at",
        "doors",
        "heard_at",
        "learns",
        "loud",
        "memory",
        "meters",
        "segment",
        "sensors",
        "still",
        "vacant",
    )

    def __init__(self, at: int, memory: Memory | None = None) -> None:
        self.at = at
        self.memory = memory or Memory()
        self.segment = Segment(self.memory.door)
        self.doors = Doors(self.memory.door.passed)
        self.learns = True
        self.heard_at = -APART_MS
        self._heard: tuple[int, str] | None = None
        self._run = (0, 0)  # a level, how often it was heard with somebody there
        self.loud: tuple[int, str] | None = None
        self.vacant, self.active, self.still = p.PRIOR
        self.sensors: dict[str, Sensor] = {}
        self.meters: dict[str, Meter] = {}
        self.door_at = -p.DOOR_APART_MS

    def copy(self) -> "Belief":
        """A twin that believes the same and learns nothing."""
        twin = Belief.__new__(Belief)
        twin.at, twin.memory, twin.learns = self.at, self.memory, False
        twin.segment, twin.doors = self.segment.copy(), self.doors.copy()
        twin.heard_at, twin._heard, twin.loud, twin._run = self.heard_at, self._heard, self.loud, self._run
        twin.vacant, twin.active, twin.still = self.vacant, self.active, self.still
        twin.sensors = {key: sensor.copy() for key, sensor in self.sensors.items()}
        twin.meters = {key: meter.copy() for key, meter in self.meters.items()}
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
        ajar = self.doors.ajar(self.at)
        held = self.segment.probability(self.at, high, self._sensing(), ajar)
        return max(held, by_rates) if ajar or self.segment.lasting(self.at) else held

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
            if sensor.quantity is Quantity.MOTION and sensor.value is not None and sensor.stuck_at is None:
                if sensor.value:
                    return True
                found = False
        return found

    def _high(self) -> list[Sensor]:
        """Motion sensors that say that somebody is there."""
        return [
            sensor
            for sensor in self.sensors.values()
            if sensor.quantity is Quantity.MOTION and sensor.value and sensor.stuck_at is None
        ]

    def _watch_runs(self, end: int) -> bool:
        """What the next step adds to the runs by which a stuck sensor is known; see :mod:`.faults`. Whether
        one is known that was not."""
        found = False
        high = [sensor for sensor in self.sensors.values() if sensor.value and sensor.stuck_at is None]
        for sensor in high:
            if len(high) > 1 and not self._unproven(sensor):
                sensor.longest_ms = max(sensor.longest_ms, sensor.lone_ms)
                sensor.lone_ms, sensor.before = 0, None
                continue
            if sensor.before is None:
                sensor.before = PerState(self.vacant, self.active, self.still)
            sensor.lone_ms += end - self.at
            if sensor.lone_ms >= p.LONE_MS:
                self._judge_high(sensor)
                found = found or sensor.stuck_at is not None
        for sensor in self.sensors.values():
            if sensor.stuck_at is not None and not sensor.sure:
                sensor.lone_ms += end - self.at if sensor.value else 0
                odds = self._odds_high(sensor) if sensor.value else self._odds_low(sensor)
                sensor.sure = odds >= p.SURE_ODDS
        return found

    def _unproven(self, sensor: Sensor) -> bool:
        """A motion sensor that was never low: company proves nothing."""
        known = self.memory.faults.high
        return not sensor.seen & 1 and sensor.quantity is Quantity.MOTION and sensor.key not in known

    def _judge_high(self, sensor: Sensor) -> None:
        if sensor.quantity is not Quantity.MOTION and not any(
            other is not sensor and other.speaks for other in self.sensors.values()
        ):
            return  # nobody could contradict a lone radar
        if self._odds_high(sensor) >= 0:
            sensor.stuck_at = self.at
            if sensor.before is not None:
                self._without(sensor.before, sensor.lone_ms / 1000)

    def _odds_high(self, sensor: Sensor) -> float:
        run_s = sensor.lone_ms / 1000
        kind = faults.LONE_MOTION if sensor.quantity is Quantity.MOTION else faults.LONE_RADAR
        known = self.memory.faults
        return known.odds(known.high, sensor.key, kind, run_s, run_s, bool(sensor.seen & 1))

    def _odds_low(self, sensor: Sensor) -> float:
        known, age_s = self.memory.faults, (self.at - sensor.changed_at) / 1000
        return known.odds(known.low, sensor.key, faults.UNSEEN, sensor.unseen_s, age_s, bool(sensor.seen & 2))

    def _without(self, before: PerState, seconds: float) -> None:
        """Go on from ``before`` as if the stuck sensor had said nothing since: the branch of the joint state
        in which it is stuck."""
        self.vacant, self.active, self.still = before
        rates = self._rates()
        while seconds > 0:
            self._pass(min(seconds, p.BRANCH_STEP_S), rates)
            seconds -= p.BRANCH_STEP_S

    def _turned(self, sensor: Sensor, before: int | None, value: int) -> None:
        """A sensor speaks again, or of the other state: a run is over, and so is what it was suspected of."""
        known = self.memory.faults
        if self.learns and not sensor.sure and before is not None:
            if before:
                known.learn(known.high, sensor.key, max(sensor.longest_ms, sensor.lone_ms) / 1000)
            else:
                known.learn(known.low, sensor.key, sensor.unseen_s)
        if before == 0:
            sensor.unseen_s = 0.0
        sensor.lone_ms, sensor.longest_ms, sensor.stuck_at, sensor.sure = 0, 0, None, False
        sensor.before = PerState(self.vacant, self.active, self.still) if value else None

    def _rose(self, riser: Sensor, at: int) -> None:
        """Others that could have seen what ``riser`` sees were silent for one minute more, or were not."""
        for sensor in self.sensors.values():
            if sensor is riser or sensor.value != 0 or sensor.minute == at // _MINUTE_MS:
                continue
            sensor.minute = at // _MINUTE_MS
            sensor.unseen_s += 60.0
            tested = len(self.sensors) <= FEW or self.memory.faults.proven(sensor.key)
            if tested and sensor.stuck_at is None and self._odds_low(sensor) >= 0:
                sensor.stuck_at = at

    # --- evidence -----------------------------------------------------------------------------------

    def repeats(self, sensor: Sensor, at: int, value: int) -> bool:
        """Take a value that says again what the series said, if it is that: it keeps the series alive and
        no more.
        """
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
        if before is None or bool(value) != bool(before):
            self._turned(sensor, before, value)
        if value:
            self._sign(sensor, at, not before)
        elif before and sensor.stuck_at is None and sensor.quantity is Quantity.MOTION:
            self._fired(sensor, at, False)  # it was high until now
        if value != before:
            sensor.seen |= 2 if value else 1
            sensor.value = value
            sensor.changed_at = at
            if value and before in (0, 2):
                self._rose(sensor, at)
        if sensor.quantity is Quantity.MOTION:
            after = self._motion()
            if after is not None and after != motion:
                if motion is None:
                    self._times(PIR_FOUND[after])
                else:
                    self._times(PIR_ROSE if after else PIR_FELL)
        elif value != before and sensor.speaks and not (before in (1, 3) and value in (1, 3)):
            self._times(RADAR_TO[value])

    def _sign(self, sensor: Sensor, at: int, rose: bool) -> None:
        if sensor.stuck_at is not None:
            return
        sensor.high_at = at
        self.doors.seen()
        if self.learns:
            self.memory.sound.hit(at)
        if sensor.quantity is Quantity.MOTION:
            self._fired(sensor, at, rose)

    def _fired(self, sensor: Sensor, at: int, rose: bool) -> None:
        if self.segment.hears(at, rose):
            self.segment.sign(sensor.key, at, rose, self._sensing(), self.learns)

    def _sensing(self) -> Sensing:
        count, told = 0, True
        for sensor in self.sensors.values():
            if sensor.quantity is Quantity.MOTION:
                count += 1
                told = told and (sensor.value is None or sensor.stale_ms <= p.RHYTHM_MS)
        few = count <= FEW
        return Sensing(few, few or told)

    def sound(self, key: str, at: int, milli_db: int) -> None:
        """A meter heard a level at ``at``; of one moment the loudest counts, a stuck meter's never."""
        meter = self.meters.get(key)
        if meter is None:
            meter = self.meters[key] = Meter()
        if meter.same(key, at, milli_db, self.memory.faults, self._moved, self.learns):
            return
        level = step(milli_db / 1000)
        if at == self.heard_at and self._heard is not None:
            self._heard = max(self._heard, (level, key))
        elif at - self.heard_at >= APART_MS:
            self.heard_at, self._heard = at, (level, key)

    def _moved(self, at: int) -> bool:
        return any(at - sensor.high_at <= NEAR_MS for sensor in self.sensors.values())

    @property
    def stuck(self) -> list[tuple[str, int, bool]]:
        """Series that are stuck, since when this is likely, and whether it is beyond doubt."""
        every: list[tuple[str, Sensor | Meter]] = [*self.sensors.items(), *self.meters.items()]
        return [(key, each.stuck_at, each.sure) for key, each in every if each.stuck_at is not None]

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
        moved = self._moved(self.heard_at)
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
        return any(s.quantity is Quantity.RADAR and s.speaks for s in self.sensors.values())

    def door(self, key: str, at: int, opened: bool) -> None:
        """The door ``key`` of the room moved at ``at``: something changed, the direction is unknown."""
        ajar = self.doors.ajar(at)
        for sensor in self._high():
            self._fired(sensor, at, False)
            self.doors.seen()
        if not self.doors.edge(key, at, opened, self.learns):
            return
        self.segment.edge(at, self.learns and not ajar)
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
        sensor.value = sensor.stuck_at = sensor.before = None
        sensor.lone_ms, sensor.longest_ms, sensor.unseen_s, sensor.sure = 0, 0, 0.0, False

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
        rates: _Rates | None = None
        sensors = list(self.sensors.values())
        while self.at < to:
            end = min(to, (self.at // p.GRID_MS + 1) * p.GRID_MS)
            live = watched = False
            for sensor in sensors:
                if sensor.value is not None:
                    stale_at = sensor.last_at + sensor.stale_ms
                    if stale_at <= self.at:
                        sensor.value = rates = None
                    else:
                        live = True
                        end = min(end, stale_at)
                watched = watched or bool(sensor.value) or sensor.stuck_at is not None
            if watched and self._watch_runs(end):
                rates = None
            if rates is None or rates.passing:
                rates = self._rates()
            if self.learns and live:
                self.memory.lived_ms += end - self.at
            self._pass((end - self.at) / 1000, rates)
            self.at = end

    def _rates(self) -> "_Rates":
        """How fast each state loses likelihood while nothing changes."""
        vacant = active = still = 0.0
        passing = False
        motion = self._motion()
        if motion is not None:
            rates = p.PIR_FALLS if motion else p.PIR_RISES
            vacant, active, still = rates
        for sensor in self.sensors.values():
            if sensor.quantity is Quantity.RADAR and sensor.value is not None and sensor.stuck_at is None:
                fresh = self.at - sensor.changed_at < _RADAR_SPEAKS_MS
                passing = passing or fresh
                weight = 1.0 if fresh else p.RADAR_CONFIRMS[sensor.value > 0]
                rates = RADAR_ENDS[sensor.value]
                vacant += weight * rates.vacant
                active += weight * rates.active
                still += weight * rates.still
        return _Rates(vacant, active, still, passing)

    def _pass(self, seconds: float, rates: "_Rates") -> None:
        lose_vacant, lose_active, lose_still, _ = rates
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
