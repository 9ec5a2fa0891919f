"""What a recording tells beside what its replay tells. Pure.

Of events alike, those nearest to one another in order of time are the same one. Apart by no more than
``tolerance_ms`` they match, by no more than ``reach_ms`` the event is shifted; what is left is missing from
the replay, or added by it. State series are compared by their changes, level series reading by reading.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .told import Told

TOLERANCE_MS: Final = 250
REACH_MS: Final = 60_000
SAME: Final = 0.051
"""A reading is as it was if it differs by no more: a tenth of a decibel, rounded either way."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One event or change of state. ``at`` is when the recording has it, ``replayed`` the replay; None where
    it has not.
    """

    what: str
    at: int | None
    replayed: int | None

    @property
    def kind(self) -> str:
        """``missing``, ``added`` or ``shifted``."""
        if self.at is None:
            return "added"
        return "missing" if self.replayed is None else "shifted"

    @property
    def shift_ms(self) -> int:
        return 0 if self.at is None or self.replayed is None else self.replayed - self.at

    @property
    def when(self) -> int:
        """When it is first seen."""
        return min(at for at in (self.at, self.replayed) if at is not None)


@dataclass(frozen=True, slots=True)
class Compared:
    """``matched`` of both sides, and what is not."""

    matched: int
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class SeriesCompared:
    """One series. ``recorded`` and ``replayed`` count readings, or changes of a state.

    ``worst`` is the largest difference of two readings of one moment.
    """

    series: str
    recorded: int
    replayed: int
    matched: int
    missing: int
    added: int
    shifted: int
    changed: int
    worst: float
    differences: list[Difference]

    @property
    def same(self) -> bool:
        return not (self.missing or self.added or self.shifted or self.changed)


@dataclass(frozen=True, slots=True)
class Report:
    """Events, then series by name."""

    events: Compared
    series: list[SeriesCompared]

    @property
    def same(self) -> bool:
        return not self.events.differences and all(each.same for each in self.series)


def compare(
    recorded: Told, replayed: Told, *, tolerance_ms: int = TOLERANCE_MS, reach_ms: int = REACH_MS
) -> Report:
    """All that was told; times are ms since the beginning."""
    events = _pairs(recorded.events, replayed.events, tolerance_ms, reach_ms)
    names = sorted(recorded.samples.keys() | replayed.samples.keys())
    states = recorded.states | replayed.states
    series = [
        _states(name, recorded.samples.get(name, []), replayed.samples.get(name, []), tolerance_ms, reach_ms)
        if name in states
        else _levels(name, recorded.samples.get(name, []), replayed.samples.get(name, []))
        for name in names
    ]
    return Report(events, series)


def _pairs(
    recorded: Iterable[tuple[int, str]], replayed: Iterable[tuple[int, str]], tolerance_ms: int, reach_ms: int
) -> Compared:
    ours: dict[str, tuple[list[int], list[int]]] = {}
    for side, told in enumerate((recorded, replayed)):
        for at, what in told:
            ours.setdefault(what, ([], []))[side].append(at)
    matched = 0
    found: list[Difference] = []
    for what, (before, after) in ours.items():
        for one, other in _aligned(sorted(before), sorted(after), reach_ms):
            if one is not None and other is not None and abs(other - one) <= tolerance_ms:
                matched += 1
            else:
                found.append(Difference(what, one, other))
    found.sort(key=lambda each: (each.when, each.what))
    return Compared(matched, found)


def _aligned(
    before: Sequence[int], after: Sequence[int], reach_ms: int
) -> Iterable[tuple[int | None, int | None]]:
    """Pairs in order, each the nearest of what is left; None stands where there is nobody within reach."""
    i = j = 0
    while i < len(before) and j < len(after):
        gap = abs(after[j] - before[i])
        # somebody else is nearer: this one has no partner
        if i + 1 < len(before) and abs(after[j] - before[i + 1]) < gap and len(before) - i > len(after) - j:
            yield before[i], None
            i += 1
        elif j + 1 < len(after) and abs(after[j + 1] - before[i]) < gap and len(after) - j > len(before) - i:
            yield None, after[j]
            j += 1
        elif gap <= reach_ms:
            yield before[i], after[j]
            i, j = i + 1, j + 1
        elif before[i] < after[j]:
            yield before[i], None
            i += 1
        else:
            yield None, after[j]
            j += 1
    for at in before[i:]:
        yield at, None
    for at in after[j:]:
        yield None, at


def _changes(name: str, values: Sequence[tuple[int, float]]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    last: float | None = None
    for at, value in values:
        if value != last:
            found.append((at, f"{name} becomes {value:g}"))
            last = value
    return found


def _states(
    name: str,
    recorded: Sequence[tuple[int, float]],
    replayed: Sequence[tuple[int, float]],
    tolerance_ms: int,
    reach_ms: int,
) -> SeriesCompared:
    before, after = _changes(name, recorded), _changes(name, replayed)
    compared = _pairs(before, after, tolerance_ms, reach_ms)
    kinds = [each.kind for each in compared.differences]
    return SeriesCompared(
        name,
        len(before),
        len(after),
        compared.matched,
        kinds.count("missing"),
        kinds.count("added"),
        kinds.count("shifted"),
        0,
        0.0,
        compared.differences,
    )


def _levels(
    name: str, recorded: Sequence[tuple[int, float]], replayed: Sequence[tuple[int, float]]
) -> SeriesCompared:
    reach = max(1, _usual_gap(recorded or replayed) * 2 // 3)
    before, after = [at for at, _ in recorded], [at for at, _ in replayed]
    ours, theirs = dict(recorded), dict(replayed)
    matched = missing = added = changed = 0
    worst = 0.0
    found: list[Difference] = []
    for one, other in _aligned(before, after, reach):
        if one is None or other is None:
            missing += other is None
            added += one is None
            found.append(Difference(f"{name} reading", one, other))
            continue
        apart = abs(theirs[other] - ours[one])
        worst = max(worst, apart)
        if apart <= SAME:
            matched += 1
        else:
            changed += 1
            found.append(Difference(f"{name} {ours[one]:g} is {theirs[other]:g}", one, other))
    return SeriesCompared(
        name, len(before), len(after), matched, missing, added, 0, changed, round(worst, 3), found
    )


def _usual_gap(values: Sequence[tuple[int, float]]) -> int:
    """Between two readings: the middle one of all gaps; a second where there is none."""
    gaps = sorted(later[0] - earlier[0] for earlier, later in pairwise(values))
    return gaps[len(gaps) // 2] if gaps else 1_000
