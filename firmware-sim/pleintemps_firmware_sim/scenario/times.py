"""Durations and moments as a scenario writes them, in milliseconds and in the site's own time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta

_UNIT_MS: Final = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART: Final = r"[0-9]{1,7}(?:\.[0-9]{1,3})?(?:ms|min|s|h|d)"
_SPAN: Final = rf"(?:{_PART})+"
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"
_DAY: Final = r"mon|tue|wed|thu|fri|sat|sun"
_STAMP: Final = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}"
# the shortest name that leaves a duration: choir-5min is choir, less 5 min
_MARK: Final = r"[a-z][a-z0-9-]{0,39}?(?:\.[a-z]{1,10})?"
_BASE: Final = rf"{_STAMP}|(?:(?:{_DAY}) )?{_CLOCK}|{_MARK}"

Span = Annotated[
    str,
    Meta(
        pattern=rf"^{_SPAN}$",
        max_length=40,
        description="a duration: 90s, 1h30min, 250ms, 2d",
        examples=["90s"],
    ),
]
Begin = Annotated[str, Meta(pattern=rf"^(now|{_STAMP})$", description="local time of the site, or now")]
Moment = Annotated[
    str,
    Meta(
        pattern=rf"^(?:(?:{_BASE})(?:[+-]{_SPAN})?|\+{_SPAN})$",
        max_length=120,
        description="+DURATION since the begin, [WEEKDAY] HH:MM (the first since the begin), a local date and"
        " time, or the name of something else with or without a part (choir.start), each with +DURATION or"
        " -DURATION",
        examples=["+10s", "19:30", "tue 19:30", "choir.end-5min"],
    ),
]
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_PARTS: Final = re.compile(r"([0-9.]+)(ms|min|s|h|d)")
_SPLIT: Final = re.compile(rf"(?P<base>{_BASE})?(?:(?P<sign>[+-])(?P<span>{_SPAN}))?\Z")


def span_ms(text: str) -> int:
    """Milliseconds of a duration that fits :data:`Span`."""
    return round(sum(float(number) * _UNIT_MS[unit] for number, unit in _PARTS.findall(text)))


@dataclass(frozen=True, slots=True)
class Written:
    """A moment taken apart: ``mark`` or ``clock`` (else neither: since the begin) and what is added to it."""

    mark: str = ""
    clock: str = ""
    plus_ms: int = 0


def taken_apart(moment: str) -> Written:
    """Of a moment that fits :data:`Moment`."""
    found = _SPLIT.match(moment)
    if found is None:
        raise ValueError(f"{moment!r} is no moment")
    plus = span_ms(found["span"] or "") * (-1 if found["sign"] == "-" else 1)
    base = found["base"] or ""
    if not base or ":" in base:
        return Written(clock=base, plus_ms=plus)
    return Written(mark=base, plus_ms=plus)


class Clockwork:
    """The site's calendar around one run; ``begin`` in Unix ms."""

    def __init__(self, zone: str, begin: int) -> None:
        self._zone = ZoneInfo(zone)
        self.begin = begin

    @property
    def first_day(self) -> date:
        return self._local(self.begin).date()

    def at(self, day: date, clock: str) -> int:
        """Unix ms of a local time of day; one that the clocks leap over is an hour later."""
        local = datetime.combine(day, clock_time.fromisoformat(clock), self._zone)
        return int(local.astimezone(UTC).timestamp()) * 1_000

    def first(self, clock: str) -> int:
        """Unix ms of the first such moment at or after the begin: a clock time, with or without its weekday,
        or a date and time.
        """
        if clock[:4].isdigit() and clock[4] == "-":
            return local_ms(clock, self._zone)
        day, _, hour = clock.rpartition(" ")
        return next(at for at in self.every([day] if day else WEEKDAYS, hour, 8) if at >= self.begin)

    def every(self, days: Sequence[str], clock: str, number: int) -> list[int]:
        """That time of every such weekday among ``number`` days from the day of the begin on."""
        wanted = {WEEKDAYS.index(day) for day in days}
        listed = [self.first_day + timedelta(days=place) for place in range(number)]
        return [self.at(day, clock) for day in listed if day.weekday() in wanted]

    def resolve(self, moment: str, marks: Mapping[str, Sequence[int]]) -> list[int]:
        """Every time that the moment names, Unix ms; none if its mark has not come."""
        written = taken_apart(moment)
        if written.mark:
            return [at + written.plus_ms for at in marks.get(written.mark, ())]
        base = self.first(written.clock) if written.clock else self.begin
        return [base + written.plus_ms]

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1_000, UTC).astimezone(self._zone)


def local_ms(stamp: str, zone: ZoneInfo) -> int:
    """Unix ms of a local date and time; raises ValueError for a day that is in no calendar."""
    return int(datetime.fromisoformat(stamp).replace(tzinfo=zone).timestamp()) * 1_000
