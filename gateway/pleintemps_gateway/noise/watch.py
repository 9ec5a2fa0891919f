"""Everything that watches the noise of one space: samples in, figures, warnings and alerts out."""

from collections.abc import Sequence
from math import inf
from typing import Final

from pleintemps_contract.units import Quantity
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import AlertKind, Fact
from pleintemps_gateway.reconcile.records import Booking
from pleintemps_gateway.stretch import Stretch

from .alarm import NoiseAlarm
from .days import Habit, NoiseDays
from .findings import Finding, Rule, judged
from .hours import Limit, Moment, NoiseHours
from .monitor import OVER, PUBLIC_MS, Heard, NoiseMonitor
from .neighbour import OCTAVES, Neighbour
from .records import NoiseDay, NoiseFigures, WarningEnded, WarningWanted
from .settings import NoiseConfig
from .window import BINS, Level

LEVELS: Final = frozenset({Quantity.LEVEL, Quantity.LAEQ})
"""Quantities that enter LAeq. Maxima, percentiles and other weightings do not."""
QUANTITIES: Final = LEVELS | {Quantity.LCEQ, Quantity.RANGE} | set(OCTAVES)
PUBLIC_DB: Final = (102.0, 118.0)
CHILDREN_DB: Final = (94.0, 104.0)
"""dB(A) and dB(C) over 15 min (R1336-1)."""
TOO_LATE: Final = "level older than one that came before"
_LOOKS_MS: Final = 10_000
"""A space is looked at this often, or more."""
Said = WarningWanted | WarningEnded | NoiseDay


