"""What a site says of its days: the tables ``[sites.calendar]`` and ``[sites.rules.quiet]``."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from pleintemps_contract.identifiers import Slug
from pleintemps_gateway.access.weeks import ClockTime, Weekday

from .public_holidays import regions


class DayType(StrEnum):
    """What a day is, the first that holds. A school day is any other one from Monday to Friday."""

    CLOSED = "closed-day"
    PUBLIC_HOLIDAY = "public-holiday"
    WEEKEND = "weekend"
    SCHOOL_HOLIDAY = "school-holiday"
    SCHOOL_DAY = "school-day"


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class QuietConfig(_Table, frozen=True, kw_only=True):
    """Quiet hours that begin on a day of one type; equal times mean that there are none."""

    from_: ClockTime = msgspec.field(name="from")
    to: ClockTime


class SchoolHoursConfig(_Table, frozen=True, kw_only=True):
    """``spaces`` are the school's on ``days`` from ``from`` to ``to``; every space of the site if empty."""

    days: Annotated[list[Weekday], Meta(min_length=1, max_length=7)]
    from_: ClockTime = msgspec.field(name="from")
    to: ClockTime
    spaces: list[Slug] = []

    def __post_init__(self) -> None:
        if self.to <= self.from_:
            raise ValueError("school hours end after they begin, on the same day")


class ClosedConfig(_Table, frozen=True, kw_only=True):
    """Days on which nobody comes in by a booking, first and last included; one day without ``last``."""

    first: date
    last: date | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < self.first:
            raise ValueError("closed days end after they begin")


class CalendarConfig(_Table, frozen=True, kw_only=True):
    """``region`` is the part of France whose public holidays count, as "57" for Alsace and Moselle.

    ``school_holidays`` is the ministry's file (CSV or iCalendar), ``school_zone`` the zone in it that counts.
    """

    region: str = ""
    school_holidays: str = ""
    school_zone: Annotated[str, Meta(min_length=1, max_length=40)] = "A"
    school_hours: list[SchoolHoursConfig] = []
    closed: list[ClosedConfig] = []

    def __post_init__(self) -> None:
        if self.region and self.region not in regions():
            known = ", ".join(region for region in regions() if region)
            raise ValueError(f"no region {self.region!r}; there are {known}, or none")
