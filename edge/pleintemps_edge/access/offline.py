"""The offline codes that are valid now, as a table that costs a look-up. Pure; the formula is the contract's.

A slice holds the 192 codes of one space whose windows start in one quarter hour. The windows that contain an
instant start in 48 quarters, so each new quarter costs one slice a space, and 47 stay.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pleintemps_contract.offline import (
    DAY_QUARTERS,
    INDEXES,
    LONGEST_QUARTERS,
    QUARTER_MS,
    DayCodes,
    OfflineWindow,
    code_id,
)

Slices = Mapping[tuple[int, int], "array[int]"]
"""Sorted entries by (place of the space, quarter of the start); see :func:`_entry`."""
_SHIFT: Final = 8


@dataclass(frozen=True, slots=True)
class OfflineSpace:
    """A space whose codes open ``doors``; one key for each UTC day from ``first_day`` (days since 1970)."""

    space: str
    doors: frozenset[str]
    digits: int
    first_day: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OfflineMatch:
    """A code that is valid now: its name in records, and whose it is."""

    id: str
    space: str


def prepare(spaces: Sequence[OfflineSpace], held: Slices, now: int) -> Slices:
    """The slices for wall time ``now`` (Unix ms), those of ``held`` taken over. A full one of 48 quarters
    takes 4,704 HMACs a space.
    """
    quarter = now // QUARTER_MS
    wanted = (
        (place, start)
        for place in range(len(spaces))
        for start in range(max(0, quarter - LONGEST_QUARTERS + 1), quarter + 1)
    )
    return {
        (place, start): held[place, start] if (place, start) in held else _slice(spaces[place], start)
        for place, start in wanted
    }


def find(
    spaces: Sequence[OfflineSpace], slices: Slices, site: str, door: str, code: str, now: int
) -> Iterator[OfflineMatch]:
    """The windows at ``door`` that contain ``now`` and whose code is ``code`` (decimal digits)."""
    quarter = now // QUARTER_MS
    number = int(code)
    for (place, start), entries in slices.items():
        space = spaces[place]
        if door not in space.doors or len(code) != space.digits:
            continue
        at = bisect_left(entries, number << _SHIFT)
        while at < len(entries) and entries[at] >> _SHIFT == number:
            window, index = _window(start, entries[at])
            if window.start <= quarter < window.end:
                yield OfflineMatch(code_id(site, space.space, window, index), space.space)
            at += 1


def _slice(space: OfflineSpace, start: int) -> "array[int]":
    day = start // DAY_QUARTERS - space.first_day
    if not 0 <= day < len(space.keys):
        return array("Q")
    codes = DayCodes(space.keys[day], space.digits)
    return array(
        "Q",
        sorted(
            _entry(codes.number(OfflineWindow(start, start + length), index), length, index)
            for length in range(1, LONGEST_QUARTERS + 1)
            for index in range(INDEXES)
        ),
    )


def _entry(number: int, length: int, index: int) -> int:
    """40 bits of code, 6 of length less one, 2 of index: eight bytes a code, where a dict takes a hundred."""
    return number << _SHIFT | (length - 1) << 2 | index


def _window(start: int, entry: int) -> tuple[OfflineWindow, int]:
    return OfflineWindow(start, start + (entry >> 2 & 63) + 1), entry & 3
