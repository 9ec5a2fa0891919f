"""The whole matrix for one wish, read from the store."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection

from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig

from .figures import SpaceFigures, Totals, figures_of, totals_of
from .grid import Period
from .reading import load_sums
from .slots import Slot, best_slots
from .wish import Wish

MOST_SLOTS: Final = 8


class Matrix(NamedTuple):
    """``spaces`` with the most used first; ``all_spaces`` is how many there would be without a filter."""

    wish: Wish
    period: Period
    spaces: list[SpaceFigures]
    totals: Totals
    slots: list[Slot]
    all_spaces: int


def load_matrix(conn: Connection, sites: Sequence[SiteConfig], wish: Wish, now: int) -> Matrix:
    """Everything that the page shows; ``now`` is Unix ms."""
    chosen = wish.spaces(sites)
    today = min((calendar_of(site).day_of(now) for site in sites), default=None)
    every = sum(len(spaces) for _, spaces in Wish().spaces(sites))
    if today is None:
        raise ValueError("a matrix of no site")
    period = wish.period(today)
    found: list[SpaceFigures] = []
    slots: list[Slot] = []
    for site, spaces in chosen:
        loaded = load_sums(conn, site, spaces, period, wish.hours)
        found += [figures_of(site, space, loaded.sums[space.space]) for space in spaces]
        slots += best_slots(conn, site, loaded.counts, period, wish.hours, wish.length, now, MOST_SLOTS)
    found.sort(key=lambda each: (-(each.totals.intensity or 0), each.site.site, each.space.space))
    slots.sort(key=lambda slot: (-slot.free / max(1, slot.weeks), -slot.ahead, slot.unknown))
    return Matrix(wish, period, found, totals_of([each.sums for each in found]), slots[:MOST_SLOTS], every)
