"""The page of a space: what is known of it now, its sensors, the rules in force, and a table by hour."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.store.schema import alerts, devices, series

from .space_series import Axis, Series

STALE_FACTOR = 2
UNKNOWN_MS = 15 * 60_000


class Sensor(NamedTuple):
    """A series with its device. ``state`` is that of its age: fresh, stale, unknown."""

    series: str
    device: str
    driver: str
    quantity: str
    health: str
    detail: str
    last_at: int | None
    last_value: float | None
    max_silence_s: int
    state: str


class OpenAlert(NamedTuple):
    alert: str
    kind: str
    rank: str
    opened: int


class Line(NamedTuple):
    """A line of the table: ``presence`` and ``booked`` are shares (None: not known), ``level`` the loudest
    step in dB, ``over`` whether it was above the limit; ``titles`` and ``events`` where they are told.
    """

    start: int
    end: int
    presence: float | None
    unknown: float
    booked: float
    level: float | None
    over: bool
    titles: list[str]
    events: dict[str, int]


def load_sensors(conn: Connection, site: SiteConfig, space: SpaceConfig, now: int) -> list[Sensor]:
    """Everything that measures in the space, presence first."""
    row, own = series.c, devices.c
    joined = series.outerjoin(
        devices, (own.site == row.site) & (own.agent == row.agent) & (own.device == row.device)
    )
    mine = (row.site == site.site) & (row.space == space.space)
    columns = (row.series, row.device, row.quantity, row.last_at, row.last_value, row.max_silence_s)
    found = []
    for each in conn.execute(
        select(*columns, own.driver, own.health, own.detail).select_from(joined).where(mine)
    ):
        age = None if each.last_at is None else now - each.last_at
        if age is None or age > UNKNOWN_MS:
            state = "unknown"
        else:
            state = "stale" if age > STALE_FACTOR * 1000 * each.max_silence_s else "fresh"
        told = (each.driver or "", each.health or "", each.detail or "")
        found.append(
            Sensor(
                each.series,
                each.device,
                *told[:1],
                each.quantity,
                *told[1:],
                each.last_at,
                each.last_value,
                each.max_silence_s,
                state,
            )
        )
    order = ("radar", "motion", "contact", "LAeq", "level")
    return sorted(
        found, key=lambda s: (order.index(s.quantity) if s.quantity in order else len(order), s.series)
    )


def load_alerts(conn: Connection, site: SiteConfig, space: SpaceConfig) -> list[OpenAlert]:
    """Alerts of the space and its doors that are not over, the youngest first."""
    row = alerts.c
    doors = [door.door for door in site.doors if space.space in (door.from_, door.to)]
    about = (row.space == space.space) | row.door.in_(doors)
    mine = (row.site == site.site) & (row.state != "resolved") & about
    query = select(row.alert, row.kind, row.rank, row.opened).where(mine).order_by(row.opened.desc())
    return [OpenAlert(*each) for each in conn.execute(query)]


def lines_of(found: Series, zone: str) -> list[Line]:
    """The youngest first; what has not begun is left out."""
    axis = found.axis
    lines = []
    for start, end in _rows(axis, ZoneInfo(zone)):
        first, last = (start - axis.start) // axis.step, -(-(end - axis.start) // axis.step)
        if start >= axis.now:
            continue
        last = min(last, axis.steps)
        over = [
            n
            for n in range(first, last)
            if (level := found.window[n]) is not None
            and (limit := found.limit[n]) is not None
            and level > limit
        ]
        known = [each for each in found.presence[first:last] if each is not None]
        levels = [each for each in found.level[first:last] if each is not None]
        events: dict[str, int] = {}
        for event in found.events:
            if start <= event.at < end:
                events[event.kind] = events.get(event.kind, 0) + 1
        booked = found.booked[first:last]
        lines.append(
            Line(
                start,
                end,
                sum(known) / len(known) if known else None,
                1 - len(known) / max(1, last - first),
                sum(booked) / max(1, len(booked)),
                max(levels, default=None),
                bool(over),
                [each.title for each in found.bookings if each.start < end and each.end > start],
                events,
            )
        )
    return lines[::-1]


def _rows(axis: Axis, zone: ZoneInfo) -> Sequence[tuple[int, int]]:
    """Hours, local days, or four weeks."""
    cuts = [axis.start]
    if axis.name in ("week", "month"):
        day: date | None = None
        for at in axis.times:
            here = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).date()
            if day is not None and here != day:
                cuts.append(at)
            day = here
    else:
        first = axis.start - axis.start % axis.row + axis.row if axis.name == "day" else axis.start + axis.row
        cuts += list(range(first, axis.end, axis.row))
    return list(zip(cuts, [*cuts[1:], axis.end], strict=True))
