"""Hours of UTC as hours of the site's own week: which of them lie in a period, which may be booked. Pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pleintemps_gateway.bookings.availability import WHOLE_DAY, span_of
from pleintemps_gateway.bookings.site_calendar import SiteCalendar

from .lanes import HOUR_MS, WEEK_HOURS, WEEK_MS, hour_of, week_of

ALL_HOURS: Final = frozenset(range(24))


class Piece(NamedTuple):
    """Hours of a week with the same ``offset`` (whole hours ahead of the grid); ``slots`` as bits."""

    week: int
    offset: int
    slots: int


class Period(NamedTuple):
    """Whole local days, ``last`` included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> "Period":
        """The period of the same length before this one."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))


def moments(zone: ZoneInfo, period: Period) -> tuple[int, int]:
    """From when to when (Unix ms) the days of ``period`` last."""
    return span_of(zone, period.first, WHOLE_DAY).start, span_of(zone, period.last, WHOLE_DAY).end


@lru_cache(maxsize=64)
def pieces(zone: ZoneInfo, shift: int, period: Period, hours: frozenset[int]) -> tuple[Piece, ...]:
    """The hours of ``period`` whose hour on the clock is among ``hours``."""
    start, end = moments(zone, period)
    found = []
    for week in range(week_of(start, shift), end, WEEK_MS):
        offsets = _offsets(zone, shift, week)
        for offset in sorted(set(offsets)):
            slots = 0
            for slot, here in enumerate(offsets):
                at = week + slot * HOUR_MS
                if here == offset and start <= at < end and (slot + offset) % 24 in hours:
                    slots |= 1 << slot
            if slots:
                found.append(Piece(week, offset, slots))
    return tuple(found)


def _offsets(zone: ZoneInfo, shift: int, week: int) -> Sequence[int]:
    """How many whole hours the clock is ahead of the grid, for each slot."""

    def offset(slot: int) -> int:
        moment = datetime.fromtimestamp((week + slot * HOUR_MS) / 1000, UTC).astimezone(zone)
        ahead = moment.utcoffset() or timedelta()
        return (round(ahead.total_seconds() * 1000) - shift) // HOUR_MS

    first, last = offset(0), offset(WEEK_HOURS - 1)
    if first == last:
        return [first] * WEEK_HOURS
    return [offset(slot) for slot in range(WEEK_HOURS)]


def barred(calendar: SiteCalendar, space: str, shift: int, period: Period) -> dict[int, int]:
    """Slots, as bits by week, of which half or more cannot be booked: closed days and school hours."""
    start, end = moments(calendar.zone, period)
    return slots_of(((item.start, item.end) for item in calendar.barred(space, start, end)), shift)


@lru_cache(maxsize=256)
def barred_by(calendar: SiteCalendar, space: str, shift: int, period: Period) -> dict[int, int]:
    """As :func:`barred`, remembered; a calendar is another object when its file changes."""
    return barred(calendar, space, shift, period)


def slots_of(spans: Iterable[tuple[int, int]], shift: int) -> dict[int, int]:
    """The hours of which ``spans`` hold half or more, as bits by week."""
    found: dict[int, int] = {}
    for start, end in spans:
        for at in range(hour_of(start, shift), end, HOUR_MS):
            if 2 * (min(end, at + HOUR_MS) - max(start, at)) >= HOUR_MS:
                week = week_of(at, shift)
                found[week] = found.get(week, 0) | 1 << (at - week) // HOUR_MS
    return found


def hours_from(first: int, last: int) -> frozenset[int]:
    """Hours on the clock from ``first`` up to ``last``, over midnight if that is not later; all if equal."""
    if first == last:
        return ALL_HOURS
    return frozenset((first + n) % 24 for n in range((last - first) % 24))


def school_key(config_hours: Collection[tuple[str, ...]], space: str) -> tuple[int, ...]:
    """Which of the school hours hold for ``space``; each is given by the spaces that it names."""
    return tuple(n for n, names in enumerate(config_hours) if not names or space in names)
