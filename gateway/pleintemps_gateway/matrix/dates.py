"""A space by date and hour of the clock."""

from datetime import date, timedelta

from sqlalchemy import Connection, select

from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import hours

from .figures import LEAST_KNOWN, Cell
from .grid import ALL_HOURS, Period, pieces
from .lanes import HOUR_MS, NOTHING, WEEK_HOURS, Hour, Week, hours_in
from .reading import closed_of
from .store import shift_of


def days_of(conn: Connection, site: SiteConfig, space: str, period: Period) -> list[tuple[date, list[Cell]]]:
    """Each day of ``period`` with 24 cells; an hour that comes twice is one cell, one that is left out has
    none in it."""
    zone = calendar_of(site).zone
    of = pieces(zone, shift_of(site.zone), period, ALL_HOURS)
    keys, closed = closed_of(site, [space], period)
    shut = closed[keys[space]]
    row = hours.c
    known: dict[int, list[Hour]] = {}
    if of:
        mine = (row.site == site.site) & (row.space == space) & row.week.between(of[0].week, of[-1].week)
        query = select(row.week, row.figures, row.counts).where(mine)
        known = {each.week: hours_in(Week(each.figures, each.counts)) for each in conn.execute(query)}
    found: dict[tuple[date, int], list[tuple[Hour, bool]]] = {}
    # the hours come in order, so the local days do
    day, before = period.first, -1
    for piece in sorted(of, key=lambda piece: (piece.week, _first(piece.slots))):
        for slot in range(WEEK_HOURS):
            if not piece.slots >> slot & 1:
                continue
            clock = (slot + piece.offset) % 24
            if clock < before and before - clock > 12:
                day += timedelta(days=1)
            before = clock
            rows = known.get(piece.week)
            barred = bool(shut.get(piece.week, 0) >> slot & 1)
            found.setdefault((day, clock), []).append((rows[slot] if rows else NOTHING, barred))
    days = [period.first + timedelta(days=n) for n in range(period.days)]
    return [(each, [_cell(found.get((each, clock), [])) for clock in range(24)]) for each in days]


def _first(slots: int) -> int:
    return (slots & -slots).bit_length()


def _cell(told: list[tuple[Hour, bool]]) -> Cell:
    if not told:
        return Cell(None, 0.0, 0.0, 0.0, 0)
    whole = len(told) * HOUR_MS
    known, used = sum(hour.known for hour, _ in told), sum(hour.used for hour, _ in told)
    return Cell(
        used / known if known >= LEAST_KNOWN * whole else None,
        sum(hour.booked for hour, _ in told) / whole,
        1 - known / whole,
        sum(barred for _, barred in told) / len(told),
        len(told),
    )
