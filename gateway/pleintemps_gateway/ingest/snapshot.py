"""What the rules must know after a restart, read from the store."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, or_, select

from pleintemps_contract.agent_messages import SamplesBatch, SeriesInfo
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.engine import (
    Alert,
    Booking,
    NoiseDay,
    OccupancyChanged,
    RecentSeries,
    Snapshot,
    SpaceNow,
    UsageChanged,
)
from pleintemps_gateway.noise.days import KEPT_DAYS
from pleintemps_gateway.noise.settings import NoiseConfig
from pleintemps_gateway.store.learnt import youngest
from pleintemps_gateway.store.marks import lessons
from pleintemps_gateway.store.schema import (
    agents,
    alerts,
    bookings,
    occupancy,
    sample_batches,
    series,
    spaces,
    usage,
)
from pleintemps_gateway.store.schema_rooms import noise_days
from pleintemps_gateway.store.together import SITES, rows_of, table_of

_HALF_HOUR_MS: Final = 30 * 60_000
_DAY_MS: Final = 86_400_000
_CLOSED_MS: Final = 3 * _DAY_MS
PAST_MS: Final = 2 * _DAY_MS
"""Bookings that ended longer ago do not concern the rules."""

_MINUTE_MS: Final = 60_000

# a booking that was cancelled long before its time is closed long before it as well
_USAGE: Final = select(usage).where(
    usage.c.site.in_(SITES),
    or_(
        usage.c.closed_at.is_(None),
        usage.c.closed_at > bindparam("since"),
        usage.c.booked_to > bindparam("since"),
    ),
)
_ALERTS: Final = select(alerts).where(alerts.c.site.in_(SITES), alerts.c.state != "resolved")
_NOISE_DAYS: Final = select(noise_days).where(
    noise_days.c.site.in_(SITES), noise_days.c.day >= bindparam("first")
)
_BATCHES: Final = select(sample_batches.c.site, sample_batches.c.agent, sample_batches.c.body).where(
    sample_batches.c.site.in_(SITES), sample_batches.c.base >= bindparam("since")
)
_BOOKINGS: Final = select(bookings).where(
    bookings.c.site.in_(SITES), bookings.c.end > bindparam("since"), bookings.c.start < bindparam("until")
)


def _minute(at: int) -> int:
    """Its begin: so that sites that are read together ask the same."""
    return at - at % _MINUTE_MS


def _as(record: type[Any], row: Row[Any]) -> Any:
    return msgspec.convert(_values(row), record)


def _values(row: Row[Any]) -> dict[str, Any]:
    # SQLAlchemy marks some names with a type of its own, which msgspec does not take for str
    return {str(name): value for name, value in row._mapping.items() if name != "site"}


def read_snapshot(conn: Connection, config: SiteConfig, now: int) -> Snapshot:
    """The rows that :meth:`SiteEngine.restore` asks for."""
    site = config.site
    windows = [window_ms for space in config.spaces for window_ms in _windows(space.noise)]
    since = now - max([_HALF_HOUR_MS, *windows])
    usage_rows = rows_of(conn, site, _USAGE, since=_minute(now - _CLOSED_MS))
    return Snapshot(
        spaces=[_as(SpaceNow, row) for row in table_of(conn, site, spaces)],
        usage=[_as(UsageChanged, row) for row in usage_rows],
        alerts=[alert_of(row) for row in rows_of(conn, site, _ALERTS)],
        occupancy=_occupancy(conn, config, [row.booking for row in usage_rows if row.closed_at is None]),
        series=_series(conn, site, since),
        heard={row.agent: row.last_seen for row in table_of(conn, site, agents) if row.last_seen is not None},
        noise_days=_noise_days(conn, site, now),
        marks=lessons(conn, site),
        learnt={space: row["body"] for space, row in youngest(conn, site).items() if row["body"]},
    )


def _windows(noise: NoiseConfig) -> list[int]:
    lengths = (noise.window_s, *(row.window_s for row in noise.limits))
    return [round(length * 1000) for length in lengths if length is not None]


def _noise_days(conn: Connection, site: str, now: int) -> list[NoiseDay]:
    """Those of the last year, which is how far back a habit is counted."""
    first = datetime.fromtimestamp((now - KEPT_DAYS * _DAY_MS) / 1000, UTC).date().isoformat()
    return [_as(NoiseDay, row) for row in rows_of(conn, site, _NOISE_DAYS, first=first)]


def alert_of(row: Row[Any]) -> Alert:
    """A row of ``alerts`` as the rules want it."""
    alert: Alert = msgspec.convert(_values(row) | {"facts": msgspec.json.decode(row.facts)}, Alert)
    return alert


def _occupancy(conn: Connection, config: SiteConfig, unfinished: list[str]) -> list[OccupancyChanged]:
    """Changes since the oldest unfinished booking (less lead) and the one before, for each space."""
    starts = (
        conn.execute(
            select(func.min(bookings.c.start)).where(
                bookings.c.site == config.site, bookings.c.booking.in_(unfinished[:500])
            )
        ).scalar_one_or_none()
        if unfinished
        else None
    )
    if starts is None:
        return []
    since = int(starts) - round(config.rules.lead_s * 1000)
    found: list[OccupancyChanged] = []
    for space in config.spaces:
        mine = (occupancy.c.site == config.site) & (occupancy.c.space == space.space)
        before = conn.execute(
            select(func.max(occupancy.c.since)).where(mine, occupancy.c.since <= since)
        ).scalar_one_or_none()
        later = occupancy.c.since >= (since if before is None else int(before))
        rows = conn.execute(select(occupancy).where(mine, later).order_by(occupancy.c.since))
        found += [_as(OccupancyChanged, row) for row in rows]
    return found


def _series(conn: Connection, site: str, since: int) -> list[RecentSeries]:
    samples: dict[tuple[str, str], list[tuple[int, float]]] = {}
    decoder = msgspec.json.Decoder(SamplesBatch)
    for row in rows_of(conn, site, _BATCHES, since=_minute(since)):
        batch = decoder.decode(row.body)
        for name, column in batch.series.items():
            values = zip(column.dt, column.value, strict=True)
            samples.setdefault((row.agent, name), []).extend((batch.base + dt, value) for dt, value in values)
    return [
        RecentSeries(
            agent=row.agent,
            info=info_of(row),
            samples=sorted(samples.get((row.agent, row.series), ())),
        )
        for row in table_of(conn, site, series)
    ]


def info_of(row: Row[Any]) -> SeriesInfo:
    """A row of ``series`` as it was announced."""
    names = ("series", "device", "space", "quantity", "kind", "max_silence_s")
    info: SeriesInfo = msgspec.convert({name: row._mapping[name] for name in names}, SeriesInfo)
    return info


def read_bookings(conn: Connection, site: str, now: int, horizon_ms: int) -> list[Booking]:
    """Bookings that concern the rules: those not long over, until the horizon."""
    times = {"since": _minute(now - PAST_MS), "until": _minute(now + horizon_ms) + _MINUTE_MS}
    return [booking_of(row) for row in rows_of(conn, site, _BOOKINGS, **times)]


def booking_of(row: Row[Any]) -> Booking:
    """A row of ``bookings`` as the rules want it."""
    return Booking(
        booking=row.booking,
        space=row.space,
        title=row.title,
        start=row.start,
        end=row.end,
        people=row.people,
        cancelled=row.status == "cancelled",
        amplified=row.amplified,
    )
