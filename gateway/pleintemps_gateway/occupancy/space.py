"""One space with all that is measured in it: occupancy, noise, and when a new row is worth storing."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.noise import watch
from pleintemps_gateway.noise.records import NoiseFigures
from pleintemps_gateway.stretch import Stretch

from .marked import Lesson
from .records import Learnt, OccupancyChanged, SpaceNow
from .room import EVIDENCE, SOUND, Estimate, RoomFilter

REFRESH_MS: Final = 10_000
"""Ages, probabilities and levels alone make a new row at most this often."""
REST_MS: Final = 5_000
"""A space that is neither sure nor changing its mind is looked at this often; one that is changing it, or too
loud or nearly, every second; a sure and calm one when it may have a row."""
LEARNT_EVERY_MS: Final = 3_600_000
LEVEL_STEP_DB: Final = 0.5
_SETTLED: Final = (0.05, 0.95)
_JITTER_MS: Final = 1_000  # a look may come so much after its time
_LATE_EACH_MS: Final = 1_000  # a journal of hours comes in hundreds of pieces, and says little of now
_LOUDEST_DB: Final = 200.0
_WATCHED: Final = EVIDENCE | {Quantity.CONTACT}
_LEVELS: Final = watch.LEVELS | {Quantity.LCEQ}
_STATES: Final = {Quantity.MOTION: frozenset({0, 1}), Quantity.RADAR: frozenset(range(4))}
_NONE: Final[Mapping[str, int]] = {}


class Look(NamedTuple):
    """What one look at a space found; ``row`` and ``change`` only if they are new."""

    estimate: Estimate
    row: SpaceNow | None
    change: OccupancyChanged | None


class _Series:
    """A series of the space, and the state that it told last."""

    __slots__ = ("quantity", "value")

    def __init__(self, quantity: Quantity) -> None:
        self.quantity = quantity
        self.value: int | None = None


class SpaceRuntime:
    """Takes samples by series key, wants a :meth:`look` when :attr:`due`.

    ``phase_ms`` (0 to 4999) spreads the spaces of a site over the seconds; ``wake`` is told of each new
    :attr:`due`.
    """

    __slots__ = (
        "_believe_at",
        "_doors",
        "_due",
        "_known",
        "_learnt",
        "_learnt_due",
        "_looked",
        "_phase_ms",
        "_row",
        "_series",
        "_wake",
        "estimate",
        "noise",
        "room",
        "space",
    )

    def __init__(
        self,
        space: str,
        noise: watch.NoiseWatch,
        now: int,
        phase_ms: int,
        wake: Callable[[int], None] = lambda due: None,
    ) -> None:
        self.space = space
        self._learnt: str | None = None
        self._learnt_due = now + LEARNT_EVERY_MS
        self._wake = wake
        self._phase_ms = phase_ms
        self._looked = now
        self._wake_at(now)
        self.room = RoomFilter(now)
        self.noise = noise
        self.estimate: Estimate | None = None
        self._series: dict[str, _Series] = {}
        self._doors: dict[str, bool] = {}
        self._row: SpaceNow | None = None
        self._known: tuple[Occupancy, int] | None = None

    @property
    def due(self) -> int:
        """When (Unix ms) a look is wanted."""
        return self._due

    def _wake_at(self, due: int) -> None:
        self._due = self._believe_at = due
        self._wake(due)

    def _listen_at(self, due: int) -> None:
        """For the noise alone: what is believed can wait."""
        self._due = min(due, self._believe_at)
        self._wake(self._due)

    def _soon(self, at: int) -> int:
        """When news of ``at`` is worth a look: at once, or a second after the last where it came late."""
        return 0 if at >= self.room.closed else min(self._due, self._looked + _LATE_EACH_MS)

    def _stir(self, at: int) -> None:
        """What is believed may change by news of ``at``."""
        soon = self._soon(at)
        self._believe_at = min(soon, self._believe_at)
        self._listen_at(soon)

    def restore(self, row: SpaceNow | None, start: int, learnt: str | None = None) -> None:
        """Go on from a stored row and what was learnt; samples from ``start`` on will be fed again."""
        kept = None if learnt is None else msgspec.json.decode(learnt, type=dict[str, Any])
        self._learnt = learnt
        self.room = RoomFilter.from_learnt(start, kept)
        if row is not None:
            self.room.restore(row.state, row.since)
            self._row = row
            self._known = (row.state, row.since)

    def teach(self, lessons: Iterable[Lesson]) -> None:
        """What marked hours teach, all of them anew."""
        self.room.memory.teach(lessons)

    def unlearn(self) -> None:
        """A person wants the room to begin anew."""
        self.room.memory.forget()
        self._learnt = None

    def learnt(self, now: int) -> Learnt | None:
        """What the room has taught, if there is news and the last was said an hour ago."""
        if now < self._learnt_due:
            return None
        self._learnt_due = now + LEARNT_EVERY_MS
        memory = self.room.memory
        if memory.empty:
            return None
        body = msgspec.json.encode(memory.kept()).decode()
        if body == self._learnt:
            return None
        self._learnt = body
        return Learnt(space=self.space, at=now, body=body)

    def series(self, key: str, name: str, quantity: Quantity, max_silence_s: int, device: str) -> None:
        """Announce a series of this space, and the ``device`` that it comes from."""
        if (known := self._series.get(key)) is None:
            self._series[key] = _Series(quantity)
        else:
            known.quantity = quantity
        if quantity in EVIDENCE or quantity in SOUND:
            self.room.series(key, name, quantity, max_silence_s)
        elif quantity is Quantity.CONTACT:
            self.room.watched()
        if quantity in watch.QUANTITIES:
            self.noise.series(key, device, quantity, max_silence_s)
        self._wake_at(0)

    def forget(self, key: str) -> None:
        known = self._series.pop(key, None)
        quantity = None if known is None else known.quantity
        self._doors.pop(key, None)
        if quantity in EVIDENCE or quantity in SOUND or quantity is Quantity.CONTACT:
            self.room.forget(key)
        if quantity in watch.QUANTITIES:
            self.noise.forget(key)
        self._wake_at(0)

    def sample(self, key: str, at: int, value: float) -> str | None:
        """Take one value; the reason if it cannot be used."""
        known = self._series[key]
        quantity = known.quantity
        if quantity in watch.QUANTITIES:
            if quantity in SOUND and 0 <= value <= _LOUDEST_DB:
                self.room.level(key, at, value)
            if quantity in _LEVELS and value >= self.noise.notable_db:
                self._listen_at(self._soon(at))
            return self.noise.sample(key, at, value)
        if quantity not in _WATCHED:
            return None  # stored and shown by others
        state = int(value)
        if state != value or not 0 <= state <= (3 if quantity is Quantity.RADAR else 1):
            return f"not a value of {quantity.value}"
        before, known.value = known.value, state
        if quantity is Quantity.CONTACT:
            self.door(key, at, bool(state), False)
            return None
        self.room.sample(key, at, state)
        if before != state:
            self._stir(at)
        return None

    def samples(self, key: str, stretch: Stretch) -> Mapping[str, int]:
        """As :meth:`sample` of each of a rising stretch; how many cannot be used, by reason."""
        ats, values, _, low, high = stretch
        if ats[0] < self.room.closed <= ats[-1]:  # a part of it came late
            return self._one_by_one(key, stretch)
        known = self._series[key]
        allowed = _STATES.get(known.quantity)
        if allowed is not None and allowed.issuperset(values):
            states = list(map(int, values))
            if low != high or known.value != states[0]:
                self._stir(ats[-1])
            known.value = states[-1]
            self.room.samples(key, ats, states)
            return _NONE
        if known.quantity in _LEVELS and low >= 0 and high <= _LOUDEST_DB:
            if known.quantity in SOUND:
                self.room.levels(key, ats, values)
            late = self.noise.levels(key, stretch)
            if high >= self.noise.notable_db:
                self._listen_at(self._soon(ats[-1]))
            return {watch.TOO_LATE: late} if late else _NONE
        return self._one_by_one(key, stretch)

    def _one_by_one(self, key: str, stretch: Stretch) -> Mapping[str, int]:
        found = (self.sample(key, at, value) for at, value in stretch.pairs())
        return Counter(fault for fault in found if fault is not None)

    def door(self, key: str, at: int, opened: bool, moved: bool) -> None:
        """How a door of the space stands, as :meth:`RoomFilter.door`."""
        self.room.door(at, opened, key, moved)
        if self._doors.get(key) is not opened:
            self._doors[key] = opened
            self._wake_at(0)

    def fault(self, key: str, at: int, faulty: bool) -> None:
        """The device of a series fell ill or recovered."""
        known = self._series.get(key)
        if known is not None and known.quantity in EVIDENCE:
            self.room.fault(key, at, faulty)
            self._wake_at(0)

    def look(self, now: int, noise: NoiseFigures) -> Look:
        """Estimate at ``now``; ``noise`` is what was judged."""
        self._looked = now
        if (known := self._as_before(now, noise)) is not None:
            self._listen_at(now + 1000)
            return Look(known, None, None)
        before, estimate = self.estimate, self.room.estimate(now)
        self.estimate = estimate
        change = None
        if self._known != (estimate.state, estimate.since):
            self._known = (estimate.state, estimate.since)
            change = OccupancyChanged(
                space=self.space,
                since=estimate.since,
                state=estimate.state,
                probability=estimate.probability,
                evidence=estimate.evidence,
            )
        row = SpaceNow(
            space=self.space,
            state=estimate.state,
            probability=estimate.probability,
            since=estimate.since,
            at=now,
            evidence=estimate.evidence,
            evidence_at=estimate.evidence_at,
            level_db=noise.level_db,
            level_coverage=noise.level_coverage,
            level_at=noise.level_at,
            limit_db=noise.limit_db,
            quiet=noise.quiet,
            level_range=noise.level_range,
            background_db=noise.background_db,
            emergence_db=noise.emergence_db,
            warned_at=noise.warned_at,
        )
        is_new = _worth_storing(self._row, row)
        if is_new:
            self._row = row
        self._rest(before, estimate, now)
        return Look(estimate, row if is_new else None, change)

    def _rest(self, before: Estimate | None, estimate: Estimate, now: int) -> None:
        """Say when the space is to be looked at next, unless something comes."""
        sure = estimate.probability is None or not _SETTLED[0] < estimate.probability < _SETTLED[1]
        if sure or (before is not None and before.probability == estimate.probability):
            due = self._slot(now + 1)  # one that stays where it is has settled too
            if sure and self._row is not None:
                due = max(due, self._slot(self._row.at + REFRESH_MS - _JITTER_MS))
            self._wake_at(min(due, max(now + 1, self.noise.until)))
        else:
            self._wake_at(now + 1000)
        if not self.noise.calm:
            self._listen_at(now + 1000)

    def _as_before(self, now: int, noise: NoiseFigures) -> Estimate | None:
        """What is believed since the last look, if nothing but the noise is due, and that is nothing new."""
        row = self._row
        if now >= self._believe_at or row is None or _heard(row) != _heard(noise):
            return None
        return self.estimate

    def _slot(self, at: int) -> int:
        """The first moment of its own among the seconds from ``at`` on."""
        return -((self._phase_ms - at) // REST_MS) * REST_MS + self._phase_ms


def _visible(row: SpaceNow) -> tuple[object, ...]:
    """What is worth a row as soon as it changes."""
    return (row.state, row.since, row.evidence, *_heard(row))


def _heard(said: SpaceNow | NoiseFigures) -> tuple[object, ...]:
    return (said.limit_db, said.quiet, said.level_db is None, said.level_range, said.warned_at)


def _worth_storing(old: SpaceNow | None, new: SpaceNow) -> bool:
    if old is None:
        return True
    if _visible(old) != _visible(new):
        return True
    if new.at - old.at < REFRESH_MS - _JITTER_MS:
        return False
    if (old.evidence_at, old.level_at, old.probability) != (new.evidence_at, new.level_at, new.probability):
        return True
    return (
        old.level_db is not None
        and new.level_db is not None
        and abs(new.level_db - old.level_db) >= LEVEL_STEP_DB
    )
