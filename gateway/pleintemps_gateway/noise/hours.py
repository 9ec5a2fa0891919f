"""The hours that noise is judged by, of one site: quiet hours, hours of limits, day and night of the law."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from .quiet import Hours, Period, QuietHours
from .settings import LimitConfig, NoiseConfig

if TYPE_CHECKING:
    from pleintemps_gateway.bookings.calendar_config import DayType
    from pleintemps_gateway.bookings.site_calendar import SiteCalendar

LEGAL_NIGHT: Final = ("22:00", "07:00")
_NEVER: Final = ("00:00", "00:00")
_HOURS = tuple[tuple[str, ...], str, str]


class Limit(NamedTuple):
    """A limit that holds; what was heard before ``since`` is not held against it."""

    limit_db: float
    window_ms: int
    since: int


class Moment(NamedTuple):
    """``quiet`` as the site says, ``legal`` from 7 to 22 h or (quiet) at night; ``day`` began at 7 h."""

    now: int
    quiet: Period
    legal: Period
    day: str


class NoiseHours:
    """Hours by the days of one calendar."""

    def __init__(self, calendar: "SiteCalendar", usual: Hours, special: Mapping["DayType", Hours]) -> None:
        self._calendar = calendar
        self.quiet = calendar.quiet_hours(usual, special)
        self._legal = QuietHours(calendar.zone.key, LEGAL_NIGHT)
        self._rows: dict[_HOURS, QuietHours] = {}

    def at(self, now: int) -> Moment:
        legal = self._legal.period(now)
        return Moment(now, self.quiet.period(now), legal, self.day(legal.start))

    def legal(self, at: int) -> Period:
        """Day or night by the law, which may be long over."""
        return self._legal.period(at)

    def day(self, start: int) -> str:
        """The local day in which a period of the law starts."""
        return datetime.fromtimestamp(start / 1000, UTC).astimezone(self._calendar.zone).date().isoformat()

    def limits(self, config: NoiseConfig, moment: Moment) -> tuple[Limit, ...]:
        """All limits of a space that hold: those of its table, else the usual or the quiet one."""
        usual_ms = round(config.window_s * 1000)
        found, since = [], 0
        for row in config.limits:
            period = self._row(row).period(moment.now)
            if period.quiet:
                window_ms = usual_ms if row.window_s is None else round(row.window_s * 1000)
                found.append(Limit(row.limit_db, window_ms, period.start))
            else:
                since = max(since, period.start)
        if found:
            return tuple(found)
        quiet = moment.quiet
        if config.limit_db != config.quiet_limit_db:
            since = max(since, quiet.start)
        return (Limit(config.quiet_limit_db if quiet.quiet else config.limit_db, usual_ms, since),)

    def _row(self, row: LimitConfig) -> QuietHours:
        """Spaces with the same hours share them."""
        key = (tuple(row.days), row.from_, row.to)
        known = self._rows.get(key)
        if known is None:
            kinds = frozenset(row.days)

            def hours(day: date) -> Hours | None:
                return (row.from_, row.to) if not kinds or self._calendar.is_one_of(day, kinds) else None

            known = self._rows[key] = QuietHours(self._calendar.zone.key, _NEVER, hours, whole=True)
        return known
