"""The best free slots for a request: times of the week that were mostly free, and are so in weeks to come."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from pleintemps_gateway.access.weeks import instant
from pleintemps_gateway.bookings.availability import Span, is_free
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.bookings.site_calendar import SiteCalendar
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import bookings

from .grid import ALL_HOURS, Period, pieces
from .lanes import ALL, HOUR_MS, WEEK_HOURS, WEEK_MS, counts_of, mask_of
from .reading import closed_of
from .store import shift_of

AWAKE: Final = frozenset(range(8, 23))
"""Hours that somebody may want who names none."""
AHEAD_WEEKS: Final = 4
LEAST_SHARE: Final = 0.6
"""Of the weeks that tell something: what was free more seldom is no good advice."""
_ONES: Final = int.from_bytes(b"\x01" * 2 * WEEK_HOURS, "little")


class Slot(NamedTuple):
    """``start`` is the hour of the local week. Of ``weeks`` in which it could be booked it was ``free`` in so
    many, ``unknown`` in others; of the next AHEAD_WEEKS it is free in ``ahead``, first at ``next`` (Unix ms).
    """

    site: str
    space: str
    start: int
    length: int
    weeks: int
    free: int
    unknown: int
    ahead: int
    next: int | None


def best_slots(
    conn: Connection,
    site: SiteConfig,
    counts: Mapping[str, Mapping[int, int]],
    period: Period,
    clock: frozenset[int],
    length: int,
    now: int,
    most: int,
) -> list[Slot]:
    """At most ``most`` slots of ``length`` hours, the surest first; of a space one a day, three in all.

    ``counts`` as :func:`load_sums` gives them; a space that cannot be among the best is passed over.
    """
    wanted = AWAKE if clock == ALL_HOURS else clock
    starts = {hour for hour in range(24) if all((hour + n) % 24 in wanted for n in range(length))}
    weeks = _Weeks(site, counts, period, length)
    found: list[Slot] = []
    bounds = {space: weeks.at_most(space, own) for space, own in counts.items()}
    for space in sorted(bounds, key=lambda space: -bounds[space]):
        if len(found) >= 2 * most and bounds[space] <= found[2 * most - 1].free:
            break
        own = [
            Slot(site.site, space, start, length, times, free, times - free - taken, 0, None)
            for start, (times, free, taken) in enumerate(zip(*weeks.of(space, counts[space]), strict=True))
            if free and start % 24 in starts and free >= LEAST_SHARE * (free + taken)
        ]
        found = sorted([*found, *_apart(sorted(own, key=_order))], key=_order)
    return _ahead(conn, site, calendar_of(site), found[: 2 * most], now)[:most]


def _order(slot: Slot) -> tuple[int, int, bool, str, int]:
    evening = (slot.start % 24 < 17) if slot.start < 120 else (slot.start % 24 < 9)
    return (-slot.free, slot.unknown, evening, slot.space, slot.start)


def _apart(slots: Sequence[Slot]) -> list[Slot]:
    """The best of a space: one a day, three at most."""
    chosen: list[Slot] = []
    for slot in slots:
        if all(slot.start // 24 != other.start // 24 for other in chosen) and len(chosen) < 3:
            chosen.append(slot)
    return chosen


class _Weeks:
    """Counts of weeks by the hour of the local week at which a slot would begin."""

    def __init__(self, site: SiteConfig, names: Collection[str], period: Period, length: int) -> None:
        self._length = length
        of = pieces(calendar_of(site).zone, shift_of(site.zone), period, ALL_HOURS)
        self._keys, closed = closed_of(site, names, period)
        self._masks = {
            key: [(p.week, p.offset, _held(p.slots & ~shut.get(p.week, 0), length) & _ONES) for p in of]
            for key, shut in closed.items()
        }

    def at_most(self, space: str, own: Mapping[int, int]) -> int:
        """A slot of ``space`` was free in no more weeks than this."""
        totals: dict[int, int] = {}
        for week, offset, mask in self._masks[self._keys[space]]:
            totals[offset] = totals.get(offset, 0) + (own.get(week, 0) & mask)
        return sum(max(counts_of(total)) for total in totals.values())

    def of(self, space: str, own: Mapping[int, int]) -> list[list[int]]:
        """In how many weeks all hours could be booked, were free, one of them was taken."""
        width = 8 * WEEK_HOURS
        low = (1 << width) - 1
        totals: dict[int, list[int]] = {}
        for week, offset, mask in self._masks[self._keys[space]]:
            here, then = own.get(week, 0), own.get(week + WEEK_MS, 0)
            free, taken = here & low | (then & low) << width, here >> width | (then >> width) << width
            every, some = free, taken
            for n in range(1, self._length):
                every &= free >> 8 * n
                some |= taken >> 8 * n
            sums = totals.setdefault(offset, [0, 0, 0])
            sums[0] += mask
            sums[1] += every & mask
            sums[2] += some & mask
        lists = [[0] * WEEK_HOURS for _ in range(3)]
        for offset, sums in totals.items():
            for values, total in zip(lists, sums, strict=True):
                for slot, count in enumerate(counts_of(total)):
                    values[(slot + offset) % WEEK_HOURS] += count
        return lists


def _held(slots: int, length: int) -> int:
    """Lanes of the hours from which on ``length`` hours lie in ``slots``; after the week's end all do."""
    held = slots
    for n in range(1, length):
        held &= slots >> n | (ALL >> n ^ ALL)
    return mask_of(held).counts


def _ahead(
    conn: Connection, site: SiteConfig, calendar: SiteCalendar, slots: Sequence[Slot], now: int
) -> list[Slot]:
    """With what is booked and closed in the weeks to come; without those that are never free then."""
    if not slots:
        return []
    end = now + (AHEAD_WEEKS + 1) * WEEK_MS
    row = bookings.c
    mine = (row.site == site.site) & (row.status == "confirmed") & (row.end > now) & (row.start < end)
    taken: dict[str, list[Span]] = {slot.space: [] for slot in slots}
    for each in conn.execute(select(row.space, row.start, row.end).where(mine)):
        if each.space in taken:
            taken[each.space].append(Span(each.start, each.end))
    for space, spans in taken.items():
        spans += [Span(item.start, item.end) for item in calendar.barred(space, now, end)]
    found = []
    today = calendar.day_of(now)
    for slot in slots:
        free: list[Span | None] = []
        for week in range(AHEAD_WEEKS + 1):
            start = _moment(calendar, today, slot.start, week)
            if start >= now and len(free) < AHEAD_WEEKS:
                span = Span(start, start + slot.length * HOUR_MS)
                free.append(span if is_free(span, taken[slot.space]) else None)
        open_ = [span.start for span in free[:AHEAD_WEEKS] if span is not None]
        if open_:
            found.append(slot._replace(ahead=len(open_), next=open_[0]))
    return found


def _moment(calendar: SiteCalendar, today: date, start: int, week: int) -> int:
    """When the slot begins in the week so many weeks after that of ``today``."""
    day = today + timedelta(days=start // 24 - today.weekday() + 7 * week)
    return instant(calendar.zone, day, time(start % 24), fold=0)
