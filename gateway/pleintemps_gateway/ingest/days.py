"""When what hangs on the calendar has to be said anew: a week has begun, or the site's days are others."""

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from pleintemps_gateway.access.offline_plan import first_day
from pleintemps_gateway.access.weeks import monday
from pleintemps_gateway.bookings.calendar_config import DayType
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.bookings.site_calendar import SiteCalendar
from pleintemps_gateway.config import SiteConfig

_LOOK_MS: Final = 60_000
_CLOSED: Final = frozenset({DayType.CLOSED, DayType.PUBLIC_HOLIDAY})


class CalendarWatch:
    """The days of one site, looked at once a minute."""

    def __init__(self, site: SiteConfig) -> None:
        self._site = site
        self._zone = ZoneInfo(site.zone)
        self._calendar: SiteCalendar | None = None
        self._looked: int | None = None
        self._week: tuple[date, int] | None = None

    def has_turned(self, now: int) -> bool:
        """Whether schedules, free openings or daily keys are others than at the last call that said so."""
        if self._looked is not None and 0 <= now - self._looked < _LOOK_MS:
            return False
        self._looked = now
        calendar, week = calendar_of(self._site), (monday(now, self._zone), first_day(now))
        turned = (calendar is not self._calendar) or week != self._week
        self._calendar, self._week = calendar, week
        return turned

    def is_closed(self, day: date) -> bool:
        """Whether no door of the site opens by itself on a local ``day``."""
        if self._calendar is None:
            self._calendar = calendar_of(self._site)
        return self._calendar.is_one_of(day, _CLOSED)
