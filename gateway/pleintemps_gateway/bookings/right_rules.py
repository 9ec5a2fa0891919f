"""When a recurring right counts on which days: pure. The hours of its week are :mod:`..access.weeks`'s."""

from collections.abc import Callable
from datetime import date
from typing import Literal

from msgspec import field

from pleintemps_gateway.access.weeks import WeekRule

from .calendar_config import DayType
from .site_calendar import SiteCalendar

Kind = Literal["code", "staff-code", "card", "staff-card", "token"]
"""Codes are typed, cards read, tokens carried; staff kinds confirm the end of a fire as well."""


class RightRule(WeekRule, frozen=True, kw_only=True):
    """A week's rule that does not hold on days of the types ``except``. School hours do not limit it: who
    gives somebody a right says at which hours.
    """

    except_: list[DayType] = field(name="except", default_factory=lambda: [DayType.CLOSED])

    def closed_days(self, calendar: SiteCalendar) -> Callable[[date], bool]:
        """Whether it has no window that begins on a local day."""
        kinds = frozenset(self.except_)
        return lambda day: calendar.is_one_of(day, kinds)
