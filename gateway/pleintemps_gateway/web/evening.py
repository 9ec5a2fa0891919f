"""The evening in the site's local time: its window. Pure."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

Interval = tuple[int, int]
HALF_HOUR_MS: Final = 30 * 60_000
_SLOTS: Final = 28
_EVENING: Final = time(18)
_MORNING: Final = time(8)


def local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)


def unix_ms(day: date, clock: time, zone: ZoneInfo) -> int:
    """That local time as Unix ms; where summer time skips or repeats the hour, by the earlier offset."""
    return round(datetime.combine(day, clock, zone).timestamp() * 1000)


def window(now: int, zone: ZoneInfo) -> Interval:
    """14 hours that hold ``now``: the evening and night from 18:00, or the day from 8:00."""
    here = local(now, zone)
    day = here.date()
    if here.time() < _MORNING:
        start = unix_ms(day - timedelta(days=1), _EVENING, zone)
    elif here.time() < _EVENING:
        start = unix_ms(day, _MORNING, zone)
    else:
        start = unix_ms(day, _EVENING, zone)
    return start, start + _SLOTS * HALF_HOUR_MS
