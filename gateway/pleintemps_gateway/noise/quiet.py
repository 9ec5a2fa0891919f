"""Quiet hours in the site's own time: of each day its own, across midnight, right when the clocks change."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

Hours = tuple[str, str]
"""Local ``HH:MM`` from and to; equal times mean that no hour is quiet."""

_DAY: Final = timedelta(days=1)
_WIDE: Final = 3
"""Days to either side that are looked at: farther than any window of noise reaches."""


class Period(NamedTuple):
    """From ``start`` (included) to ``end`` (excluded), Unix ms."""

    start: int
    end: int
    quiet: bool


class QuietHours:
    """``usual`` hours, and those that ``special`` knows for a local day.

    Hours that cross midnight are those of the day of their evening. With ``whole`` equal times that
    ``special`` says are the whole day.
    """

    def __init__(
        self,
        zone: str,
        usual: Hours,
        special: Callable[[date], Hours | None] | None = None,
        whole: bool = False,
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._usual = usual
        self._special = special
        self._whole = whole
        self._held: Period | None = None

    def period(self, now: int) -> Period:
        """The quiet or ordinary period that holds ``now``; one of days is cut where nobody looks any more."""
        if self._held is None or not self._held.start <= now < self._held.end:
            self._held = self._find(now)
        return self._held

    def spans(self, start: int, end: int) -> tuple[tuple[int, int], ...]:
        """Quiet hours that touch ``start`` to ``end``, whole, disjoint and in order."""
        found: list[tuple[int, int]] = []
        for span in sorted(self._days(self._day(start) - _DAY, self._day(end))):
            if found and span[0] <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], span[1]))
            else:
                found.append(span)
        return tuple(span for span in found if span[0] < end and span[1] > start)

    def _find(self, now: int) -> Period:
        today = self._day(now)
        first, last = self._at(today - _WIDE * _DAY, time()), self._at(today + _WIDE * _DAY, time())
        edge = first
        for start, end in self.spans(first, last):
            if now < start:
                return Period(edge, start, False)
            if now < end:
                return Period(max(start, first), min(end, last), True)
            edge = end
        return Period(edge, last, False)

    def _days(self, first: date, last: date) -> Iterator[tuple[int, int]]:
        day = first
        while day <= last:
            special = self._special(day) if self._special else None
            begins, ends = map(time.fromisoformat, special or self._usual)
            if begins != ends or (special and self._whole):
                start = self._at(day, begins)
                end = self._at(day if begins < ends else day + _DAY, ends)
                if start < end:  # not so when the clock jumps over them
                    yield start, end
            day += _DAY

    def _day(self, at: int) -> date:
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone).date()

    def _at(self, day: date, clock: time) -> int:
        """A local time that occurs twice counts the first time; one that is skipped, by the offset before."""
        return round(datetime.combine(day, clock, tzinfo=self._zone).timestamp() * 1000)
