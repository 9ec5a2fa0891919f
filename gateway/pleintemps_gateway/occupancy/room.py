"""One room: evidence in any order of arrival, an estimate whenever asked.

Belief is committed up to ``REORDER_MS`` before now; what is younger is replayed in order of time at each
estimate, so that samples of several agents give the in-order result. What comes later is counted
(``memory.late``) and still tells at the committed moment, youngest per series only, not at all once stale; a
level that late tells nothing."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity

from . import parameters as p
from .belief import Belief
from .memory import Memory
from .sensors import Sensor

EVIDENCE = frozenset({Quantity.MOTION, Quantity.RADAR})
"""Quantities that speak of presence by themselves. Sound earns its weight beside them; a contact's edges are
doors."""
SOUND = frozenset({Quantity.LEVEL, Quantity.LAEQ})

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


class _Item(NamedTuple):
    at: int
    order: int  # a fault before a sample of the same moment, then the door, then the sound
    key: str
    arrived: int  # order of arrival decides between two values of one series at one moment
    value: int


_FAULT, _SAMPLE, _DOOR, _SOUND = range(4)
_AT = attrgetter("at")


class RoomFilter:
    """Occupancy of one space. Keys are unique per space, names are for people."""

    def __init__(self, now: int, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self._belief = Belief(now // p.GRID_MS * p.GRID_MS, self.memory)
        self._pending: list[_Item] = []
        self._levels: dict[tuple[int, str], tuple[int, int]] = {}  # per step of the grid and meter
        self._ahead: Belief | None = None
        self._ahead_version = 0
        self._ahead_at = 0  # what is said of an earlier moment ends the twin
        self._told: dict[str, int] = {}  # youngest sample of each series
        self._count = 0
        self._names: dict[str, str] = {}
        self._state = Occupancy.UNKNOWN
        self._since = now
        self._positive: tuple[int, str] | None = None
        self._held_until: int | None = None  # the youngest end of a state that told of somebody
        self.stuck: list[str] = []
        """Motion sensors found to be stuck half an hour ago or more, at the last estimate."""
        self.sound = False
        """Whether the room has sensors and at the last estimate each spoke as often as it had promised."""

    @classmethod
    def from_learnt(cls, now: int, kept: Mapping[str, Any] | None) -> "RoomFilter":
        """A room that begins at ``now`` with what a room had learnt (:meth:`.memory.Memory.kept`), a copy of
        its own that goes on learning."""
        memory = Memory()
        if kept is not None:
            memory.take(kept)
        return cls(now, memory)

    def restore(self, state: Occupancy, since: int) -> None:
        """The state that was decided before a restart."""
        self._state, self._since = state, since

    def series(self, key: str, name: str, quantity: Quantity, max_silence_s: int) -> None:
        """Announce an evidence series, again if its silence changed."""
        self._ahead = None
        stale_ms = p.STALE_FACTOR * max_silence_s * 1000
        self._names[key] = name
        if quantity in SOUND:
            return
        sensor = self._belief.sensors.get(key)
        if sensor is None or sensor.quantity is not quantity:
            self._belief.sensors[key] = Sensor(key, quantity, stale_ms)
        else:
            sensor.stale_ms = stale_ms

    def watched(self) -> None:
        """A contact tells of a door of this room."""
        self._ahead = None
        self._belief.segment.watch(self._belief.at)

    def forget(self, key: str) -> None:
        """The series is no longer of this room."""
        self._ahead = None
        self._told.pop(key, None)
        self._belief.sensors.pop(key, None)
        self._belief.meters.pop(key, None)
        self._belief.doors.standing.pop(key, None)
        self._names.pop(key, None)
        self._pending = [item for item in self._pending if item.key != key]

    def sample(self, key: str, at: int, value: int) -> None:
        """``key`` said ``value`` (0 or 1; 0 to 3 for radar) at ``at``."""
        self._append(at, _SAMPLE, key, value)

    def samples(self, key: str, ats: Sequence[int], values: Sequence[int]) -> None:
        """As :meth:`sample` of each, at rising times."""
        if ats[-1] < self._belief.at:  # of what is late the youngest alone can count
            self.memory.late += len(ats) - 1
            self._append(ats[-1], _SAMPLE, key, values[-1])
            return
        for at, value in zip(ats, values, strict=True):
            self._append(at, _SAMPLE, key, value)

    def levels(self, key: str, ats: Sequence[int], levels_db: Sequence[float]) -> None:
        """As :meth:`level` of each, at rising times."""
        if ats[-1] < self._belief.at:  # a level that late tells nothing
            self.memory.late += len(ats)
            return
        for at, level_db in zip(ats, levels_db, strict=True):
            self.level(key, at, level_db)

    def level(self, key: str, at: int, level_db: float) -> None:
        """The meter ``key`` heard ``level_db`` at ``at``; of what is heard at once the loudest counts."""
        self.memory.late += at < self._belief.at
        if at < self._ahead_at:
            self._ahead = None
        if at > self._told.get(key, 0):
            self._told[key] = at
        place = (at // p.GRID_MS, key)
        milli_db = round(level_db * 1000)
        known = self._levels.get(place)
        self._levels[place] = (
            (at, milli_db) if known is None else (max(known[0], at), max(known[1], milli_db))
        )

    def fault(self, key: str, at: int, faulty: bool) -> None:
        """The device of ``key`` fell ill or recovered at ``at``."""
        self._append(at, _FAULT, key, int(faulty))

    def door(self, at: int, opened: bool, key: str = "", moved: bool = True) -> None:
        """The door ``key`` of the room stands open, or closed, at ``at``. Without ``moved`` it may have stood
        so before: it moved only if it is known to have stood otherwise."""
        self._append(at, _DOOR, key, opened + 2 * moved)

    def _append(self, at: int, order: int, key: str, value: int) -> None:
        self._count += 1
        self.memory.late += at < self._belief.at
        if at < self._ahead_at:
            self._ahead = None
        if order == _SAMPLE and at > self._told.get(key, 0):
            self._told[key] = at
        self._pending.append(_Item(at, order, key, self._count, value))

    def estimate(self, now: int) -> Estimate:
        """What is believed at ``now``; ``now`` does not go back."""
        self._pending.sort()
        self._thin()
        horizon = (now - p.REORDER_MS) // p.GRID_MS * p.GRID_MS
        if horizon > self._belief.at:
            self._commit(horizon)
        settled = self._settled(now)
        belief = settled.copy()
        self._replay(belief, self._items(settled), now + 1)
        belief.advance(now)
        belief.listen()
        return self._decide(belief, now)

    def _commit(self, horizon: int) -> None:
        items = self._items(self._belief)
        items = items[self._replay(self._belief, items, horizon) :]
        self._belief.advance(horizon)
        self._pending = [item for item in items if item.order != _SOUND]
        first = horizon // p.GRID_MS
        self._levels = {place: found for place, found in self._levels.items() if place[0] >= first}

    def _settled(self, now: int) -> Belief:
        """A twin of the committed belief, ahead of it as far as every series has told already; kept from one
        look to the next, until something of an earlier moment comes or what the room has taught is another.

        It ends on the grid, where time stops anyhow: to go on from it is to go on from the committed belief.
        """
        ahead = self._ahead
        if ahead is not None and (ahead.at < self._belief.at or self._ahead_version != self.memory.version):
            ahead = None
        base = ahead or self._belief
        told = [at for at in self._told.values() if at > now - p.REORDER_MS]
        reach = min(now, *told, now) // p.GRID_MS * p.GRID_MS
        if reach > base.at:
            ahead = ahead or base.copy()
            self._replay(ahead, self._items(base), reach)
            ahead.advance(reach)
        self._ahead = ahead
        if ahead is None:
            return self._belief
        self._ahead_at, self._ahead_version = ahead.at, self.memory.version
        return ahead

    def _items(self, base: Belief) -> list[_Item]:
        """What ``base`` does not know yet, in order."""
        items = self._pending
        if base is not self._belief:
            items = items[bisect_left(items, base.at, key=_AT) :]
        if not self._levels:
            return items
        return sorted([*items, *self._heard(base.at)])

    def _heard(self, since: int) -> list[_Item]:
        """Levels from the step of the grid on that ``since`` is in."""
        first = since // p.GRID_MS
        ends: dict[int, int] = {}
        for (place, _), (at, _loud) in self._levels.items():
            if at > ends.get(place, -1):
                ends[place] = at
        return [
            _Item(ends[place], _SOUND, key, 0, loud)
            for (place, key), (_, loud) in self._levels.items()
            if place >= first
        ]

    def _thin(self) -> None:
        """Of what came later than the committed moment keep what will count, however much it was."""
        at = self._belief.at
        late = bisect_left(self._pending, at, key=_AT)
        if not late:
            return
        newest: dict[str, _Item] = {}
        faults: list[_Item] = []
        for item in self._pending[:late]:
            if item.order == _FAULT:
                faults.append(item)
            elif item.order == _DOOR or item.at + self._belief.sensors[item.key].stale_ms > at:
                newest[item.key] = item
        self._pending[:late] = sorted([*faults, *newest.values()])

    def _replay(self, belief: Belief, items: list[_Item], end: int) -> int:
        """Apply what lies before ``end``: first what is late, the faults before the rest; how many."""
        count = bisect_left(items, end, key=_AT)
        late = bisect_left(items, belief.at, 0, count, key=_AT)
        for item in sorted(items[:late], key=lambda item: item.order != _FAULT):
            self._apply(belief, item)
        for item in items[late:count]:
            self._apply(belief, item)
        return count

    def _apply(self, belief: Belief, item: _Item) -> None:
        at, order, key, _, value = item
        if order == _SAMPLE:
            if value and (self._positive is None or (at, key) > self._positive):
                self._positive = (at, key)
            sensor = belief.sensors[key]
            if sensor.value and at > sensor.last_at:
                self._held_until = max(self._held_until or 0, _held(sensor, at))
            if belief.repeats(sensor, at, value):
                return
            belief.advance(at)
            belief.sample(key, at, value)
            return
        opened, moved = bool(value & 1), value > 1
        if order == _DOOR and belief.doors.again(key, at, opened, moved):
            return
        belief.advance(at)
        if order == _SOUND:
            belief.sound(key, at, value)
        elif order == _DOOR:
            belief.door(key, at, opened)
        else:
            belief.fault(key, bool(value))

    # --- decision -------------------------------------------------------------------------------------

    def _decide(self, belief: Belief, now: int) -> Estimate:
        self.stuck = sorted(key for key, at, sure in belief.stuck if sure and now - at >= p.STUCK_TOLD_MS)
        live = [sensor for sensor in belief.sensors.values() if _speaks(sensor, now)]
        self.sound = 0 < len(live) == len(belief.sensors) and all(_keeps_word(s, now) for s in live)
        probability = belief.occupied
        state = self._state
        dumb = any(sensor.stuck_at is not None for sensor in belief.sensors.values())
        if dumb and self.memory.lived_ms < p.FIRST_DAY_MS:
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
        if state is not self._state:
            began = evidence_at if state is Occupancy.OCCUPIED and evidence_at is not None else now
            self._since = max(began, self._since + 1)
            self._state = state
        return Estimate(
            state,
            None if state is Occupancy.UNKNOWN else round(probability, 3),
            self._since,
            text,
            evidence_at,
            self._positive_at(live, now),
        )

    def _positive_at(self, live: list[Sensor], now: int) -> int | None:
        times = [_held(sensor, now) for sensor in live if sensor.value]
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
            return f"{self._names[best.key]} {_WHAT[best.quantity, best.value or 0]}", best.last_at
        if state is Occupancy.OCCUPIED and belief.loud is not None:
            at, key = belief.loud
            if key in self._names and at > (self._positive or (0, ""))[0]:
                return f"{self._names[key]} sound", at
        if state is Occupancy.OCCUPIED and self._positive is not None and self._positive[1] in belief.sensors:
            at, key = self._positive
            return f"{self._names[key]} {_WHAT[belief.sensors[key].quantity, 1]}", at
        times = [sensor.last_at for sensor in belief.sensors.values() if sensor.last_at >= 0]
        return "", max(times, default=None)


def _held(sensor: Sensor, at: int) -> int:
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
