"""What was measured around the time an alert was raised, from minutes, beliefs and records of doors."""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select

from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.noise.watch import LEVELS
from pleintemps_gateway.store import reading, schema

from .sentences import Sentences
from .tonight import alert_view

BEFORE_MS: Final = 60 * 60_000
AFTER_MS: Final = 120 * 60_000
REST_MS: Final = 10 * 60_000
MINUTE_MS: Final = 60_000
Span = tuple[int, int]


class Evidence(NamedTuple):
    """``start`` to ``end`` in Unix ms. ``level`` (LAeq of a minute) and ``window`` (LAeq over ``window_ms``):
    (Unix ms, dB), by energy; ``limits``: (start, end, dB). ``unknown`` is when nothing was known of presence.
    """

    start: int
    end: int
    now: int | None
    zone: str
    sensor: str
    window_ms: int
    level: tuple[tuple[int, float], ...]
    window: tuple[tuple[int, float], ...]
    limits: tuple[tuple[int, int, float], ...]
    quiet: tuple[Span, ...]
    present: tuple[Span, ...]
    unknown: tuple[Span, ...]
    doors: tuple[tuple[str, tuple[Span, ...]], ...]
    booked: tuple[Span, ...]
    raised: int
    warnings: tuple[int, ...]


def load_evidence(conn: Connection, site: SiteConfig, row: Row[Any], now: int) -> Evidence | None:
    """None for an alert that is of no space and no door: nothing was measured of it."""
    spaces = {space.space: space for space in site.spaces}
    space = spaces.get(row.space or "")
    own = [door for door in site.doors if door.door == row.door]
    if space is None and own:
        space = spaces.get(own[0].from_ if own[0].to == "street" else own[0].to)
    if space is None:
        return None
    doors = own or [door for door in site.doors if space.space in (door.from_, door.to)]
    start = row.opened - BEFORE_MS
    last = row.opened + AFTER_MS if row.resolved is None else row.resolved + REST_MS
    end = min(now, max(last, row.opened + REST_MS), row.opened + AFTER_MS)
    end = max(end, row.opened + MINUTE_MS)
    facts = Sentences.facts(alert_view(row, site))
    told = facts.get("window_s")
    window_s = told if isinstance(told, int | float) and told > 0 else space.noise.window_s
    window_ms = max(MINUTE_MS, round(1000 * window_s))  # levels are kept by the minute
    sensor, minutes = _minutes(conn, site.site, space.space, start - window_ms, end)
    present, unknown = _presence(conn, site.site, space.space, start, end)
    quiet = tuple((max(a, start), min(b, end)) for a, b in _quiet(site, start, end))
    warned = [facts.get("warned_at"), facts.get("reminded_at")]
    return Evidence(
        start=start,
        end=end,
        now=now if start <= now <= end + MINUTE_MS else None,
        zone=site.zone,
        sensor=sensor,
        window_ms=window_ms,
        level=tuple(
            (at, 10 * math.log10(energy / count))
            for at, count, energy in minutes
            if at >= start and energy > 0
        ),
        window=sliding(minutes, window_ms, start),
        limits=_limits(space, quiet, start, end) if minutes else (),
        quiet=quiet,
        present=present,
        unknown=unknown,
        doors=tuple((door.name, _open(conn, site.site, door.door, start, end)) for door in doors[:3]),
        booked=tuple(
            (max(each.start, start), min(each.end, end))
            for each in reading.find_bookings(conn, (site.site,), start, end, space=space.space)
            if each.status == "confirmed"
        ),
        raised=row.opened,
        warnings=tuple(at for at in warned if isinstance(at, int) and start <= at <= end),
    )


Minutes = list[tuple[int, int, float]]


