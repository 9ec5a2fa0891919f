"""When spaces are free, from what is booked and closed and never from who is there: pure.

Times are Unix ms; a span holds its start and not its end.
"""

from collections.abc import Iterable
from datetime import date, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pleintemps_gateway.access.weeks import instant

MIDNIGHT: Final = time()
_DAY: Final = timedelta(days=1)


class Span(NamedTuple):
    start: int
    end: int


class Hours(NamedTuple):
    """From one clock time to another; ``to`` not after ``from_`` is on the next day."""

    from_: time
    to: time


WHOLE_DAY: Final = Hours(MIDNIGHT, MIDNIGHT)


class Dates(NamedTuple):
    """The dates of a lasting need at one space: how many are free, and the others by date.

    ``unsure`` lie further ahead than calendars are read: nothing is known against them.
    """

    free: int
    taken: list[date]
    unsure: list[date]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that neither touch nor overlap, in order."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.end > span.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def free_within(period: Span, taken: Iterable[Span]) -> list[Span]:
    """What of ``period`` none of ``taken`` holds, in order."""
    found: list[Span] = []
    start = period.start
    for span in merged(taken):
        if span.start >= period.end:
            break
        if span.start > start:
            found.append(Span(start, span.start))
        start = max(start, span.end)
    if start < period.end:
        found.append(Span(start, period.end))
    return found


def long_enough(spans: Iterable[Span], least: int) -> list[Span]:
    return [span for span in spans if span.end - span.start >= least]


def is_free(wanted: Span, taken: Iterable[Span]) -> bool:
    """Whether nothing of ``wanted`` is taken; what has no length takes nothing."""
    return not any(max(span.start, wanted.start) < min(span.end, wanted.end) for span in taken)


def span_of(zone: ZoneInfo, day: date, hours: Hours) -> Span:
    """These hours of a local day, as a clock on the wall shows them; empty where the clocks jump over all.

    In the night when an hour comes twice, the first one begins and the second one ends.
    """
    last = day if hours.to > hours.from_ else day + _DAY
    start = instant(zone, day, hours.from_, fold=0)
    return Span(start, max(start, instant(zone, last, hours.to, fold=0 if hours.to == MIDNIGHT else 1)))


def weekly(first: date, last: date) -> list[date]:
    """``first`` and the same weekday of the weeks after it, up to ``last`` included."""
    return [first + timedelta(weeks=week) for week in range((last - first).days // 7 + 1)]


def judge_dates(spans: Iterable[tuple[date, Span]], taken: list[Span], known_until: int | None) -> Dates:
    """Sort the dates of a lasting need; ``known_until`` is how far ahead bookings are known, None for all."""
    busy = merged(taken)
    free, blocked, unsure = 0, [], []
    for day, span in spans:
        if not is_free(span, busy):
            blocked.append(day)
        elif known_until is not None and span.end > known_until:
            unsure.append(day)
        else:
            free += 1
    return Dates(free, blocked, unsure)
