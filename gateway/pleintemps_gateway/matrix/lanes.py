"""A week of hours in one row: numbers side by side in one great integer, so that one addition adds them all.

A row an hour would be 876,000 rows for the year of a hundred spaces; packed by the week it is 5,300, and
their sum is 5,300 additions. Lanes of figures have 32 bits (milliseconds of 1,190 weeks), those of counts 8:
at most 255 weeks may be added. Hours are those of UTC, shifted where a zone is off by part of one. Pure.
"""

from array import array
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import repeat
from typing import Final, NamedTuple

HOUR_MS: Final = 3_600_000
WEEK_HOURS: Final = 168
WEEK_MS: Final = WEEK_HOURS * HOUR_MS
FIGURES: Final = 5
COUNTS: Final = 2
BODY_BYTES: Final = 4 * FIGURES * WEEK_HOURS
COUNT_BYTES: Final = COUNTS * WEEK_HOURS
MOST_WEEKS: Final = 255
KNOWN_SHARE: Final = 0.75
"""Of an hour, so that it may count as free."""
USED_MS: Final = 5 * 60_000
"""Who is there for less only looked in: the hour was free."""
_MONDAY: Final = 4 * 24 * HOUR_MS  # 1970-01-05


class Hour(NamedTuple):
    """What of an hour is known, used, booked (milliseconds), both used and booked, both known and booked.

    What nobody measured is neither used nor unused: it is not ``known``.
    """

    known: int = 0
    used: int = 0
    booked: int = 0
    both: int = 0
    known_booked: int = 0

    @property
    def taken(self) -> bool:
        return self.booked > 0 or self.used > USED_MS

    @property
    def free(self) -> bool:
        """Known to have been free: neither booked nor used."""
        return not self.taken and self.known >= KNOWN_SHARE * HOUR_MS


NOTHING: Final = Hour()


def week_of(at: int, shift: int) -> int:
    """The first moment (Unix ms) of the week of UTC, less ``shift``, that holds ``at``."""
    return at - (at - _MONDAY + shift) % WEEK_MS


def hour_of(at: int, shift: int) -> int:
    """The first moment of the hour that holds ``at``."""
    return at - (at + shift) % HOUR_MS


class Week(NamedTuple):
    """One row: ``figures`` and ``counts`` (free, taken) as little-endian lanes, one figure after another."""

    figures: bytes
    counts: bytes


EMPTY: Final = Week(bytes(BODY_BYTES), bytes(COUNT_BYTES))


def patched(week: Week, hours: Mapping[int, Hour]) -> Week:
    """``week`` with the ``hours`` by their slot (0 to 167) put in."""
    figures, counts = array("I", week.figures), bytearray(week.counts)
    for slot, hour in hours.items():
        for column, value in enumerate(hour):
            figures[column * WEEK_HOURS + slot] = value
        counts[slot] = hour.free
        counts[WEEK_HOURS + slot] = hour.taken
    return Week(figures.tobytes(), bytes(counts))


def hours_in(week: Week) -> list[Hour]:
    """The 168 hours of a row."""
    columns = figures_of(int.from_bytes(week.figures, "little"))
    return [Hour(*row) for row in zip(*columns, strict=True)]


def figures_of(total: int) -> list[list[int]]:
    """A list of 168 for each figure, of a row or of the sum of rows."""
    values = array("I", total.to_bytes(BODY_BYTES, "little")).tolist()
    return [values[start : start + WEEK_HOURS] for start in range(0, len(values), WEEK_HOURS)]


def turned(total: int, offset: int) -> int:
    """Every figure of ``total`` so many hours further round the week."""
    width, by = 32 * WEEK_HOURS, 32 * (offset % WEEK_HOURS)
    lane = (1 << width) - 1
    found = 0
    for column in range(FIGURES):
        hours = total >> column * width & lane
        found |= ((hours << by | hours >> width - by) & lane) << column * width
    return found


def known_used(total: int) -> tuple[int, int]:
    """The sums of the first two figures."""
    values = memoryview(total.to_bytes(BODY_BYTES, "little")).cast("I")
    return sum(values[:WEEK_HOURS]), sum(values[WEEK_HOURS : 2 * WEEK_HOURS])


def counts_of(total: int, lanes: int = WEEK_HOURS) -> list[int]:
    """The counts of the first ``lanes`` hours."""
    return list(total.to_bytes(COUNT_BYTES + WEEK_HOURS, "little")[:lanes])


class Mask(NamedTuple):
    """Hours that count: all ones in their lanes, for ``figures`` and for one count; ``hours`` is how many."""

    figures: int
    counts: int
    hours: int


@lru_cache(maxsize=4096)
def mask_of(slots: int) -> Mask:
    """The mask of a set of slots, given as bits."""
    chosen = [slots >> slot & 1 for slot in range(WEEK_HOURS)]
    lane = int.from_bytes(array("I", (0xFFFFFFFF * bit for bit in chosen)).tobytes(), "little")
    width = 32 * WEEK_HOURS
    figures = 0
    for _ in repeat(None, FIGURES):
        figures = figures << width | lane
    return Mask(figures, int.from_bytes(bytes(255 * bit for bit in chosen), "little"), sum(chosen))


ALL: Final = (1 << WEEK_HOURS) - 1
"""Every slot of a week."""


def bits(slots: Iterable[int]) -> int:
    """Slots as bits."""
    found = 0
    for slot in slots:
        found |= 1 << slot
    return found