def _minutes(conn: Connection, site: str, space: str, start: int, end: int) -> tuple[str, Minutes]:
    """The space's meter with the most minutes there, as (minute, count, energy)."""
    series, minutes = schema.series, schema.minutes
    wanted = sorted(quantity.value for quantity in LEVELS)
    mine = (series.c.site == site) & (series.c.space == space) & series.c.quantity.in_(wanted)
    named = conn.execute(select(series.c.agent, series.c.series, series.c.device).where(mine)).all()
    best: tuple[str, Minutes] = ("", [])
    for each in sorted(named, key=lambda row: (row.agent, row.series)):
        here = (minutes.c.site == site) & (minutes.c.agent == each.agent) & (minutes.c.series == each.series)
        query = select(minutes.c.minute, minutes.c.count, minutes.c.energy).where(
            here, minutes.c.minute >= start, minutes.c.minute < end, minutes.c.count > 0
        )
        found = [(int(at), int(count), float(energy)) for at, count, energy in conn.execute(query)]
        if len(found) > len(best[1]):
            best = (str(each.device), sorted(found))
    return best


def sliding(
    minutes: Sequence[tuple[int, int, float]], window_ms: int, start: int
) -> tuple[tuple[int, float], ...]:
    """LAeq over ``window_ms``, a minute at least, up to the end of each minute.

    Decibels are never averaged, energies are.
    """
    found, first = [], 0
    for index, (at, _, _) in enumerate(minutes):
        end = at + MINUTE_MS
        while minutes[first][0] < end - window_ms:
            first += 1
        inside = minutes[first : index + 1]
        count, energy = sum(each[1] for each in inside), sum(each[2] for each in inside)
        if at >= start and energy > 0 and 2 * MINUTE_MS * len(inside) >= window_ms:
            found.append((end, 10 * math.log10(energy / count)))
    return tuple(found)


def _limits(
    space: SpaceConfig, quiet: Sequence[Span], start: int, end: int
) -> tuple[tuple[int, int, float], ...]:
    """Those of ordinary and quiet hours; where the space has limits of its own hours none is drawn."""
    if space.noise.limits:
        return ()
    found, at = [], start
    for first, last in quiet:
        if first > at:
            found.append((at, first, space.noise.limit_db))
        found.append((first, last, space.noise.quiet_limit_db))
        at = last
    if at < end:
        found.append((at, end, space.noise.limit_db))
    return tuple(found)


def _quiet(site: SiteConfig, start: int, end: int) -> tuple[Span, ...]:
    rules = site.rules
    special = {kind: (hours.from_, hours.to) for kind, hours in rules.quiet.items()}
    return calendar_of(site).quiet_hours((rules.quiet_from, rules.quiet_to), special).spans(start, end)


def _presence(
    conn: Connection, site: str, space: str, start: int, end: int
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    changes = reading.occupancy(conn, (site,), start, end, space)
    found: dict[str, list[Span]] = defaultdict(list)
    edges = [(max(row.since, start), row.state) for row in changes]
    if not edges or edges[0][0] > start:
        edges.insert(0, (start, "unknown"))
    for (at, state), following in zip(edges, [*(edge[0] for edge in edges[1:]), end], strict=True):
        if following > at:
            found[state].append((at, following))
    return tuple(found["occupied"]), tuple(found["unknown"])


def _open(conn: Connection, site: str, door: str, start: int, end: int) -> tuple[Span, ...]:
    """When the contact said that the door stood open; what it was before is read from the record before."""
    table = schema.events
    mine = (table.c.site == site) & (table.c.door == door) & (table.c.type == "door-physical")
    before = select(table).where(mine, table.c.at <= start).order_by(table.c.at.desc()).limit(1)
    during = select(table).where(mine, table.c.at > start, table.c.at < end).order_by(table.c.at, table.c.seq)
    found: list[Span] = []
    since: int | None = None
    for row in (*conn.execute(before), *conn.execute(during.limit(500))):
        is_open = json.loads(row.body).get("state") == DoorPhysicalState.OPEN.value
        at = max(row.at, start)
        if is_open and since is None:
            since = at
        elif not is_open and since is not None:
            found.append((since, at))
            since = None
    if since is not None:
        found.append((since, end))
    return tuple(found)
