"""What a day is at a site, and when its spaces are the school's: pure.

Days are those of the site's own zone. What no file says is a school day, so that a missing file never opens
a school.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple, get_args
from zoneinfo import ZoneInfo

from pleintemps_gateway.access.weeks import Weekday, instant
from pleintemps_gateway.noise.quiet import Hours, QuietHours

from .calendar_config import CalendarConfig, DayType
from .public_holidays import public_holidays

CLOSED: Final = "closed"
SCHOOL: Final = "school-hours"
_DAY: Final = timedelta(days=1)
_WEEK: Final[tuple[str, ...]] = get_args(Weekday)


class Days(NamedTuple):
    """Whole local days, ``last`` included."""

    first: date
    last: date


class Barred(NamedTuple):
    """From ``start`` (included) to ``end`` (excluded), Unix ms; ``reason`` is CLOSED or SCHOOL."""

    start: int
    end: int
    reason: str


class SiteCalendar:
    """The days of one site: its configuration, its zone and the school holidays that a file told."""

    def __init__(self, config: CalendarConfig, zone: str, school_holidays: Sequence[Days] = ()) -> None:
        self._config = config
        self.zone = ZoneInfo(zone)
        self._holidays = merged(school_holidays)
        self._closed = merged(Days(item.first, item.last or item.first) for item in config.closed)

    def day_of(self, at: int) -> date:
        """The local day that holds ``at`` (Unix ms)."""
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone).date()

    def day_type(self, day: date) -> DayType:
        if _holds(self._closed, day):
            return DayType.CLOSED
        if day in public_holidays(self._config.region, day.year):
            return DayType.PUBLIC_HOLIDAY
        if day.weekday() >= 5:
            return DayType.WEEKEND
        return DayType.SCHOOL_HOLIDAY if _holds(self._holidays, day) else DayType.SCHOOL_DAY

    def is_school(self, day: date) -> bool:
        """Whether school hours hold on ``day``: not closed and no holiday; weekends may be school too."""
        kind = self.day_type(day)
        if kind is DayType.WEEKEND:
            return not _holds(self._holidays, day)
        return kind is DayType.SCHOOL_DAY

    def quiet_hours(self, usual: Hours, special: Mapping[DayType, Hours]) -> QuietHours:
        """Quiet hours of each day by its type: ``special`` ones where it has them, else the ``usual``."""
        return QuietHours(self.zone.key, usual, lambda day: special.get(self.day_type(day)))

    def is_one_of(self, day: date, kinds: Collection[DayType]) -> bool:
        return self.day_type(day) in kinds

    def barred(self, space: str, start: int, end: int) -> list[Barred]:
        """When nobody comes into ``space`` by a booking between ``start`` and ``end``, in order."""
        found: list[Barred] = []
        day, last = self.day_of(start), self.day_of(end)
        while day <= last:
            if _holds(self._closed, day):
                found.append(Barred(self._at(day, time()), self._at(day + _DAY, time()), CLOSED))
            elif self.is_school(day):
                found += self._school(space, day)
            day += _DAY
        return sorted(item for item in found if item.start < end and item.end > start)

    def _school(self, space: str, day: date) -> Iterable[Barred]:
        for hours in self._config.school_hours:
            if _WEEK[day.weekday()] in hours.days and (not hours.spaces or space in hours.spaces):
                begin, end = time.fromisoformat(hours.from_), time.fromisoformat(hours.to)
                span = Barred(self._at(day, begin), instant(self.zone, day, end, fold=1), SCHOOL)
                if span.end > span.start:
                    yield span

    def _at(self, day: date, clock: time) -> int:
        return instant(self.zone, day, clock, fold=0)


def merged(periods: Iterable[Days]) -> tuple[Days, ...]:
    """The same days as periods that do not touch, in order."""
    found: list[Days] = []
    for period in sorted(periods):
        if found and period.first <= found[-1].last + _DAY:
            found[-1] = Days(found[-1].first, max(found[-1].last, period.last))
        else:
            found.append(period)
    return tuple(found)


def _holds(periods: Sequence[Days], day: date) -> bool:
    return any(period.first <= day <= period.last for period in periods)
