"""What the matrix says of a space and of many: shares, hours a week, trend. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pleintemps_gateway.config import SiteConfig, SpaceConfig

from .lanes import HOUR_MS, WEEK_HOURS
from .reading import Sums

LEAST_KNOWN: Final = 0.1
"""A cell of which less is known says nothing of use."""


class Cell(NamedTuple):
    """One hour of the week, or of the day: shares from 0 to 1.

    ``used`` is of what is known (None: too little is); ``booked``, ``unknown`` and ``barred`` are of all
    hours; ``hours`` is how many there were (0: none, as when the clocks leave it out).
    """

    used: float | None
    booked: float
    unknown: float
    barred: float
    hours: int


class Totals(NamedTuple):
    """Hours a week, but for shares of all hours (``intensity``, ``known``) and ``trend`` in points.

    ``intensity`` is None where nothing is known, ``trend`` where nothing was known before.
    """

    intensity: float | None
    trend: float | None
    known: float
    used: float
    booked: float
    empty: float
    unbooked: float
    free: float


class SpaceFigures(NamedTuple):
    site: SiteConfig
    space: SpaceConfig
    sums: Sums
    totals: Totals
    parts: list[float | None]


def cells(sums: Sums, by_day: bool = False) -> list[Cell]:
    """168 cells by hour of the week, or 24 by hour of the day."""
    return [
        _cell(sums, range(n, WEEK_HOURS, 24) if by_day else (n,)) for n in range(24 if by_day else WEEK_HOURS)
    ]


def _cell(sums: Sums, slots: Sequence[int]) -> Cell:
    if len(slots) == 1:
        (n,) = slots
        hours, known, used = sums.hours[n], sums.known[n], sums.used[n]
        booked, barred = sums.booked[n], sums.barred[n]
    else:
        hours = sum([sums.hours[n] for n in slots])
        known, used = sum([sums.known[n] for n in slots]), sum([sums.used[n] for n in slots])
        booked, barred = sum([sums.booked[n] for n in slots]), sum([sums.barred[n] for n in slots])
    if not hours:
        return Cell(None, 0.0, 0.0, 0.0, 0)
    whole = hours * HOUR_MS
    told = used / known if known >= LEAST_KNOWN * whole else None
    return Cell(told, booked / whole, 1 - known / whole, barred / hours, hours)


def figures_of(site: SiteConfig, space: SpaceConfig, sums: Sums) -> SpaceFigures:
    parts = [used / known if known else None for used, known in sums.parts]
    return SpaceFigures(site, space, sums, totals_of([sums]), parts)


def totals_of(many: Sequence[Sums]) -> Totals:
    """Of all these spaces together; hours a week are those of all of them, of what is known."""
    hours = sum(sum(each.hours) for each in many)
    known, used = _sum(many, "known"), _sum(many, "used")
    both, known_booked = _sum(many, "both"), _sum(many, "known_booked")
    weeks = max((sum(each.hours) / max(1, _a_week(each)) for each in many), default=0.0) or 1.0
    index = used / known if known else None
    before = (sum(each.before[0] for each in many), sum(each.before[1] for each in many))
    trend = None if index is None or not before[1] else 100 * (index - before[0] / before[1])

    def a_week(total: int) -> float:
        return total / HOUR_MS / weeks

    return Totals(
        intensity=index,
        trend=trend,
        known=known / (hours * HOUR_MS) if hours else 0.0,
        used=a_week(used),
        booked=a_week(_sum(many, "booked")),
        empty=a_week(known_booked - both),
        unbooked=a_week(used - both),
        free=a_week(_sum(many, "free")),
    )


def _a_week(sums: Sums) -> int:
    """How many hours of a week count."""
    return WEEK_HOURS - sums.hours.count(0)


def _sum(many: Sequence[Sums], name: str) -> int:
    return sum(sum(getattr(each, name)) for each in many)


def added(many: Sequence[Sums]) -> Sums:
    """Several spaces as if they were one."""

    def add(name: str) -> list[int]:
        return [sum(values) for values in zip(*(getattr(each, name) for each in many), strict=True)]

    parts = [
        (sum(used for used, _ in each), sum(known for _, known in each))
        for each in zip(*(one.parts for one in many), strict=True)
    ]
    before = (sum(each.before[0] for each in many), sum(each.before[1] for each in many))
    return Sums(
        known=add("known"),
        used=add("used"),
        booked=add("booked"),
        both=add("both"),
        known_booked=add("known_booked"),
        free=add("free"),
        hours=add("hours"),
        barred=add("barred"),
        parts=parts,
        before=before,
    )
