"""Hours that a person knows to have been empty or used: what they teach beside what the room tells itself.

A lesson is worked out once, from what the sensors said in the hour, and kept apart from the room's own
counts: a mark that is removed takes its lesson with it and nothing else."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec import Struct

from pleintemps_contract.units import Quantity

from .parameters import GRID_MS
from .segment import QUIET_MS
from .sound import APART_MS, NEAR_MS, step

LEVELS: Final = frozenset({Quantity.LEVEL, Quantity.LAEQ})
SIGNS: Final = frozenset({Quantity.MOTION, Quantity.RADAR})


class Said(NamedTuple):
    """The series ``key`` said ``value`` at ``at`` (Unix ms)."""

    at: int
    key: str
    quantity: Quantity
    value: float


class Lesson(Struct, frozen=True, kw_only=True):
    """How often each level (steps of sound.STEP_DB, 25 s apart) was heard with nobody, with people moving,
    with people still; stretches between two edges of the door with nobody and with somebody, and in how many
    of them each motion sensor fired."""

    vacant: dict[int, int] = {}
    active: dict[int, int] = {}
    still: dict[int, int] = {}
    empty: int = 0
    used: int = 0
    false: dict[str, int] = {}
    fires: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self.vacant or self.active or self.still or self.empty or self.used)

    @property
    def levels(self) -> int:
        """How many levels it holds."""
        return sum(sum(counts.values()) for counts in (self.vacant, self.active, self.still))


def lesson(
    start: int, end: int, *, used: bool, said: Iterable[Said], edges: Iterable[int], watched: bool
) -> Lesson:
    """What the hour from ``start`` up to ``end`` (Unix ms) teaches, in whatever order its samples come.

    ``edges`` are the moments at which a door of the room moved; without a ``watched`` door there are no
    stretches. In a used hour a level near a sign of presence belongs to people who move, any other to people
    who are still. A stretch between two edges teaches from five minutes on.
    """
    samples = sorted(each for each in said if start <= each.at < end)
    signs = _signs(samples, end)
    sounds: tuple[dict[int, int], ...] = ({}, {}, {})
    near = sorted(span for spans in signs.values() for span in spans)
    for at, level in _levels(samples):
        label = 0 if not used else 1 if _is_near(near, at) else 2
        sounds[label][level] = sounds[label].get(level, 0) + 1
    stretches, fired = _stretches(start, end, edges, samples, signs) if watched else (0, {})
    none: dict[str, int] = {}
    return Lesson(
        vacant=sounds[0],
        active=sounds[1],
        still=sounds[2],
        empty=0 if used else stretches,
        used=stretches if used else 0,
        false=none if used else fired,
        fires=fired if used else none,
    )


def together(lessons: Iterable[Lesson]) -> Lesson:
    """The sum; the order does not matter."""
    vacant: dict[int, int] = {}
    active: dict[int, int] = {}
    still: dict[int, int] = {}
    false: dict[str, int] = {}
    fires: dict[str, int] = {}
    empty = used = 0
    for each in lessons:
        empty, used = empty + each.empty, used + each.used
        for total, part in ((vacant, each.vacant), (active, each.active), (still, each.still)):
            for level, count in part.items():
                total[level] = total.get(level, 0) + count
        for sums, fired in ((false, each.false), (fires, each.fires)):
            for key, count in fired.items():
                sums[key] = sums.get(key, 0) + count
    return Lesson(vacant=vacant, active=active, still=still, empty=empty, used=used, false=false, fires=fires)


def _signs(samples: Sequence[Said], end: int) -> dict[tuple[str, Quantity], list[tuple[int, int]]]:
    """When each presence sensor said that somebody is there: until its next sample."""
    found: dict[tuple[str, Quantity], list[tuple[int, int]]] = {}
    since: dict[tuple[str, Quantity], int] = {}
    for at, key, quantity, value in samples:
        if quantity not in SIGNS:
            continue
        began = since.pop((key, quantity), None)
        if began is not None:
            found.setdefault((key, quantity), []).append((began, at))
        if value:
            since[key, quantity] = at
    for who, began in since.items():
        found.setdefault(who, []).append((began, end))
    return found


def _levels(samples: Sequence[Said]) -> list[tuple[int, int]]:
    """(when, level): the loudest meter at a time, as far apart as the room itself listens."""
    loudest: dict[int, tuple[int, int]] = {}
    for at, _, quantity, value in samples:
        if quantity in LEVELS:
            place = at // GRID_MS
            known = loudest.get(place, (at, step(value)))
            loudest[place] = (at, max(known[1], step(value)))
    found: list[tuple[int, int]] = []
    for at, level in sorted(loudest.values()):
        if not found or at - found[-1][0] >= APART_MS:
            found.append((at, level))
    return found


def _is_near(spans: Sequence[tuple[int, int]], at: int) -> bool:
    return any(begin - NEAR_MS <= at <= end + NEAR_MS for begin, end in spans)


def _stretches(
    start: int,
    end: int,
    edges: Iterable[int],
    samples: Sequence[Said],
    signs: dict[tuple[str, Quantity], list[tuple[int, int]]],
) -> tuple[int, dict[str, int]]:
    """How many stretches teach (those in which a presence sensor spoke), and in how many each motion sensor
    fired.
    """
    cuts = [start, *sorted({edge for edge in edges if start < edge < end}), end]
    spoke = [each.at for each in samples if each.quantity in SIGNS]
    count, fired = 0, dict[str, int]()
    for begin, over in pairwise(cuts):
        heard = bisect_left(spoke, begin) < bisect_left(spoke, over)
        if over - begin < QUIET_MS or not heard:
            continue
        count += 1
        for (key, quantity), spans in signs.items():
            if quantity is Quantity.MOTION and any(a < over and b > begin for a, b in spans):
                fired[key] = fired.get(key, 0) + 1
    return count, fired
