"""The calendar of a site as its files tell it now: read again when they change."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from pleintemps_contract.logs import line
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import CalendarError

from .calendar_config import CalendarConfig
from .school_holidays import read_school_holidays
from .site_calendar import SiteCalendar
from .sources.base import Rejected

MAX_BYTES: Final = 8_000_000

_log = logging.getLogger(__name__)


class Read:
    """A calendar with what of its file could not be used."""

    __slots__ = ("calendar", "rejected")

    def __init__(self, calendar: SiteCalendar, rejected: tuple[Rejected, ...] = ()) -> None:
        self.calendar = calendar
        self.rejected = rejected


def calendar_of(site: SiteConfig) -> SiteCalendar:
    """The calendar of ``site`` now. Without a file that can be read every weekday may be a school day."""
    return read_calendar(site).calendar


def read_calendar(site: SiteConfig) -> Read:
    """As :func:`calendar_of`, the same object until the file changes."""
    path, stamp = site.calendar.school_holidays, (0, 0)
    if path:
        try:
            status = Path(path).stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (-1, 0)
    return _read(site.site, site.zone, msgspec.json.encode(site.calendar), stamp)


@lru_cache(maxsize=256)
def _read(site: str, zone: str, encoded: bytes, stamp: tuple[int, int]) -> Read:
    config = msgspec.json.decode(encoded, type=CalendarConfig)
    if not config.school_holidays:
        return Read(SiteCalendar(config, zone))
    try:
        if stamp[1] > MAX_BYTES:
            raise CalendarError(f"more than {MAX_BYTES} bytes")
        data = Path(config.school_holidays).read_bytes()
        found, rejected = read_school_holidays(data, config.school_zone, zone)
    except (OSError, CalendarError) as error:
        reason = str(error) if isinstance(error, CalendarError) else "the file cannot be read"
        _log.warning(line("school-holidays-not-read", site=site, error=reason))
        return Read(SiteCalendar(config, zone), (Rejected("file", reason),))
    return Read(SiteCalendar(config, zone, found), tuple(rejected))
