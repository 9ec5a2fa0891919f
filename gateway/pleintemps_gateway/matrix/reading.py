"""Sums of hours from the store: for each space by hour of the site's week, and by parts of the period."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.store.schema import hours
from pleintemps_gateway.store.schema_rooms import marks

from .grid import Period, Piece, barred_by, moments, pieces, school_key, slots_of
from .lanes import (
    ALL,
    WEEK_HOURS,
    Mask,
    counts_of,
    figures_of,
    known_used,
    mask_of,
    turned,
)
from .store import shift_of

PARTS: Final = 8
"""Points of the small line that shows how a space's use has gone."""
MOST_DAYS: Final = 750
"""Of a period: the lanes hold no more than 255 weeks."""
SchoolKey = tuple[int, ...]


class Sums(NamedTuple):
    """Of one space, each list by hour of the local week (0: Monday at midnight): milliseconds, and for
    ``hours`` and ``barred`` how many hours there were and how many of them nobody could book.

    ``free`` are milliseconds that were known, neither used nor booked, and bookable. ``parts`` are (used,
    known) of the period's parts in order; ``before`` is that of the period before.
    """

    known: list[int]
    used: list[int]
    booked: list[int]
    both: list[int]
    known_booked: list[int]
    free: list[int]
    hours: list[int]
    barred: list[int]
    parts: list[tuple[int, int]]
    before: tuple[int, int]


class Loaded(NamedTuple):
    """The sums by space, and the counts of each week (free, taken) by space."""

    sums: dict[str, Sums]
    counts: dict[str, dict[int, int]]


class _Plan(NamedTuple):
    """What of a week counts: local offset, part of the period, all hours, those that cannot be booked."""

    offset: int
    part: int
    whole: Mask | None  # None: every hour
    barred: Mask | None  # None: none


def load_sums(
    conn: Connection, site: SiteConfig, spaces: Sequence[SpaceConfig], period: Period, clock: frozenset[int]
) -> Loaded:
    """What is stored of ``spaces`` for the hours of ``period`` that are among ``clock``."""
    shift, calendar = shift_of(site.zone), calendar_of(site)
    now = pieces(calendar.zone, shift, period, clock)
    earlier = pieces(calendar.zone, shift, period.before(), clock)
    lessons = _marked(conn, site, shift, period)
    names = [space.space for space in spaces]
    first, closed = closed_of(site, names, period)
    usual = {key: _plan(now, closed[key]) for key in closed}
    plans = {}
    slots: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    for space in names:
        own = lessons.get(space)
        key = first[space]
        if own:
            both = dict(closed[key])
            for week, bits_ in own.items():
                both[week] = both.get(week, 0) | bits_
            plans[space] = (_plan(now, both), _slots(now, both))
        else:
            if key not in slots:
                slots[key] = _slots(now, closed[key])
            plans[space] = (usual[key], slots[key])
    counts: dict[str, dict[int, int]] = {space: {} for space in names}
    whole: dict[str, dict[tuple[int, int], int]] = {space: {} for space in names}
    shut: dict[str, dict[int, int]] = {space: {} for space in names}
    row = hours.c
    first_week, last_week = (now[0].week, now[-1].week) if now else (0, 0)
    # a list of names costs the library more than to pass over the rows of others
    mine = (row.site == site.site) & row.week.between(first_week, last_week)
    query = select(row.space, row.week, row.figures, row.counts).where(mine)
    for space, week, body, count in conn.execute(query):
        if space not in plans:
            continue
        counts[space][week] = int.from_bytes(count, "little")
        plan = plans[space][0].get(week, [])
        figures = int.from_bytes(body, "little")
        own_sums = whole[space]
        for offset, part, mask, barred in plan:
            add = figures if mask is None else figures & mask.figures
            own_sums[offset, part] = own_sums.get((offset, part), 0) + add
            if barred is not None:
                some = shut[space]
                some[offset] = some.get(offset, 0) + (figures & barred.figures)
    before = _before(conn, site.site, names, earlier)
    sums = {space: _sums(whole[space], shut[space], plans[space][1], before[space]) for space in names}
    return Loaded(sums, counts)


def closed_of(
    site: SiteConfig, names: Collection[str], period: Period
) -> tuple[dict[str, SchoolKey], dict[SchoolKey, dict[int, int]]]:
    """Which school hours each space has, and for each of these what cannot be booked, as bits by week."""
    shift, calendar = shift_of(site.zone), calendar_of(site)
    school = tuple(tuple(each.spaces) for each in site.calendar.school_hours)
    keys = {space: school_key(school, space) for space in names}
    example = {key: space for space, key in keys.items()}
    return keys, {key: barred_by(calendar, space, shift, period) for key, space in example.items()}


