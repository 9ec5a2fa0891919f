"""From a weekly rule to windows in the calendar, anchored to weeks of the site's own time. Pure.

What is published changes once a week, on Monday, not with every hour that passes.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from pleintemps_contract.gateway_messages import Window

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
AHEAD_DAYS: Final = 45
WEEKS: Final = 8
"""So many weeks hold the 45 days ahead of any day of the first one."""
IsClosed = Callable[[date], bool]
"""Of a local day of the site."""
_DAYS: Final[tuple[str, ...]] = get_args(Weekday)
_MINUTE_MS: Final = 60_000


class WeekRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On ``days`` from ``from`` to ``to`` in the site's local time; ``to`` not after ``from`` is on the next
    day.
    """

    days: Annotated[list[Weekday], Meta(min_length=1, max_length=7)]
    from_: ClockTime = msgspec.field(name="from")
    to: ClockTime


def open_every_day(_day: date) -> bool:
    """A calendar without closed days."""
    return False


def monday(now: int, zone: ZoneInfo) -> date:
    """The first day of the week that holds ``now`` (Unix ms), in local time."""
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date()
    return today - timedelta(days=today.weekday())


def windows(rule: WeekRule, zone: ZoneInfo, now: int, is_closed: IsClosed = open_every_day) -> list[Window]:
    """The rule's windows that touch this week and the seven after it, disjoint and in order.

    A window belongs to the day on which it begins; ``is_closed`` days have none. When the clocks change, the
    hours are those that a clock on the wall shows: what it skips is skipped, what it shows twice counts
    twice.
    """
    first = monday(now, zone)
    start, end = time.fromisoformat(rule.from_), time.fromisoformat(rule.to)
    found: list[Window] = []
    for offset in range(-1, 7 * WEEKS):
        day = first + timedelta(days=offset)
        if _DAYS[day.weekday()] not in rule.days or is_closed(day):
            continue
        last = day if end > start else day + timedelta(days=1)
        opens, closes = instant(zone, day, start, fold=0), instant(zone, last, end, fold=1)
        if closes <= opens:
            continue
        if found and opens <= found[-1].end:
            opens = found.pop().start
        found.append(Window(start=opens, end=closes))
    return [window for window in found if window.end > instant(zone, first, time(), fold=0)]


def clipped(times: list[Window], start: int, end: int) -> list[Window]:
    """What of ``times`` lies from ``start`` to ``end`` (Unix ms)."""
    inner = ((max(window.start, start), min(window.end, end)) for window in times)
    return [Window(start=first, end=last) for first, last in inner if last > first]


def instant(zone: ZoneInfo, day: date, clock: time, *, fold: int) -> int:
    """When the wall shows ``clock`` on ``day``: the first or (``fold`` 1) second time; when it jumps over it,
    the moment of the jump.
    """
    local = datetime.combine(day, clock, tzinfo=zone).replace(fold=fold)
    moment = round(local.timestamp() * 1000)
    if datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone).replace(tzinfo=None) == local.replace(
        tzinfo=None
    ):
        return moment
    # a gap: its offsets before and after lead to two moments on either side of the jump
    sides = sorted(round(local.replace(fold=side).timestamp()) * 1000 for side in (0, 1))
    low, high = sides
    before = _offset(zone, low)
    while high - low > _MINUTE_MS:
        middle = (low + high) // 2 // _MINUTE_MS * _MINUTE_MS
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: ZoneInfo, moment: int) -> timedelta | None:
    return datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone).utcoffset()
