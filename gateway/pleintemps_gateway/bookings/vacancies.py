"""Which public spaces are free: bookings, releases and the site's calendar, never presence, never a name."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from pleintemps_gateway.config import GatewayConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.store.schema import bookings

from .availability import (
    WHOLE_DAY,
    Dates,
    Span,
    free_within,
    judge_dates,
    long_enough,
    span_of,
    weekly,
)
from .calendars import calendar_of
from .site_calendar import SiteCalendar
from .sources.registry import HORIZON_MS
from .wishes import LEAST_MINUTES, Wish

MINUTE_MS: Final = 60_000


class Vacancy(NamedTuple):
    """When one space is free. ``dates`` instead of ``free`` for a lasting need.

    Not ``sure`` where the time lies further ahead than the site's calendars are read.
    """

    site: str
    site_name: str
    zone: str
    space: str
    name: str
    capacity: int
    services: list[str]
    free: list[Span]
    dates: Dates | None = None
    sure: bool = True


def public_spaces(config: GatewayConfig) -> list[tuple[SiteConfig, SpaceConfig]]:
    """What the town shows to everybody: opted in by site and by space."""
    return [
        (site, space)
        for site in config.sites
        if site.public
        for space in site.spaces
        if space.public and space.bookable
    ]


def find(conn: Connection, config: GatewayConfig, wish: Wish, now: int) -> list[Vacancy]:
    """The spaces that fit ``wish`` at ``now`` (Unix ms), in the order of the configuration."""
    wanted = [item for item in public_spaces(config) if _fits(*item, wish)]
    found: list[Vacancy] = []
    for site in {site.site: site for site, _ in wanted}.values():
        calendar = calendar_of(site)
        spaces = [space for owner, space in wanted if owner is site]
        if wish.until is None:
            found += _once(conn, site, spaces, calendar, wish, now)
        else:
            found += _lasting(conn, site, spaces, calendar, wish, now)
    return found


def free_days(conn: Connection, config: GatewayConfig, wish: Wish, now: int, days: int) -> list[Vacancy]:
    """When the spaces of ``wish`` are free from today's first moment on, for feeds that are read again."""
    found = []
    for site, space in public_spaces(config):
        if _fits(site, space, wish):
            calendar = calendar_of(site)
            first = calendar.day_of(now)
            whole = Span(
                span_of(calendar.zone, first, WHOLE_DAY).start,
                span_of(calendar.zone, first + timedelta(days=days - 1), WHOLE_DAY).end,
            )
            taken = _taken(conn, site, [space], calendar, whole)[space.space]
            free = long_enough(free_within(whole, taken), LEAST_MINUTES * MINUTE_MS)
            found.append(_vacancy(site, space, [span for span in free if span.end > now]))
    return found


def released(conn: Connection, config: GatewayConfig, wish: Wish, now: int) -> list[Vacancy]:
    """What releases have freed and nobody has taken since, until the ends that had been booked."""
    found = []
    for site, space in public_spaces(config):
        if not _fits(site, space, wish):
            continue
        here = (bookings.c.site == site.site) & (bookings.c.space == space.space)
        query = select(bookings.c.end, bookings.c.planned_end).where(
            here,
            bookings.c.status == "confirmed",
            bookings.c.released.is_not(None),
            bookings.c.planned_end > now,
        )
        calendar = calendar_of(site)
        free: list[Span] = []
        for row in conn.execute(query.order_by(bookings.c.end)):
            span = Span(row.end, row.planned_end)
            free += free_within(span, _taken(conn, site, [space], calendar, span)[space.space])
        found.append(_vacancy(site, space, [span for span in free if span.end > now]))
    return found


def _fits(site: SiteConfig, space: SpaceConfig, wish: Wish) -> bool:
    return (
        wish.site in ("", site.site)
        and wish.space in ("", space.space)
        and wish.people <= (space.capacity if wish.people else 0)
        and wish.services <= set(space.services)
    )


def _once(
    conn: Connection,
    site: SiteConfig,
    spaces: list[SpaceConfig],
    calendar: SiteCalendar,
    wish: Wish,
    now: int,
) -> Iterable[Vacancy]:
    asked = span_of(calendar.zone, wish.day or calendar.day_of(now), wish.hours)
    # by whole minutes, so that an answer stays the same for one
    period = Span(max(asked.start, now // MINUTE_MS * MINUTE_MS), asked.end)
    if period.end <= period.start:
        return
    least = (wish.minutes or LEAST_MINUTES) * MINUTE_MS
    if wish.is_whole:
        least = period.end - period.start
    limit = _known_until(site, now)
    taken = _taken(conn, site, spaces, calendar, period)
    for space in spaces:
        free = long_enough(free_within(period, taken[space.space]), least)
        if free:
            yield _vacancy(site, space, free, sure=limit is None or period.end <= limit)


def _lasting(
    conn: Connection,
    site: SiteConfig,
    spaces: list[SpaceConfig],
    calendar: SiteCalendar,
    wish: Wish,
    now: int,
) -> Iterable[Vacancy]:
    first = wish.day or calendar.day_of(now)
    days = weekly(first, wish.until or first)
    times = [(day, span_of(calendar.zone, day, wish.hours)) for day in days]
    times = [(day, span) for day, span in times if now < span.end and span.start < span.end]
    if not times:
        return
    booked = _booked(conn, site, spaces, Span(times[0][1].start, times[-1][1].end))
    for space in spaces:
        closed = [span for _, wanted in times for span in _barred(calendar, space, wanted)]
        dates = judge_dates(times, booked[space.space] + closed, _known_until(site, now))
        if dates.free or dates.unsure:
            yield _vacancy(site, space, [], dates=dates)


def _vacancy(
    site: SiteConfig, space: SpaceConfig, free: list[Span], *, dates: Dates | None = None, sure: bool = True
) -> Vacancy:
    return Vacancy(
        site.site,
        site.name,
        site.zone,
        space.space,
        space.name,
        space.capacity,
        sorted(space.services),
        free,
        dates,
        sure,
    )


def _known_until(site: SiteConfig, now: int) -> int | None:
    """How far ahead bookings are known: calendars are read for some weeks."""
    return now + HORIZON_MS if site.feeds else None


def _taken(
    conn: Connection, site: SiteConfig, spaces: Sequence[SpaceConfig], calendar: SiteCalendar, period: Span
) -> dict[str, list[Span]]:
    found = _booked(conn, site, spaces, period)
    return {space.space: found[space.space] + _barred(calendar, space, period) for space in spaces}


def _barred(calendar: SiteCalendar, space: SpaceConfig, period: Span) -> list[Span]:
    barred = calendar.barred(space.space, period.start, period.end)
    return [Span(item.start, item.end) for item in barred]


def _booked(
    conn: Connection, site: SiteConfig, spaces: Sequence[SpaceConfig], period: Span
) -> dict[str, list[Span]]:
    """Times alone: nothing else of a booking leaves the store here."""
    names = [space.space for space in spaces]
    here = (bookings.c.site == site.site) & bookings.c.space.in_(names) & (bookings.c.status == "confirmed")
    query = select(bookings.c.space, bookings.c.start, bookings.c.end).where(
        here, bookings.c.start < period.end, bookings.c.end > period.start
    )
    found: dict[str, list[Span]] = {name: [] for name in names}
    for row in conn.execute(query):
        found[row.space].append(Span(row.start, row.end))
    return found


def today(config: GatewayConfig, now: int) -> date:
    """The earliest local day among the sites."""
    return min(calendar_of(site).day_of(now) for site in config.sites)