def _marked(conn: Connection, site: SiteConfig, shift: int, period: Period) -> dict[str, dict[int, int]]:
    """Hours in which a room was kept empty or used to teach its sensors: they say nothing of who wants it."""
    start, end = moments(calendar_of(site).zone, period)
    row = marks.c
    spans: dict[str, list[tuple[int, int]]] = {}
    near = (row.site == site.site) & (row.start < end) & (row.end > start)
    for each in conn.execute(select(row.space, row.start, row.end).where(near)):
        spans.setdefault(each.space, []).append((each.start, each.end))
    return {space: slots_of(some, shift) for space, some in spans.items()}


def _plan(of: Sequence[Piece], closed: dict[int, int]) -> dict[int, list[_Plan]]:
    found: dict[int, list[_Plan]] = {}
    low = of[0].week if of else 0
    span = max(1, (of[-1].week - low) // (7 * 86_400_000) + 1) if of else 1
    for piece in of:
        part = (piece.week - low) // (7 * 86_400_000) * PARTS // span
        whole = None if piece.slots == ALL else mask_of(piece.slots)
        shut = piece.slots & closed.get(piece.week, 0)
        plan = _Plan(piece.offset, part, whole, mask_of(shut) if shut else None)
        found.setdefault(piece.week, []).append(plan)
    return found


def _slots(of: Sequence[Piece], closed: dict[int, int]) -> tuple[list[int], list[int]]:
    """By hour of the local week: how many hours there were, how many of them were barred."""
    totals: dict[tuple[int, bool], int] = {}
    one = int.from_bytes(b"\x01" * WEEK_HOURS, "little")
    for week, offset, slots in of:
        totals[offset, False] = totals.get((offset, False), 0) + (mask_of(slots).counts & one)
        if shut := slots & closed.get(week, 0):
            totals[offset, True] = totals.get((offset, True), 0) + (mask_of(shut).counts & one)
    found = ([0] * WEEK_HOURS, [0] * WEEK_HOURS)
    for (offset, shut), total in totals.items():
        for slot, count in enumerate(counts_of(total)):
            found[shut][(slot + offset) % WEEK_HOURS] += count
    return found


def _before(
    conn: Connection, site: str, names: Collection[str], of: Sequence[Piece]
) -> dict[str, tuple[int, int]]:
    """(used, known) of each space. Whole weeks are summed by the store."""
    slots: dict[int, int] = {}
    for piece in of:
        slots[piece.week] = slots.get(piece.week, 0) | piece.slots
    parts = {week: mask_of(bits).figures for week, bits in slots.items() if bits != ALL}
    totals = {name: [0, 0] for name in names}
    row = hours.c
    mine = row.site == site
    whole = [week for week in slots if week not in parts]
    if whole:
        of_weeks = row.week.between(min(whole), max(whole)) & row.week.not_in(list(parts))
        query = select(row.space, func.sum(row.used), func.sum(row.known)).where(mine, of_weeks)
        for space, used, known in conn.execute(query.group_by(row.space)):
            if space in totals:
                totals[space] = [int(used), int(known)]
    query = select(row.space, row.week, row.figures).where(mine, row.week.in_(list(parts)))
    for space, week, body in conn.execute(query):
        if space not in totals:
            continue
        known, used = known_used(int.from_bytes(body, "little") & parts[week])
        totals[space][0] += used
        totals[space][1] += known
    return {space: (used, known) for space, (used, known) in totals.items()}


def _sums(
    whole: dict[tuple[int, int], int],
    shut: dict[int, int],
    slots: tuple[list[int], list[int]],
    before: tuple[int, int],
) -> Sums:
    parts = [(0, 0)] * PARTS
    by_offset: dict[int, int] = {}
    for (offset, part), total in whole.items():
        by_offset[offset] = by_offset.get(offset, 0) + total
        known, used = known_used(total)
        parts[part] = (parts[part][0] + used, parts[part][1] + known)
    every = figures_of(sum(turned(total, offset) for offset, total in by_offset.items()))
    (known_ms, used_ms, booked, both, known_booked) = every
    free = list(map(_free, known_ms, used_ms, both, known_booked))
    if shut:
        closed = figures_of(sum(turned(total, offset) for offset, total in shut.items()))
        barred = map(_free, closed[0], closed[1], closed[3], closed[4])
        free = [all_ - some for all_, some in zip(free, barred, strict=True)]
    return Sums(known_ms, used_ms, booked, both, known_booked, free, *slots, parts, before)


def _free(known: int, used: int, both: int, known_booked: int) -> int:
    return known - used - known_booked + both
