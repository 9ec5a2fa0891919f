"""The noise alert of one space: above the limit until measured quiet again."""

from typing import Final

from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import AlertKind, Fact

from .monitor import Judgement

UPDATE_DB: Final = 1.0
"""A standing alert gets new figures when the level has moved by this much or the limit has changed."""


class NoiseAlarm:
    """Missing data neither opens nor resolves: no sound heard is not quiet."""

    def __init__(self, space: str, window_s: float, alerts: AlertBook) -> None:
        self._space = space
        self._window_s = window_s
        self._alerts = alerts

    def look(self, now: int, judgement: Judgement, booking_title: str | None) -> None:
        """Open, refresh or resolve the alert of the space."""
        if judgement.loud is False:
            self._alerts.resolve(AlertKind.NOISE, self._space, now)
            return
        standing = self._alerts.get(AlertKind.NOISE, self._space)
        level = judgement.judged.level_db
        if level is None or (standing is None and not judgement.loud) or judgement.loud is None:
            return
        facts: dict[str, Fact] = {
            "level_db": round(level, 1),
            "limit_db": judgement.limit_db,
            "window_s": self._window_s,
            "quiet": judgement.quiet,
        }
        if booking_title is not None:
            facts["booking_title"] = booking_title
        if standing is None:
            self._alerts.open(AlertKind.NOISE, self._space, now, facts, space=self._space)
            return
        before = standing.facts.get("level_db")
        moved = not isinstance(before, float | int) or abs(level - before) >= UPDATE_DB
        if moved or standing.facts.get("limit_db") != judgement.limit_db:
            self._alerts.update(AlertKind.NOISE, self._space, facts)
