"""Quiet hours in the site's own time: across midnight, and right when the clocks change."""

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Period(NamedTuple):
    """From ``start`` (included) to ``end`` (excluded), Unix ms."""

    start: int
    end: int
    quiet: bool


class QuietHours:
    """``quiet_from`` and ``quiet_to`` are local ``HH:MM``; equal times mean that no hour is quiet."""

    def __init__(self, zone: str, quiet_from: str, quiet_to: str) -> None:
        self._zone = ZoneInfo(zone)
        self._from = time.fromisoformat(quiet_from)
        self._to = time.fromisoformat(quiet_to)
        self._held: Period | None = None

    def period(self, now: int) -> Period:
        """The quiet or ordinary period that holds ``now``."""
        if self._held is None or not self._held.start <= now < self._held.end:
            self._held = self._find(now)
        return self._held

    def _find(self, now: int) -> Period:
        if self._from == self._to:
            return Period(0, 2**62, False)
        today = datetime.fromtimestamp(now / 1000, UTC).astimezone(self._zone).date()
        edges = []
        for offset in range(-2, 3):
            day = today + timedelta(days=offset)
            for moment, quiet in ((self._from, True), (self._to, False)):
                # a local time that occurs twice counts the first time; one that is skipped, when the clock
                # jumps
                local = datetime.combine(day, moment, tzinfo=self._zone)
                edges.append((int(local.timestamp() * 1000), quiet))
        edges.sort()
        index = max(index for index, (at, _) in enumerate(edges) if at <= now)
        return Period(edges[index][0], edges[index + 1][0], edges[index][1])
