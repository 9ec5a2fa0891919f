"""Half-hours of the skyline as bits, one figure a space: sums over spaces and sites are additions. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .board import Skyline, Slot
from .evening import HALF_HOUR_MS, Interval

SLOTS: Final = 28
_ALL: Final = (1 << SLOTS) - 1


@dataclass(frozen=True, slots=True)
class Mask:
    """Of one space: the slots from ``start`` on in which somebody was there, and those that are booked."""

    used: int
    booked: int


def slot_of(start: int, now: int) -> int:
    """The slot that ``now`` is in."""
    return (now - start) // HALF_HOUR_MS


def mask(start: int, now: int, changes: Sequence[tuple[int, str]], booked: Iterable[Interval]) -> Mask:
    """``changes`` of belief (since, state), oldest first, the last goes on. The same all through a slot."""
    used = 0
    # to the end of the slot, not to now: after a clock that went back a change may lie a little ahead
    end = start + (slot_of(start, now) + 1) * HALF_HOUR_MS
    for (since, state), (until, _) in pairwise([*changes, (end, "")]):
        if state == "occupied":
            used |= _bits(since - start, min(until, end) - start)
    taken = 0
    for begin, end in booked:
        taken |= _bits(begin - start, end - start)
    return Mask(used & _ALL, taken & _ALL)


def _bits(begin: int, end: int) -> int:
    """Slots that ``begin`` to ``end`` touch, both in ms from the first; none for an empty span."""
    if end <= begin or end <= 0:
        return 0
    first, last = max(0, begin // HALF_HOUR_MS), min(SLOTS, (end - 1) // HALF_HOUR_MS + 1)
    return ((1 << max(0, last - first)) - 1) << first if last > first else 0


def add_up(masks: Iterable[Mask], current: int) -> tuple[tuple[int, int, int], ...]:
    """(used, booked but empty, booked and to come) of every slot; those up to ``current`` have begun."""
    used, missed, coming = [0] * SLOTS, [0] * SLOTS, [0] * SLOTS
    begun = (1 << max(0, min(SLOTS, current + 1))) - 1
    for each in masks:
        _count(used, each.used & begun)
        _count(missed, each.booked & ~each.used & begun)
        _count(coming, each.booked & ~begun)
    return tuple(zip(used, missed, coming, strict=True))


def _count(figures: list[int], bits: int) -> None:
    while bits:
        lowest = bits & -bits
        figures[lowest.bit_length() - 1] += 1
        bits ^= lowest


def skyline(
    zone: str,
    start: int,
    sums: Iterable[tuple[tuple[int, int, int], ...]],
    quiet: tuple[Interval, ...],
) -> Skyline:
    """The picture from the sums of several sites."""
    each = [tuple(map(sum, zip(*column, strict=True))) for column in zip(*sums, strict=True)]
    slots = tuple(
        Slot(start + index * HALF_HOUR_MS, used, missed, coming)
        for index, (used, missed, coming) in enumerate(each)
    )
    return Skyline(zone, start, start + SLOTS * HALF_HOUR_MS, slots, quiet)