class NoiseWatch:
    """Feed :meth:`sample`, ask :meth:`look`; after a restart :meth:`restore` comes before the series."""

    __slots__ = (
        "_alarm",
        "_alerts",
        "_booked_until",
        "_config",
        "_days",
        "_early_ms",
        "_habit_told",
        "_monitor",
        "_neighbour",
        "_public",
        "_quantities",
        "_space",
        "calm",
        "notable_db",
        "until",
    )

    def __init__(self, space: str, config: NoiseConfig, alerts: AlertBook) -> None:
        self._space = space
        self._config = config
        self._alerts = alerts
        self._alarm = NoiseAlarm(space, config, alerts)
        self._days = NoiseDays(space)
        self._neighbour = None if config.measurement is None else Neighbour(config, self._days)
        seconds = (config.window_s, config.warn_window_s, *(row.window_s for row in config.limits))
        lengths = {round(length * 1000) for length in seconds if length is not None}
        self._monitor = NoiseMonitor(tuple(sorted(lengths | {PUBLIC_MS})), config.min_coverage)
        self._early_ms = round((config.warn_window_s or 0) * 1000)
        self._public = CHILDREN_DB if config.children else PUBLIC_DB
        self._monitor.watch(*(limit - config.hysteresis_db for limit in self._public))
        self._quantities: dict[str, tuple[Quantity, str]] = {}
        self._habit_told: Habit | None = None
        self._booked_until = 0
        self.calm = False
        """Whether at the last look no rule was near being loud: none will be without a notable level."""
        self.notable_db = -inf
        """From this level (dB) on a sample may make a rule loud."""
        self.until = 0
        """When (Unix ms) other hours begin."""

    def restore(self, figures: NoiseFigures, days: list[NoiseDay]) -> None:
        """Go on from what a predecessor stored. What it had learnt of the background is taken for it until
        enough is learnt anew."""
        self._monitor.prior = figures.background_db
        self._alarm.restore(figures.warned_at)
        self._days.restore(days)

    def series(self, key: str, device: str, quantity: Quantity, max_silence_s: int) -> None:
        """Announce one of :data:`QUANTITIES`; ``device`` is the meter that it comes from."""
        self._quantities[key] = (quantity, device)
        if quantity in LEVELS or quantity is Quantity.LCEQ:
            self._monitor.series(key, device, quantity, max_silence_s)
        elif quantity in OCTAVES and self._neighbour is not None:
            self._neighbour.series(key, device, quantity, max_silence_s)

    def forget(self, key: str) -> None:
        quantity, _ = self._quantities.pop(key, (None, ""))
        if quantity in OCTAVES and self._neighbour is not None:
            self._neighbour.forget(key)
        else:
            self._monitor.forget(key)

    def sample(self, key: str, at: int, value: float) -> str | None:
        """Take one value; the reason if it cannot be used."""
        quantity, device = self._quantities[key]
        if quantity is Quantity.RANGE:
            if value not in (0, 1, 2):
                return "not a value of range"
            taken = self._monitor.range(device, at, int(value))
        elif quantity in OCTAVES:
            if not -20 <= value <= 200:
                return "level outside -20 to 200 dB"
            taken = self._neighbour is None or self._neighbour.sample(key, at, value)
        else:
            if not 0 <= value <= 200:
                return "level outside 0 to 200 dB"
            taken = self._monitor.sample(key, at, value)
        return None if taken else TOO_LATE

    def levels(self, key: str, stretch: Stretch) -> int:
        """As :meth:`sample` of each, of a rising stretch of levels from 0 to 200 dB(A) or dB(C); how many
        came too late to count."""
        return self._monitor.levels(key, stretch)

    def booked(self, until: int) -> None:
        """A booking of the space has ended, at ``until``: its noise is no rise above the background."""
        self._booked_until = max(until, self._booked_until)

    def look(
        self,
        moment: Moment,
        hours: NoiseHours,
        booking: Booking | None,
        vacant: bool | None,
        said: list[Said],
    ) -> NoiseFigures:
        """Judge the noise now. ``vacant`` is None while nobody knows; what else there is to say goes into
        ``said``."""
        now, monitor = moment.now, self._monitor
        limits = hours.limits(self._config, moment)
        shown = limits[0]
        heard = monitor.heard(now - shown.window_ms, now, shown.window_ms)
        reach = monitor.range_of(heard.device, now - shown.window_ms, now)
        findings = self._public_findings(now)
        findings += [self._limit(limit, now, heard if limit is shown else None) for limit in limits]
        outside = self._outside(moment, hours, booking, vacant, findings)
        if booking is not None:
            self._booked_until = min(booking.end, now + _LOOKS_MS)
        elif moment.quiet.quiet and (rise := self._rise(moment, shown, heard)):
            findings.append(rise)
        facts: dict[str, Fact] = {"quiet": moment.quiet.quiet, "coverage": round(heard.level.coverage, 2)}
        if reach:
            facts["range"] = reach
        if booking is not None:
            facts["booking_title"] = booking.title
        name = None if booking is None else booking.booking
        warning = self._alarm.look(now, findings, facts, name, self._measured(heard.level) is not None)
        if warning is not None:
            said.append(warning)
        said += self._days.take(now)
        self._habit(moment)
        empty = vacant or (vacant is None and moment.quiet.quiet and booking is None)
        monitor.learning = empty and self._alarm.warned_at is None
        level, background = heard.level, monitor.background_db
        self._note(moment, limits, level, background)
        return NoiseFigures(
            level_db=None if level.level_db is None else round(level.level_db, 1),
            level_coverage=None if level.level_db is None else round(level.coverage, 3),
            level_at=monitor.last_at,
            limit_db=shown.limit_db,
            quiet=moment.quiet.quiet,
            level_range=None if level.level_db is None else reach,
            background_db=None if background is None else round(background, 1),
            emergence_db=outside,
            warned_at=self._alarm.warned_at,
        )

    def _note(
        self, moment: Moment, limits: Sequence[Limit], level: Level, background_db: float | None
    ) -> None:
        """What may become loud before the next look, and by which levels: a mean is no higher than the
        highest."""
        least = min(limit.limit_db for limit in limits)
        if moment.quiet.quiet and background_db is not None and self._config.rise_db:
            least = min(least, background_db + self._config.rise_db)
        self.notable_db = min(least, *self._public) - self._config.hysteresis_db
        near = level.level_db is not None and level.level_db >= self.notable_db
        warned = self._alarm.warned_at is not None
        self.until = moment.quiet.end
        self.calm = not (near or warned or self._neighbour is not None)

    def _limit(self, limit: Limit, now: int, shown: Heard | None) -> Finding:
        start = max(now - limit.window_ms, limit.since)
        whole = start == now - limit.window_ms
        heard = shown if shown and whole else self._monitor.heard(start, now, limit.window_ms)
        loud = early = self._loud(heard, limit.limit_db, start, now)
        if self._early_ms and self._early_ms < limit.window_ms:
            begin = max(now - self._early_ms, limit.since)
            soon = self._monitor.heard(begin, now, self._early_ms)
            early = self._loud(soon, limit.limit_db, begin, now)
            if early and not loud:
                heard = soon
        level = self._measured(heard.level)
        return Finding(Rule.LIMIT, level, limit.limit_db, limit.window_ms, loud, early)

    def _measured(self, level: Level) -> float | None:
        return level.level_db if level.coverage >= self._config.min_coverage else None

    def _loud(self, heard: Heard, limit_db: float, start: int, now: int) -> bool | None:
        level = self._measured(heard.level)
        if level is None:
            return None
        loud = judged(level - limit_db, self._config.hysteresis_db)
        if loud is False and self._monitor.range_of(heard.device, start, now) == OVER:
            return None  # it was louder than that
        if loud is False and heard.beside_db is not None:
            # another meter was too loud, or nearly, before it fell silent
            return (
                None if judged(heard.beside_db - limit_db, self._config.hysteresis_db) is not False else loud
            )
        return loud

    def _public_findings(self, now: int) -> list[Finding]:
        """Over 15 min wherever the public is; of the room's meter only, so an indication as well."""
        start, (limit_a, limit_c) = now - PUBLIC_MS, self._public
        if not self._monitor.hot(start):
            return []  # not one sample was near it
        heard = self._monitor.heard(start, now, PUBLIC_MS)
        level_c = self._monitor.heard_c(start, now)
        loud = self._loud(heard, limit_a, start, now)
        level_db, limit_db, weighting = self._measured(heard.level), limit_a, "A"
        measured_c = self._measured(level_c)
        if measured_c is not None:
            loud_c = judged(measured_c - limit_c, self._config.hysteresis_db)
            if (loud_c and not loud) or (loud_c is None and loud is False):
                loud, level_db, limit_db, weighting = loud_c, measured_c, limit_c, "C"
        facts: dict[str, Fact] = {"weighting": weighting, "children": self._config.children}
        return [Finding(Rule.PUBLIC, level_db, limit_db, PUBLIC_MS, loud, loud, facts)]

    def _rise(self, moment: Moment, shown: Limit, whole: Heard) -> Finding | None:
        """Above the room's own background since nobody should be there any more."""
        if whole.background_db is None or not self._config.rise_db:
            return None
        now, length = moment.now, shown.window_ms
        free = self._booked_until + length // BINS + 1000  # a bin of the window is never cut
        start = max(now - length, moment.quiet.start, free)
        heard = whole if start == now - length else self._monitor.heard(start, now, length)
        if heard.background_db is None:
            return None
        limit = heard.background_db + self._config.rise_db
        loud = self._loud(heard, limit, start, now)
        facts: dict[str, Fact] = {"background_db": round(heard.background_db, 1)}
        return Finding(Rule.RISE, self._measured(heard.level), limit, length, loud, loud, facts)

    def _outside(
        self,
        moment: Moment,
        hours: NoiseHours,
        booking: Booking | None,
        vacant: bool | None,
        findings: list[Finding],
    ) -> float | None:
        """Emergence at the neighbour's, and days with amplified sound."""
        amplified = booking is not None and booking.amplified
        if amplified and not vacant:
            self._days.played(moment.day)
        if self._neighbour is None:
            return None
        finding = self._neighbour.look(moment, hours, amplified)
        if finding is None:
            return None
        findings.append(finding)
        overall = finding.facts.get("overall_db")
        return overall if isinstance(overall, float) else None

    def _habit(self, moment: Moment) -> None:
        """Amplified sound so often that it is habitual by the law: a study is then due."""
        habit = self._days.habit(moment.day)
        if habit == self._habit_told:
            return
        self._habit_told = habit
        if habit.reached:
            facts: dict[str, Fact] = {"days_year": habit.year, "days_month": habit.month}
            self._alerts.open(AlertKind.AMPLIFIED_HABIT, self._space, moment.now, facts, space=self._space)
            self._alerts.update(AlertKind.AMPLIFIED_HABIT, self._space, facts)
        else:
            self._alerts.resolve(AlertKind.AMPLIFIED_HABIT, self._space, moment.now)
