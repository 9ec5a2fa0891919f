"""What is counted of a space's noise by day: durations in the two periods of the law, amplified sound."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from .records import NoiseDay

SAY_MS: Final = 60_000
"""Sums of a day are stored at most this often."""
KEPT_DAYS: Final = 366
_YEAR: Final = timedelta(days=365)
_MONTH: Final = timedelta(days=30)
HABIT_YEAR: Final = 12
HABIT_MONTH: Final = 3
"""Habitual: so many days in 12 months, or more than the other in 30 days."""


class Habit(NamedTuple):
    """Days with amplified sound within the last 12 months, within the last 30 days."""

    year: int
    month: int

    @property
    def reached(self) -> bool:
        return self.year >= HABIT_YEAR or self.month > HABIT_MONTH


class NoiseDays:
    """The days of one space that have something to tell."""

    __slots__ = (
        "_changed",
        "_days",
        "_habit",
        "_said",
        "_space",
        "counted_to",
    )

    def __init__(self, space: str) -> None:
        self._space = space
        self._days: dict[str, NoiseDay] = {}
        self._said: dict[str, tuple[int, NoiseDay]] = {}
        self._changed: tuple[str, ...] = ()
        self._habit: tuple[str, Habit] | None = None
        self.counted_to = 0

    def restore(self, rows: Iterable[NoiseDay]) -> None:
        """Rows of ``noise_days`` that a predecessor stored."""
        for row in rows:
            self._days[row.day] = row
            self._said[row.day] = (0, row)
            self.counted_to = max(self.counted_to, row.counted_to)

    def duration_ms(self, day: str, night: bool) -> int:
        row = self._days.get(day)
        return 0 if row is None else row.night_ms if night else row.day_ms

    def count(self, day: str, night: bool, at: int, ms: int, emergence_db: float) -> None:
        """The noise was at the neighbour for ``ms`` up to ``at``."""
        row = self._row(day)
        highest = max(emergence_db, 0.0 if row.emergence_db is None else row.emergence_db)
        self._keep(
            replace(
                row,
                counted_to=max(at, row.counted_to),
                emergence_db=round(highest, 1),
                day_ms=row.day_ms + (0 if night else ms),
                night_ms=row.night_ms + (ms if night else 0),
            )
        )

    def played(self, day: str) -> None:
        """A booking with amplified sound takes place."""
        row = self._days.get(day)
        if row is None or not row.amplified:
            self._keep(replace(self._row(day), amplified=True))
            self._habit = None

    def habit(self, day: str) -> Habit:
        """As of ``day``."""
        if self._habit is None or self._habit[0] != day:
            today = date.fromisoformat(day)
            played = [date.fromisoformat(row.day) for row in self._days.values() if row.amplified]
            year = sum(today - _YEAR < item <= today for item in played)
            self._habit = day, Habit(year, sum(today - _MONTH < item <= today for item in played))
            oldest = (today - timedelta(days=KEPT_DAYS)).isoformat()
            self._days = {name: row for name, row in self._days.items() if name >= oldest}
            self._said = {name: said for name, said in self._said.items() if name in self._days}
        return self._habit[1]

    def take(self, now: int) -> list[NoiseDay]:
        """Rows to store: at once when sound became amplified, sums once a minute."""
        found = []
        for day in sorted(self._changed):
            row, said = self._days[day], self._said.get(day)
            if said is None or said[1].amplified != row.amplified or now - said[0] >= SAY_MS:
                self._said[day] = (now, row)
                found.append(row)
        if found:
            said_now = {row.day for row in found}
            self._changed = tuple(day for day in self._changed if day not in said_now)
        return found

    def _row(self, day: str) -> NoiseDay:
        return self._days.get(day) or NoiseDay(space=self._space, day=day)

    def _keep(self, row: NoiseDay) -> None:
        self._days[row.day] = row
        if row.day not in self._changed:
            self._changed += (row.day,)
