"""A booking's time lived through again, in order, from what is stored: the record that counts.

The rules are those that watch a room as it happens (:class:`RoomFilter`, :class:`Ledger`), asked on a fixed
grid of time. Only what is stored decides, never when it came: the same facts give the same record."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count, pairwise
from typing import Any, Final, NamedTuple

import msgspec

from pleintemps_contract.agent_messages import SeriesInfo
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.noise.window import LevelWindow
from pleintemps_gateway.occupancy.room import EVIDENCE, SOUND, Estimate, RoomFilter

from .ledger import Ledger
from .records import Booking, Settled, UsageChanged, UsageState
from .usage import MAX_OVERSTAY_MS, Margins, Observed, Usage

STEP_MS: Final = 5_000
WARM_MS: Final = 3_600_000
"""So long before the lead the room is followed, that the filter knows where it stands; longer where a
sensor may be silent for longer."""
_LEVELS: Final = frozenset({Quantity.LEVEL, Quantity.LAEQ})
_MAX_EVIDENCE: Final = 200


class Sample(NamedTuple):
    """One value of a series. Of two at one moment the one with the greater place in its journal counts."""

    at: int
    key: str
    journal: str
    seq: int
    value: float


class DoorTold(NamedTuple):
    at: int
    door: str
    open: bool


class FaultTold(NamedTuple):
    at: int
    device: str
    ill: bool


class Facts(NamedTuple):
    """What is stored of some time; devices are ``agent/device``."""

    samples: Iterable[Sample] = ()
    doors: Iterable[DoorTold] = ()
    faults: Iterable[FaultTold] = ()


class NoiseRule(NamedTuple):
    """``limit`` gives dB for a moment; the level is LAeq over ``window_ms``."""

    window_ms: int
    min_coverage: float
    limit: Callable[[int], float]


class Case(NamedTuple):
    """What is asked: one booking (its end already shortened by a release), the others of its space.

    ``series`` by ``agent/series``, ``opened_at`` when a code of it opened a door first, ``cancelled_at`` for
    one that was cancelled after its start, ``learnt`` what the room had taught before."""

    booking: Booking
    others: Sequence[Booking]
    margins: Margins
    noise: NoiseRule
    series: Mapping[str, SeriesInfo]
    opened_at: int | None = None
    planned_to: int | None = None
    cancelled_at: int | None = None
    learnt: str | None = None

    @property
    def begin(self) -> int:
        """From where facts are wanted."""
        silences = [i.max_silence_s * 1000 for i in self.series.values() if i.quantity in EVIDENCE]
        early = self.booking.start - self.margins.lead - max(WARM_MS, self.noise.window_ms, *silences)
        return early // STEP_MS * STEP_MS

    @property
    def latest(self) -> int:
        """Facts after this change nothing."""
        return self.booking.end + max(MAX_OVERSTAY_MS, self.margins.tail) + STEP_MS


class _Change(NamedTuple):
    since: int
    state: Occupancy
    evidence: str


class Replay:
    """Feed facts in any order that rises by pieces, ask :meth:`run` to go on; pure."""

    def __init__(self, case: Case) -> None:
        booking = case.booking
        if case.cancelled_at is not None:
            end = max(booking.start, min(booking.end, case.cancelled_at))
            booking = _ending(booking, end)
        self._case = case
        self._booking = booking
        self._others = [b for b in case.others if not b.cancelled and b.booking != booking.booking]
        self.at = case.begin
        # what the room has taught since must not change what was
        kept = None if case.learnt is None else msgspec.json.decode(case.learnt, type=dict[str, Any])
        self._room = RoomFilter.from_learnt(self.at, kept)
        self._windows: dict[str, LevelWindow] = {}
        self._devices: dict[str, list[str]] = {}
        for key, info in sorted(case.series.items()):
            if info.quantity in EVIDENCE or info.quantity in SOUND:
                self._room.series(key, info.series, info.quantity, info.max_silence_s)
            elif info.quantity is Quantity.CONTACT:
                self._room.watched()
            if info.quantity in EVIDENCE:
                self._devices.setdefault(f"{key.partition('/')[0]}/{info.device}", []).append(key)
            if info.quantity in _LEVELS:
                self._windows[key] = LevelWindow(case.noise.window_ms, info.max_silence_s * 1000)
        names = map(str, count())  # several alerts may stand at once, though nobody hears of them
        self._ledger = Ledger(case.margins, frozenset(), AlertBook(lambda: next(names)), self.at)
        self._ledger.bookings([booking, *(b for b in self._others if b.end > self.at)], self.at)
        before = [b.end for b in self._others if b.end <= self.at]
        if before:
            self._ledger.was_over(booking.space, max(before))
        self._waiting: list[tuple[int, int, str, str, int, float]] = []
        self._doors: list[DoorTold] = []
        self._changes: list[_Change] = []
        self._row: UsageChanged | None = None
        self._known_ms = 0.0
        self._loud_ms = 0
        self._level_max: float | None = None

    def feed(self, facts: Facts) -> None:
        """Take facts; those before where the replay stands were to come earlier and are not taken."""
        for at, key, journal, seq, value in facts.samples:
            if at > self.at - STEP_MS and key in self._case.series:
                self._waiting.append((at, 1, key, journal, seq, value))
        self._waiting += [(d.at, 2, d.door, "", 0, float(d.open)) for d in facts.doors]
        self._waiting += [(f.at, 0, f.device, "", 0, float(f.ill)) for f in facts.faults]
        self._waiting.sort()

    @property
    def done(self) -> bool:
        """Nothing that may follow changes the record."""
        closed = self._row is not None and self._row.closed_at is not None
        return closed and self.at >= self._booking.end + self._case.margins.tail

    def run(self, until: int) -> bool:
        """Go on to ``until``, as far as there is something to find out; whether the record is done."""
        while not self.done and self.at + STEP_MS <= until:
            self.at += STEP_MS
            self._take(self.at)
            self._look(self.at)
        return self.done

    def _take(self, until: int) -> None:
        taken = 0
        for at, kind, key, _journal, _seq, value in self._waiting:
            if at > until:
                break
            taken += 1
            if kind == 0:
                for series in self._devices.get(key, ()):
                    self._room.fault(series, at, bool(value))
            elif kind == 2:
                self._doors.append(DoorTold(at, key, bool(value)))
                begin = self._case.begin  # before, it only says how the door stood
                self._room.door(max(at, begin), bool(value), key, moved=at > begin)
            else:
                self._sample(key, at, value)
        del self._waiting[:taken]

    def _sample(self, key: str, at: int, value: float) -> None:
        quantity = self._case.series[key].quantity
        if quantity in _LEVELS:
            if 0 <= value <= 200:
                self._windows[key].add(at, value)
                if quantity in SOUND:
                    self._room.level(key, at, value)
            return
        state = int(value)
        if state != value or not 0 <= state <= (3 if quantity is Quantity.RADAR else 1):
            return
        if quantity in EVIDENCE:
            self._room.sample(key, at, state)
        elif quantity is Quantity.CONTACT:
            self._room.door(at, bool(state), key, moved=False)

    def _look(self, now: int) -> None:
        estimate = self._room.estimate(now)
        if not self._changes or (self._changes[-1].since, self._changes[-1].state) != (
            estimate.since,
            estimate.state,
        ):
            self._changes.append(_Change(estimate.since, estimate.state, estimate.evidence))
            self._ledger.observe(self._booking.space, Observed(estimate.state, estimate.since))
        opened = self._case.opened_at
        if opened is not None and opened <= now:
            self._ledger.code_used(self._booking.booking)
        self._ledger.tick(now)
        for row in self._ledger.take():
            if row.booking == self._booking.booking:
                self._row = row
        booking = self._booking
        within = min(now, booking.end) - max(now - STEP_MS, booking.start)
        if within > 0:
            self._weigh(estimate, within, now)

    def _weigh(self, estimate: Estimate, span: int, now: int) -> None:
        if estimate.probability is not None:
            self._known_ms += span * abs(2 * estimate.probability - 1)
        noise = self._case.noise
        found = [window.over(now - noise.window_ms, now) for window in self._windows.values()]
        levels = [f.level_db for f in found if f.level_db is not None and f.coverage >= noise.min_coverage]
        if not levels:
            return
        level = max(levels)
        self._level_max = level if self._level_max is None else max(level, self._level_max)
        if level > noise.limit(now):
            self._loud_ms += span

    # --- what was found -------------------------------------------------------------------------------

    def open_usage(self) -> Usage | None:
        """The record as it stands, of a booking that is not over."""
        return self._ledger.usage(self._booking.booking)

    def presence(self) -> list[tuple[int, Occupancy]]:
        """What was believed since when (Unix ms), in order, as far as the replay has gone."""
        return [(change.since, change.state) for change in self._changes]

    def record(self) -> Settled:
        """The record; once :attr:`done`."""
        row, booking, case = self._row, self._booking, self._case
        if row is None:
            row = UsageChanged(
                booking=booking.booking, space=booking.space, state=UsageState.ENDED, since=booking.end
            )
        cancelled = case.cancelled_at is not None
        length = booking.end - booking.start
        return Settled(
            booking=booking.booking,
            space=booking.space,
            state=UsageState.CANCELLED if cancelled else row.state,
            since=row.since if case.cancelled_at is None else case.cancelled_at,
            arrived_at=row.arrived_at,
            left_at=row.left_at,
            occupied_ms=row.occupied_ms,
            unknown_ms=row.unknown_ms,
            overstay_ms=0 if cancelled else row.overstay_ms,
            closed_at=row.closed_at if case.cancelled_at is None else case.cancelled_at,
            booked_from=booking.start,
            booked_to=case.booking.end,
            planned_to=case.planned_to,
            opened_at=case.opened_at,
            shared_ms=self._shared(),
            loud_ms=None if self._level_max is None else self._loud_ms,
            level_max_db=None if self._level_max is None else round(self._level_max, 1),
            left_open=self._left_open(row),
            confidence=None if length <= 0 else round(self._known_ms / length, 3),
            evidence=self._evidence(row),
        )

    def _shared(self) -> int:
        """Presence in the booked time that another booking may claim as well."""
        booking = self._booking
        times = [(max(b.start, booking.start), min(b.end, booking.end)) for b in self._others]
        cuts = _merged([span for span in times if span[0] < span[1]])
        marks = [*self._changes, _Change(self.at, Occupancy.UNKNOWN, "")]
        return sum(
            max(0, min(end, later.since) - max(start, earlier.since))
            for earlier, later in pairwise(marks)
            if earlier.state is Occupancy.OCCUPIED
            for start, end in cuts
        )

    def _left_open(self, row: UsageChanged) -> bool | None:
        """Whether a door stood open once they were surely gone, or at the end with its tail."""
        if row.left_at is None:
            return None
        margins = self._case.margins
        told: list[bool] = []
        for at in (row.left_at + margins.left_after, self._booking.end + margins.tail):
            if any(b.start - margins.lead <= at < b.end + margins.tail for b in self._others):
                continue  # others are expected then, and answer for the door
            states = {door.door: door.open for door in self._doors if door.at <= at}
            told += [any(states.values())] if states else []
        return any(told) if told else None

    def _evidence(self, row: UsageChanged) -> str:
        """What told of arrival and departure: ``came=<series> <what>;went=<series> <what>;code``."""
        words = []
        if row.arrived_at is not None:
            words.append(f"came={self._told_at(row.arrived_at, Occupancy.OCCUPIED)}")
        if row.left_at is not None:
            words.append(f"went={self._told_at(row.left_at, Occupancy.VACANT)}")
        words += ["code"] if self._case.opened_at is not None else []
        return ";".join(words)[:_MAX_EVIDENCE]

    def _told_at(self, at: int, state: Occupancy) -> str:
        found = [change for change in self._changes if change.since <= at and change.state is state]
        return found[-1].evidence if found else ""


def _ending(booking: Booking, end: int) -> Booking:
    return Booking(
        booking=booking.booking, space=booking.space, title="", start=booking.start, end=end, people=None
    )


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
