"""What a scenario and a seed come to: who does what when. Pure; the same seed gives the same script.

Every item draws from chance of its own, so that one more or less moves no other.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import log
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pleintemps_contract.world import ManualWorld

from .calendar import Event
from .faults import FAULTS, Fault
from .loading import Scenario
from .marks import mark, owners, wanted
from .nodes import Path
from .records import AnyAct, BookingRecord, FaultRecord, Move, PeopleRecord, SoundRecord, WeatherRecord
from .times import Clockwork, span_ms, taken_apart

DAY_MS: Final = 86_400_000
Part = Literal["all", "once", "again"]


class Chance:
    """Seeded chance of one item."""

    def __init__(self, seed: int, *of: object) -> None:
        text = "/".join(str(each) for each in (seed, *of))
        self._world = ManualWorld(seed=int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both possible."""
        return low + self._world.random_below(high - low + 1)

    def share(self) -> float:
        """From 0 to just below 1."""
        return self._world.random_below(2**32) / 2**32

    def within(self, spread: tuple[str, str]) -> int:
        """Milliseconds between two durations."""
        return self.between(span_ms(spread[0]), span_ms(spread[1]))

    def around(self, spread: str) -> int:
        """Milliseconds, up to ``spread`` either way."""
        most = span_ms(spread)
        return self.between(-most, most)

    def digits(self, count: int) -> str:
        return "".join(str(self._world.random_below(10)) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Booked:
    """One booking, put into the calendar at ``at``."""

    record: BookingRecord
    event: Event
    at: int


@dataclass(frozen=True, slots=True)
class Visit:
    """People who come once. ``event`` is the booking whose code they have; ``leaves`` None: they stay."""

    record: PeopleRecord
    space: str
    comes: int
    leaves: int | None
    event: Event | None
    chance: Chance


@dataclass(frozen=True, slots=True)
class Sounding:
    record: SoundRecord
    at: int
    until: int


@dataclass(frozen=True, slots=True)
class Doing:
    act: AnyAct
    at: int
    chance: Chance
    event: Event | None = None
    """The booking that the act is about, as the act leaves it."""


@dataclass(frozen=True, slots=True)
class Breaking:
    """``until`` None: mended at the end of the run, or over at once."""

    fault: Fault
    at: int
    until: int | None
    name: str
    chance: Chance


@dataclass(slots=True)
class Script:
    """Times in Unix ms; ``begin`` and ``end`` of the run."""

    begin: int
    end: int
    bookings: list[Booked] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    sounds: list[Sounding] = field(default_factory=list)
    acts: list[Doing] = field(default_factory=list)
    faults: list[Breaking] = field(default_factory=list)
    marks: dict[str, list[int]] = field(default_factory=dict)
    """Moments that are known beforehand."""


def write(scenario: Scenario, seed: int, begin: int, *, part: Part = "all", number: int = 1) -> Script:
    """The script of a run that begins at ``begin`` (Unix ms, a whole second). Of a scenario that is repeated,
    ``once`` is what the file calls so and ``again`` all the rest, for the ``number``-th time.
    """
    return _Writer(scenario, seed, begin, part, number).write()


class _Writer:
    def __init__(self, scenario: Scenario, seed: int, begin: int, part: Part, number: int) -> None:
        self._file = scenario.file
        self._zone = ZoneInfo(scenario.plan.zone)
        self._clock = Clockwork(scenario.plan.zone, begin)
        self._seed = seed
        self._part = part
        self._number = number
        end = begin + span_ms(scenario.file.lasts)
        self._script = Script(begin, end, marks={"begin": [begin], "end": [end]})
        self._days = (end - begin) // DAY_MS + 2

    @property
    def _marks(self) -> dict[str, list[int]]:
        return self._script.marks

    def write(self) -> Script:
        left = list(owners(self._file))
        waited_for = Counter(owner.name for owner in left if owner.name)
        while left:
            later = []
            for owner in left:
                needs = {(wanted(moment) or "").partition(".")[0] for _, moment in owner.moments}
                if any(waited_for[name] > 0 for name in needs):
                    later.append(owner)
                    continue
                for part in owner.parts:
                    if owner.name:
                        self._marks.setdefault(mark(owner.name, part), [])
                self._item(owner.path)
                waited_for[owner.name] -= 1
            left = later
        script = self._script
        script.bookings.sort(key=lambda each: (each.at, each.event.start, each.event.uid))
        for marked in script.marks.values():
            marked.sort()
        return script

    def _item(self, path: Path) -> None:
        section, place = path
        record = getattr(self._file, str(section))[place]
        if self._part != "all" and getattr(record, "once", False) is not (self._part == "once"):
            return
        write: Mapping[str, Callable[..., None]] = {
            "bookings": self._booking,
            "people": self._people,
            "sounds": self._sound,
            "acts": self._act,
            "faults": self._fault,
            "weather": self._weather,
        }
        write[str(section)](record, place)

    def _chance(self, *of: object) -> Chance:
        return Chance(self._seed, self._number, *of)

    def _mark(self, name: str | None, part: str, at: int) -> None:
        if name:
            self._marks.setdefault(mark(name, part), []).append(at)

    def _resolve(self, moment: str, marks: Mapping[str, Sequence[int]] | None = None) -> list[int]:
        return self._clock.resolve(moment, self._marks if marks is None else marks)

    def _after(self, moment: str, at: int, marks: Mapping[str, Sequence[int]] | None = None) -> int:
        """The first time later than ``at`` that the moment names; a clock time comes again every day."""
        written = taken_apart(moment)
        if written.clock and "-" not in written.clock:
            again = Clockwork(str(self._zone), at + 1)
            return again.first(written.clock) + written.plus_ms
        return next((each for each in sorted(self._resolve(moment, marks)) if each > at), at + 1_000)

    def _booking(self, record: BookingRecord, _place: int) -> None:
        spans: list[tuple[str, str, int, int]] = []
        if record.events:
            spans = [
                (each.space, each.title or record.title, self._iso(each.start), self._iso(each.end))
                for each in record.events
            ]
        elif record.space is not None and record.from_ is not None and record.to is not None:
            if record.every is not None:
                starts = self._clock.every(record.every, record.from_, self._days)
            else:
                starts = self._resolve(record.from_)
            spans = [(record.space, record.title, start, self._after(record.to, start)) for start in starts]
        at = self._resolve(record.booked)[0]
        for number, (space, title, start, end) in enumerate(spans, 1):
            if start >= self._script.end or end <= self._script.begin:
                continue
            uid = f"{record.booking}-{self._number}-{number}@{self._file.scenario}"
            start, end = start // 1_000 * 1_000, -(-end // 1_000) * 1_000
            event = Event(uid, title or record.booking, space, start, end)
            self._script.bookings.append(Booked(record, event, at))
            self._mark(record.booking, "start", start)
            self._mark(record.booking, "end", end)

    def _iso(self, text: str) -> int:
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=self._zone)).astimezone(UTC).timestamp()) * 1_000

    def _people(self, record: PeopleRecord, _place: int) -> None:
        booking = record.booking
        if booking is None:
            if record.comes is None or record.space is None:
                raise ValueError(f"{record.who}: neither a booking nor a space and a time")
            if record.every is not None:
                comes = self._clock.every(record.every, record.comes, self._days)
            else:
                comes = self._resolve(record.comes)
            for at in comes:
                leaves = None if record.leaves is None else self._after(record.leaves, at)
                self._visit(record, record.space, at, leaves, None)
            return
        for booked in self._script.bookings:
            if booked.record.booking == booking:
                event = booked.event
                marks = self._marks | {f"{booking}.start": [event.start], f"{booking}.end": [event.end]}
                at = (self._resolve(record.comes, marks) if record.comes else [event.start])[0]
                leaves = self._after(record.leaves, at, marks) if record.leaves else event.end
                self._visit(record, record.space or event.space, at, leaves, event)

    def _visit(
        self, record: PeopleRecord, space: str, comes: int, leaves: int | None, event: Event | None
    ) -> None:
        chance = self._chance("people", record.who, event.uid if event is not None else comes)
        comes += chance.around(record.spread)
        if leaves is not None:
            leaves = max(comes + 1_000, leaves + chance.around(record.spread))
        if chance.share() >= record.chance or not self._script.begin <= comes < self._script.end:
            return
        if record.stays:
            leaves = None
        self._script.visits.append(Visit(record, space, comes, leaves, event, chance))
        self._mark(record.who, "comes", comes)
        if leaves is not None:
            self._mark(record.who, "leaves", leaves)

    def _sound(self, record: SoundRecord, _place: int) -> None:
        for number, at in enumerate(self._resolve(record.from_)):
            chance = self._chance("sounds", record.sound, number)
            until = max(at + 1, self._after(record.to, at) + chance.around(record.spread))
            at += chance.around(record.spread)
            self._script.sounds.append(Sounding(record, at, max(at + 1, until)))
            self._mark(record.sound, "", at)
            self._mark(record.sound, "over", until)

    def _act(self, act: AnyAct, place: int) -> None:
        for number, at in enumerate(self._resolve(act.at)):
            chance = self._chance("acts", place, number)
            at += chance.around(act.spread)
            self._script.acts.append(Doing(act, at, chance, self._booked(act, at)))
            self._mark(act.name, "", at)

    def _booked(self, act: AnyAct, at: int) -> Event | None:
        """The booking of an act; of one that comes several times, the nearest."""
        name = getattr(act, "booking", None)
        found = [each.event for each in self._script.bookings if each.record.booking == name]
        if not found:
            return None
        event = min(found, key=lambda each: abs(each.start - at))
        if not isinstance(act, Move):
            return event
        start = self._resolve(act.from_)[0]
        return Event(event.uid, event.title, event.space, start, self._after(act.to, start))

    def _fault(self, record: FaultRecord, place: int) -> None:
        fault = Fault(record.fault, record.target or "", dict(record.with_))
        for number, at in enumerate(self._resolve(record.at)):
            until = at + span_ms(record.for_) if record.for_ is not None else None
            chance = self._chance("faults", record.name or place, number)
            self._break(fault, at, until, record.name, chance)

    def _break(self, fault: Fault, at: int, until: int | None, name: str | None, chance: Chance) -> None:
        self._script.faults.append(Breaking(fault, at, until, name or "", chance))
        self._mark(name, "", at)
        if FAULTS[fault.kind].lasts:
            self._mark(name, "mended", self._script.end if until is None else until)

    def _weather(self, record: WeatherRecord, place: int) -> None:
        """A Poisson process; what would come while one still lasts is left out."""
        fault = Fault(record.fault, record.target or "", dict(record.with_))
        chance = self._chance("weather", record.name or place)
        at = self._script.begin
        while True:
            at += max(1, round(-log(1 - chance.share()) * DAY_MS / record.per_day))
            if at >= self._script.end:
                return
            until = at + chance.within(record.lasts)
            self._break(fault, at, min(until, self._script.end), record.name, chance)
            at = until
