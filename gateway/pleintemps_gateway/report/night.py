"""Which night a report is of: from the evening of a local day to the next morning. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pleintemps_gateway.access.weeks import instant

from .settings import ReportConfig

LATE_MS: Final = 6 * 3_600_000
"""A report that could not be sent when the night ended is sent for so long: by noon nobody reads it."""


class Night(NamedTuple):
    """``day`` is the local day on which it begins; ``start`` to ``end`` in Unix ms."""

    day: date
    start: int
    end: int


def night_of(config: ReportConfig, zone: ZoneInfo, day: date) -> Night:
    """The night that begins on ``day``; equal hours are a whole day."""
    opens, closes = time.fromisoformat(config.from_), time.fromisoformat(config.to)
    last = day if closes > opens else day + timedelta(days=1)
    return Night(day, instant(zone, day, opens, fold=0), instant(zone, last, closes, fold=1))


def last_night(config: ReportConfig, zone: ZoneInfo, now: int) -> Night:
    """The youngest night that is over at ``now`` (Unix ms)."""
    day = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date()
    night = night_of(config, zone, day)
    while night.end > now:
        day -= timedelta(days=1)
        night = night_of(config, zone, day)
    return night


def is_due(night: Night, now: int) -> bool:
    """Whether ``night`` has ended so lately that its report is still worth sending."""
    return night.end <= now < night.end + LATE_MS
