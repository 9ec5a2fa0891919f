"""Bookings beside what was measured, in words: who came, who left early, who stayed, what nobody knows."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, and_, select

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.presence.reading import codes_used, read_unbooked
from pleintemps_gateway.presence.unbooked import Unbooked
from pleintemps_gateway.store.schema import bookings, usage

from .formats import Formats
from .i18n import Catalogue

EARLY_MS: Final = 15 * 60_000
"""Who left this long before the end left early."""
LATE_MS: Final = 5 * 60_000
"""Who was there this long after the end stayed on."""
MOST: Final = 500
"""Records that a page shows."""


class Record(NamedTuple):
    """A row of ``usage`` with its booking's ``title``, ``people``, ``start`` and ``end``; ``codes`` is how
    many different ones were used."""

    row: Row[Any]
    codes: int


class SiteUsage(NamedTuple):
    """The youngest booking first; ``more``: there are others that are not shown."""

    site: SiteConfig
    records: list[Record]
    unbooked: list[Unbooked]
    more: bool


def load_usage(
    conn: Connection, sites: Sequence[SiteConfig], start: int, end: int, now: int
) -> list[SiteUsage]:
    """Records of bookings that began, and of presence that lies, within ``start`` to ``end`` (Unix ms)."""
    found = []
    for site in sites:
        same = and_(bookings.c.site == usage.c.site, bookings.c.booking == usage.c.booking)
        booked = (bookings.c.title, bookings.c.people, bookings.c.start, bookings.c.end)
        mine = (usage.c.site == site.site) & (bookings.c.start >= start) & (bookings.c.start < end)
        query = select(usage, *booked).join(bookings, same).where(mine)
        rows = conn.execute(query.order_by(bookings.c.start.desc(), usage.c.booking).limit(MOST + 1)).all()
        codes = codes_used(conn, site, [row.booking for row in rows[:MOST]])
        records = [Record(row, codes.get(row.booking, 0)) for row in rows[:MOST]]
        unbooked = sorted(read_unbooked(conn, site, start, end, now), key=lambda each: -each.begin)
        found.append(SiteUsage(site, records, unbooked, len(rows) > MOST))
    return found


class UsageWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, formats: Formats) -> None:
        self._t = texts
        self._f = formats

    def state(self, record: Record, zone: str) -> str:
        """What became of the booking, in one phrase."""
        t, f, row = self._t, self._f, record.row
        if row.state == "no-show":
            return t.gettext("nobody came")
        if row.state == "cancelled":
            return t.gettext("cancelled")
        if row.arrived_at is None:
            return (
                t.gettext("nobody yet")
                if row.closed_at is None
                else t.gettext("not known whether anybody came")
            )
        arrived = f.clock(row.arrived_at, zone)
        if row.left_at is None:
            return t.gettext("there since %(clock)s", clock=arrived)
        return t.gettext("there from %(clock)s to %(left)s", clock=arrived, left=f.clock(row.left_at, zone))

    def remarks(self, record: Record) -> list[str]:
        """What is worth a look, the people first."""
        t, f, row = self._t, self._f, record.row
        found = []
        early = row.end - (row.left_at if row.left_at is not None else row.end)
        if row.state in ("left", "ended") and early >= EARLY_MS:
            found.append(t.gettext("left %(age)s early", age=f.duration(early / 1000)))
        if row.overstay_ms >= LATE_MS:
            found.append(t.gettext("stayed %(age)s longer", age=f.duration(row.overstay_ms / 1000)))
        if row.people is not None and record.codes > row.people:
            text = t.gettext(
                "more people than expected: %(codes)s codes were used, %(people)s people expected",
                codes=t.number(record.codes),
                people=t.number(row.people),
            )
            found.append(text)
        if row.shared_ms:
            age = f.duration(row.shared_ms / 1000)
            found.append(t.gettext("%(age)s may have been another booking's people", age=age))
        if row.loud_ms:
            found.append(t.gettext("above the limit for %(age)s", age=f.duration(row.loud_ms / 1000)))
        if row.left_open:
            found.append(t.gettext("a door was left open"))
        if row.unknown_ms >= 60_000:
            found.append(t.gettext("not measured for %(age)s", age=f.duration(row.unknown_ms / 1000)))
        if row.revision:
            times = t.ngettext("corrected %(num)s time", "corrected %(num)s times", row.revision)
            found.append(times)
        return found

    def minutes(self, ms: int) -> str:
        """Whole minutes, rounded down, as the export has them."""
        return f"{self._t.number(ms // 60_000)}\u00a0min"
