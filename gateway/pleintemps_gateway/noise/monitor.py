"""Noise of one space against its limit: the loudest series counts, quiet hours are judged from their
beginning."""

from typing import NamedTuple

from .quiet import Period
from .window import Level, LevelWindow


class Limits(NamedTuple):
    """Decibels at the sensor; ``window_ms`` and ``min_coverage`` say what a judgement needs."""

    limit_db: float
    quiet_limit_db: float
    window_ms: int
    hysteresis_db: float
    min_coverage: float


class Judgement(NamedTuple):
    """``shown`` is LAeq over the whole window, ``judged`` over its part since the limit last changed.

    ``loud`` is True above the limit, False at or below limit - hysteresis, None between or with too
    little measured: missing data neither opens nor closes anything.
    """

    shown: Level
    judged: Level
    at: int | None
    limit_db: float
    quiet: bool
    loud: bool | None


class NoiseMonitor:
    """Levels of one space, each series in a window of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._series: dict[str, LevelWindow] = {}

    def series(self, key: str, max_silence_s: int) -> None:
        """Announce a level series; a known one keeps its window."""
        if key not in self._series:
            self._series[key] = LevelWindow(self._limits.window_ms, max_silence_s * 1000)

    def forget(self, key: str) -> None:
        self._series.pop(key, None)

    def sample(self, key: str, at: int, level_db: float) -> bool:
        """Take a level; False if it came too late to count."""
        return self._series[key].add(at, level_db)

    def judge(self, now: int, period: Period) -> Judgement:
        limits = self._limits
        limit = limits.quiet_limit_db if period.quiet else limits.limit_db
        start = now - limits.window_ms
        shown = self._loudest(start, now)
        changed = period.start > start and limits.quiet_limit_db != limits.limit_db
        judged = self._loudest(period.start, now) if changed else shown
        loud: bool | None = None
        if judged.level_db is not None and judged.coverage >= limits.min_coverage:
            if judged.level_db > limit:
                loud = True
            elif judged.level_db <= limit - limits.hysteresis_db:
                loud = False
        times = [window.last_at for window in self._series.values() if window.last_at is not None]
        return Judgement(shown, judged, max(times, default=None), limit, period.quiet, loud)

    def _loudest(self, start: int, now: int) -> Level:
        levels = [window.over(start, now) for window in self._series.values()]
        measured = [level for level in levels if level.level_db is not None]
        return max(measured, default=Level(None, 0.0))
