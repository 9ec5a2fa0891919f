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
from . import signs
from .belief import Belief
from .memory import Memory
from .sensors import Sensor
from .tracks import LevelTrack, Track
from .verdict import Estimate, Verdict

__all__ = ["EVIDENCE", "SOUND", "Estimate", "RoomFilter"]

EVIDENCE = frozenset({Quantity.MOTION, Quantity.RADAR})
"""Quantities that speak of presence by themselves. Sound earns its weight beside them; a contact's edges are
doors."""
SOUND = frozenset({Quantity.LEVEL, Quantity.LAEQ})


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

    __slots__ = (
        "_ahead",
        "_ahead_at",
        "_ahead_version",
        "_belief",
        "_count",
        "_late",
        "_meters",
        "_pending",
        "_tracks",
        "_verdict",
        "memory",
    )

    def __init__(self, now: int, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self._belief = Belief(now // p.GRID_MS * p.GRID_MS, self.memory)
        self._pending: list[_Item] = []  # doors, faults, what is late
        self._tracks: dict[str, Track] = {}
        self._meters: dict[str, LevelTrack] = {}
        self._late: dict[str, signs.Signs] = {}
        self._ahead: Belief | None = None
        self._ahead_version = 0
        self._ahead_at = 0  # what is said of an earlier moment ends the twin
        self._count = 0
        self._verdict = Verdict(now)

    @property
    def stuck(self) -> list[str]:
        """Motion sensors found to be stuck half an hour ago or more, at the last estimate."""
        return self._verdict.stuck

    @property
    def sound(self) -> bool:
        """Whether the room has sensors and at the last estimate each spoke as often as it had promised."""
        return self._verdict.sound

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
        self._verdict.state, self._verdict.since = state, since

    def series(self, key: str, name: str, quantity: Quantity, max_silence_s: int) -> None:
        """Announce an evidence series, again if its silence changed."""
        self._ahead = None
        stale_ms = p.STALE_FACTOR * max_silence_s * 1000
        self._verdict.names[key] = name
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
        self._tracks.pop(key, None)
        self._late.pop(key, None)
        self._meters.pop(key, None)
        self._belief.sensors.pop(key, None)
        self._belief.meters.pop(key, None)
        self._belief.doors.standing.pop(key, None)
        self._verdict.names.pop(key, None)
        self._pending = [item for item in self._pending if item.key != key]

    @property
    def closed(self) -> int:
        """What is told of before (Unix ms) comes late: it changes no more than what is believed now."""
        return self._belief.at

    def sample(self, key: str, at: int, value: int) -> None:
        """``key`` said ``value`` (0 or 1; 0 to 3 for radar) at ``at``."""
        if at < self._belief.at:
            self._came_late(key, (at,), (value,))
            return
        self._before(at)
        self._track(key).add(at, value)

    def samples(self, key: str, ats: Sequence[int], values: Sequence[int]) -> None:
        """As :meth:`sample` of each, at rising times."""
        if ats[0] >= self._belief.at:
            self._before(ats[0])
            self._track(key).extend(ats, values)
            return
        if ats[-1] < self._belief.at:  # of what is late the youngest alone can count
            self.memory.late += len(ats) - 1
            self._came_late(key, ats, values)
            return
        for at, value in zip(ats, values, strict=True):
            self.sample(key, at, value)

    def _came_late(self, key: str, ats: Sequence[int], values: Sequence[int]) -> None:
        silence_ms = self._belief.sensors[key].stale_ms // p.STALE_FACTOR
        found = signs.lasting(self._late.pop(key, None), ats, values, silence_ms)
        if found is not None:
            self._late[key] = found
        self._append(ats[-1], _SAMPLE, key, values[-1])

    def levels(self, key: str, ats: Sequence[int], levels_db: Sequence[float]) -> None:
        """As :meth:`level` of each, at rising times."""
        if ats[-1] < self._belief.at:  # a level that late tells nothing
            self.memory.late += len(ats)
        elif ats[0] >= self._belief.at and ats[0] // p.GRID_MS == ats[-1] // p.GRID_MS:
            self._before(ats[0])
            self._meter(key).add(ats[-1], round(max(levels_db) * 1000))
        else:
            for at, level_db in zip(ats, levels_db, strict=True):
                self.level(key, at, level_db)

    def level(self, key: str, at: int, level_db: float) -> None:
        """The meter ``key`` heard ``level_db`` at ``at``; of what is heard at once the loudest counts."""
        if at < self._belief.at:
            self.memory.late += 1
            return
        self._before(at)
        self._meter(key).add(at, round(level_db * 1000))

    def fault(self, key: str, at: int, faulty: bool) -> None:
        """The device of ``key`` fell ill or recovered at ``at``."""
        self._append(at, _FAULT, key, int(faulty))

    def door(self, at: int, opened: bool, key: str = "", moved: bool = True) -> None:
        """The door ``key`` of the room stands open, or closed, at ``at``. Without ``moved`` it may have stood
        so before: it moved only if it is known to have stood otherwise."""
        self._append(at, _DOOR, key, opened + 2 * moved)

    def _track(self, key: str) -> Track:
        if (track := self._tracks.get(key)) is None:
            track = self._tracks[key] = Track()
        return track

    def _meter(self, key: str) -> LevelTrack:
        if (track := self._meters.get(key)) is None:
            track = self._meters[key] = LevelTrack()
        return track

    def _before(self, at: int) -> None:
        if at < self._ahead_at:
            self._ahead = None

    def _append(self, at: int, order: int, key: str, value: int) -> None:
        self._count += 1
        self.memory.late += at < self._belief.at
        self._before(at)
        if order == _SAMPLE:
            track = self._track(key)
            track.told = max(track.told, at)
        self._pending.append(_Item(at, order, key, self._count, value))

    def estimate(self, now: int) -> Estimate:
        """What is believed at ``now``; ``now`` does not go back."""
        self._pending.sort()
        self._thin()
        horizon = (now - p.REORDER_MS) // p.GRID_MS * p.GRID_MS
        if horizon > self._belief.at:
            self._commit(horizon)
        belief = self._settled(now).copy()
        self._replay(belief, now + 1)
        belief.advance(now)
        belief.listen()
        return self._verdict.on(belief, now, self._began)

    def _began(self, key: str) -> int | None:
        """When a sign that reaches to now began, if that was told late."""
        belief = self._belief
        return signs.since(self._late.get(key), self._tracks.get(key), belief.sensors[key], belief.at)

    def _commit(self, horizon: int) -> None:
        self._replay(self._belief, horizon)
        self._belief.advance(horizon)
        del self._pending[: bisect_left(self._pending, horizon, key=_AT)]
        for track in self._tracks.values():
            track.drop(horizon)
        for meter in self._meters.values():
            meter.drop(horizon)

    def _settled(self, now: int) -> Belief:
        """A twin of the committed belief, ahead of it as far as every series has told already; kept from one
        look to the next, until something of an earlier moment comes or what the room has taught is another.

        It ends on the grid, where time stops anyhow: to go on from it is to go on from the committed belief.
        """
        ahead = self._ahead
        if ahead is not None and (ahead.at < self._belief.at or self._ahead_version != self.memory.version):
            ahead = None
        told = [track.told for track in self._tracks.values()]
        told += [meter.told for meter in self._meters.values()]
        reach = min([now, *(at for at in told if at > now - p.REORDER_MS)]) // p.GRID_MS * p.GRID_MS
        if reach > (ahead or self._belief).at:
            ahead = ahead or self._belief.copy()
            self._replay(ahead, reach)
            ahead.advance(reach)
        self._ahead = ahead
        if ahead is None:
            return self._belief
        self._ahead_at, self._ahead_version = ahead.at, self.memory.version
        return ahead

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

    def _replay(self, belief: Belief, end: int) -> None:
        """Let ``belief``, which stands on the grid, live through what is told up to ``end`` (excluded): by
        steps of the grid, so that it does not matter in how many parts."""
        start, pending = belief.at, self._pending
        place = bisect_left(pending, start, key=_AT)
        if place and start == self._belief.at:  # late: the faults before the rest
            for item in sorted(pending[:place], key=lambda item: item.order != _FAULT):
                self._apply(belief, item)
        last = bisect_left(pending, end, place, key=_AT)
        tracks, meters = list(self._tracks.items()), list(self._meters.items())
        places = [bisect_left(track.ats, start) for _, track in tracks]
        heard = [bisect_left(track.ats, start) for _, track in meters]
        while True:
            first = pending[place].at if place < last else end
            for at, (_, track) in zip(places, tracks, strict=True):
                if at < len(track.ats) and track.ats[at] < first:
                    first = track.ats[at]
            for at, (_, meter) in zip(heard, meters, strict=True):
                if at < len(meter.ats) and meter.ats[at] < first:
                    first = meter.ats[at]
            if first >= end:
                return
            step = (first // p.GRID_MS + 1) * p.GRID_MS
            until = min(step, end)
            items: list[_Item] = []
            while place < last and pending[place].at < until:
                items.append(pending[place])
                place += 1
            plain = not items
            for number, (key, track) in enumerate(tracks):
                begin = places[number]
                upto = places[number] = bisect_left(track.ats, until, begin)
                if begin == upto:
                    continue
                if plain and self._says_the_same(belief.sensors[key], track, begin, upto):
                    self._say(belief, key, track.ats[upto - 1], track.values[begin])
                else:
                    items += _turns(key, track, begin, upto, plain)
            items += self._levels(meters, heard, step, until)
            if len(items) > 1:
                items.sort()
            for item in items:
                self._apply(belief, item)

    @staticmethod
    def _says_the_same(sensor: Sensor, track: Track, begin: int, end: int) -> bool:
        """Whether all that a series told repeats what it said before: the last one then stands for all."""
        value = sensor.value
        if (
            value is None
            or track.values[begin] != value
            or track.values.count(value, begin, end) < end - begin
        ):
            return False
        return sensor.last_at <= track.ats[begin] and track.ats[end - 1] < sensor.last_at + sensor.stale_ms

    @staticmethod
    def _levels(
        meters: Sequence[tuple[str, LevelTrack]], places: list[int], step: int, until: int
    ) -> list[_Item]:
        """What all meters heard in the step that ends at ``step``, at the moment of the youngest of it; as
        long as that is to come, nothing."""
        ends, found = 0, []
        for number, (key, track) in enumerate(meters):
            place = places[number]
            if place < len(track.ats) and (at := track.ats[place]) < step:
                places[number] += 1
                ends = max(ends, at)
                found.append((key, track.values[place]))
        return [_Item(ends, _SOUND, key, 0, loud) for key, loud in found] if ends < until else []

    def _say(self, belief: Belief, key: str, at: int, value: int) -> None:
        sensor = belief.sensors[key]
        self._verdict.told(sensor, at, value)
        if not belief.repeats(sensor, at, value):
            belief.advance(at)
            belief.sample(key, at, value)

    def _apply(self, belief: Belief, item: _Item) -> None:
        at, order, key, _, value = item
        if order == _SAMPLE:
            self._say(belief, key, at, value)
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


def _turns(key: str, track: Track, begin: int, end: int, plain: bool) -> list[_Item]:
    """What a series told in one step of the grid: all of it, or where nothing else happened (``plain``) its
    changes, its last reading and those that end a sign of somebody."""
    ats, values = track.ats, track.values
    found = []
    for place in range(begin, end):
        value = values[place]
        again = plain and begin < place < end - 1 and values[place - 1] == value
        if again and (not value or values[place + 1] == value):
            continue
        found.append(_Item(ats[place], _SAMPLE, key, place, value))
    return found
