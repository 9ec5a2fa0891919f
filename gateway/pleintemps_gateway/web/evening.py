"""The evening as half-hours: its window, its skyline and its quiet hours in the site's local time. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from .board import Skyline, Slot

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


def occupied_intervals(changes: Sequence[tuple[int, str]], now: int) -> list[Interval]:
    """When somebody was there, up to ``now``, from changes of belief ``(since, state)``, oldest first."""
    marks = [*changes, (now, "")]
    return [
        (since, until)
        for (since, state), (until, _) in pairwise(marks)
        if state == "occupied" and until > since
    ]


def skyline(
    now: int,
    zone_name: str,
    occupied: Mapping[str, Sequence[Interval]],
    booked: Mapping[str, Sequence[Interval]],
    quiet: tuple[Interval, ...],
) -> Skyline:
    """``occupied`` and ``booked`` by space. A slot that has begun shows what was, others what is booked."""
    start, end = window(now, ZoneInfo(zone_name))

    def slots() -> Iterator[Slot]:
        for begin in range(start, end, HALF_HOUR_MS):
            until = begin + HALF_HOUR_MS
            with_booking = {space for space, times in booked.items() if _touches(times, begin, until)}
            if begin > now:
                yield Slot(begin, 0, 0, len(with_booking))
                continue
            in_use = {
                space for space, times in occupied.items() if _touches(times, begin, min(until, now + 1))
            }
            yield Slot(begin, len(in_use), len(with_booking - in_use), 0)

    return Skyline(zone_name, start, end, tuple(slots()), quiet)


def _touches(intervals: Iterable[Interval], start: int, end: int) -> bool:
    return any(begin < end and until > start for begin, until in intervals)
