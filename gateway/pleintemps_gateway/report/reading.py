"""The night as it is stored: figures, lanes of spaces, alerts. The same store gives the same record.

What is not known is said: time without a state is missing, a door that has told something since is unknown.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, or_, select

from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.store import reading, schema
from pleintemps_gateway.web.board import Alert
from pleintemps_gateway.web.tonight import alert_view

from .night import Night, night_of

_ROOM: Final = "room"
_WEEK: Final = 7
Span = tuple[int, int]


class Lane(NamedTuple):
    """A space of the picture; spans in Unix ms, clipped to the night. ``marks``: (when, rank) of alerts."""

    site: str
    site_name: str
    space: str
    name: str
    present: tuple[Span, ...]
    booked: tuple[Span, ...]
    missing: tuple[Span, ...]
    marks: tuple[tuple[int, str], ...]


class Happened(NamedTuple):
    """An alert of the night with the history of what was done until the report's hour."""

    alert: Alert
    acts: tuple[Row[Any], ...]


class Coming(NamedTuple):
    at: int
    title: str
    place: str
    people: int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page. ``until`` is the end of the night, or ``now`` while it lasts; ``measured``: spaces of which
    anything was ever known that night; ``before``: spaces used in the night a week earlier, None: not known.

    ``codes`` is None where records of that night are forgotten. ``unlocked`` names doors that are not locked
    at the end, ``doors_unknown`` those of which it is not known.
    """

    night: Night
    until: int
    zone: str
    town: str
    lanes: tuple[Lane, ...]
    rooms: int
    measured: int
    used: int
    before: int | None
    used_ms: int
    booked_ms: int
    missed: int
    given_back: int
    codes: tuple[int, int] | None
    data_share: float | None
    lacking: tuple[str, ...]
    locked: int
    unlocked: tuple[str, ...]
    doors_unknown: int
    happened: tuple[Happened, ...]
    open_now: tuple[Alert, ...]
    today: tuple[Coming, ...]
    quiet: tuple[Span, ...]
    access_days: int

    @property
    def over(self) -> bool:
        """Whether the night has ended when the sheet was made."""
        return self.until >= self.night.end


def read_sheet(conn: Connection, config: GatewayConfig, sites: Collection[str], day: date, now: int) -> Sheet:
    """The night that begins on ``day`` (local day of the first of ``sites``) as it is known at ``now``."""
    chosen = [site for site in config.sites if site.site in sites]
    zone = ZoneInfo(chosen[0].zone)
    night = night_of(config.report, zone, day)
    until = max(min(night.end, now), night.start)
    names = [site.site for site in chosen]
    states = _states(conn, names, night.start, until)
    alerts = _alerts(conn, chosen, night.start, until)
    booked = _booked(conn, names, night.start, night.end)
    lanes, missing_ms, room_ms = [], 0, 0
    for site in chosen:
        for space in site.spaces:
            if space.kind != _ROOM:
                continue
            key = (site.site, space.space)
            mine = states.get(key, {})
            marks = tuple(
                (max(each.alert.opened, night.start), each.alert.rank)
                for each in alerts
                if (each.alert.site, each.alert.space) == key
            )
            missing = tuple(mine.get("unknown", [(night.start, until)] if until > night.start else []))
            missing_ms += _length(missing)
            room_ms += until - night.start
            spans = tuple((row.start, row.end) for row in booked if (row.site, row.space) == key)
            clipped = tuple((max(a, night.start), min(b, night.end)) for a, b in spans)
            present = tuple(mine.get("occupied", ()))
            lanes.append(Lane(*key[:1], site.name, space.space, space.name, present, clipped, missing, marks))
    bookable = {(site.site, space.space) for site in chosen for space in site.spaces if space.bookable}
    rooms = [lane for lane in lanes if (lane.site, lane.space) in bookable]
    silent = [lane for lane in lanes if until > night.start and _length(lane.missing) >= until - night.start]
    locked, unlocked, unknown = _doors(conn, chosen, night.end, now)
    return Sheet(
        night=night,
        until=until,
        zone=chosen[0].zone,
        town=", ".join(site.name for site in chosen[:3]),
        lanes=tuple(lanes),
        rooms=len(rooms),
        measured=len(lanes) - len(silent),
        used=sum(bool(lane.present) for lane in rooms),
        before=_used_before(conn, config, zone, day, bookable, names),
        used_ms=sum(_length(lane.present) for lane in rooms),
        booked_ms=sum(_length(_merged(lane.booked)) for lane in rooms),
        missed=sum(row.usage_state == "no-show" for row in booked),
        given_back=sum(row.released is not None for row in booked),
        codes=_codes(conn, chosen, night.start, until, now),
        data_share=None if not room_ms else 100 * (1 - missing_ms / room_ms),
        lacking=tuple(lane.name for lane in lanes if _length(lane.missing) >= 300_000),
        locked=locked,
        unlocked=unlocked,
        doors_unknown=unknown,
        happened=alerts,
        open_now=tuple(each.alert for each in alerts if each.alert.state != "resolved"),
        today=_today(conn, chosen, night.end, zone),
        quiet=_quiet(chosen[0], night.start, night.end),
        access_days=min(site.privacy.access_days for site in chosen),
    )


def _length(spans: Sequence[Span]) -> int:
    return sum(end - start for start, end in spans)


def _merged(spans: Sequence[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _states(
    conn: Connection, sites: Sequence[str], start: int, end: int
) -> dict[tuple[str, str], dict[str, list[Span]]]:
    """Spans of every state of each space; before the first belief nothing is known."""
    changes: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for row in reading.occupancy(conn, sites, start, end):
        changes[row.site, row.space].append((max(row.since, start), row.state))
    found: dict[tuple[str, str], dict[str, list[Span]]] = {}
    for key, edges in changes.items():
        if edges[0][0] > start:
            edges.insert(0, (start, "unknown"))
        spans: dict[str, list[Span]] = defaultdict(list)
        ends = [*(at for at, _ in edges[1:]), end]
        for (at, state), following in zip(edges, ends, strict=True):
            if following <= at:
                continue
            if spans[state] and spans[state][-1][1] == at:  # told anew without a change
                spans[state][-1] = (spans[state][-1][0], following)
            else:
                spans[state].append((at, following))
        found[key] = {"unknown": []} | dict(spans)
    return found


def _booked(conn: Connection, sites: Sequence[str], start: int, end: int) -> list[Row[Any]]:
    rows = reading.bookings(conn, sites, start, end)
    return [row for row in rows if row.status == "confirmed"]


def _alerts(conn: Connection, sites: Sequence[SiteConfig], start: int, end: int) -> tuple[Happened, ...]:
    """Those that were open in the night, the first opened first."""
    table, acts = schema.alerts, schema.alert_acts
    by_site = {site.site: site for site in sites}
    during = (table.c.opened < end) & or_(table.c.resolved.is_(None), table.c.resolved > start)
    order = (table.c.opened, table.c.alert)
    rows = conn.execute(select(table).where(table.c.site.in_(by_site), during).order_by(*order)).all()
    history: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    names = [row.alert for row in rows]
    for first in range(0, len(names), 500):
        mine = acts.c.site.in_(by_site) & acts.c.alert.in_(names[first : first + 500])
        for act in conn.execute(select(acts).where(mine).order_by(acts.c.seq)):
            history[act.site, act.alert].append(act)
    return tuple(
        Happened(alert_view(row, by_site[row.site]), tuple(history[row.site, row.alert])) for row in rows
    )


def _used_before(
    conn: Connection,
    config: GatewayConfig,
    zone: ZoneInfo,
    day: date,
    bookable: Collection[tuple[str, str]],
    sites: Sequence[str],
) -> int | None:
    """None where less than half of the spaces were measured a week earlier."""
    before = night_of(config.report, zone, day - timedelta(days=_WEEK))
    states = _states(conn, sites, before.start, before.end)
    mine = {key: spans for key, spans in states.items() if key in bookable}
    known = [key for key, spans in mine.items() if spans.get("occupied") or spans.get("vacant")]
    if not bookable or 2 * len(known) < len(bookable):
        return None
    return sum(bool(spans.get("occupied")) for spans in mine.values())


def _codes(
    conn: Connection, sites: Sequence[SiteConfig], start: int, end: int, now: int
) -> tuple[int, int] | None:
    """(accepted, refused); None once a site has forgotten them."""
    days = min(site.privacy.access_days for site in sites)
    if start < now - days * 86_400_000:
        return None
    table = schema.events
    mine = table.c.site.in_([site.site for site in sites]) & (table.c.at >= start) & (table.c.at < end)
    kinds = table.c.type.in_(("access-granted", "access-refused"))
    query = select(table.c.type, func.count()).where(mine, kinds).group_by(table.c.type)
    counts = {kind: int(count) for kind, count in conn.execute(query)}
    return counts.get("access-granted", 0), counts.get("access-refused", 0)


def _doors(
    conn: Connection, sites: Sequence[SiteConfig], end: int, now: int
) -> tuple[int, tuple[str, ...], int]:
    """How many are locked at ``end``, which are not, and of how many it is not known.

    The store keeps the last state of a door; of one that has told anything since, its events until then say
    what it was, as long as they are kept.
    """
    names = [site.site for site in sites]
    rows = {(row.site, row.door): row for row in reading.doors(conn, names)}
    online = {(row.site, row.agent) for row in reading.agents(conn, names) if row.presence == "online"}
    locked, unlocked, unknown = 0, [], 0
    for site in sites:
        for door in site.doors:
            row = rows.get((site.site, door.door))
            if row is not None and (row.at or 0) > max(end, 0):
                is_locked = _was_locked(conn, row, end)
            elif row is None or (site.site, door.agent) not in online:
                is_locked = None
            else:
                is_locked = row.lock == "Locked" and row.physical != "Open"
            if is_locked is None:
                unknown += 1
            elif is_locked:
                locked += 1
            else:
                unlocked.append(f"{site.name}, {door.name}")
    return locked, tuple(unlocked), unknown


def _was_locked(conn: Connection, row: Row[Any], end: int) -> bool | None:
    """Whether a door was locked and not open at ``end``, by the last that it had told; None: not known."""
    lock, leaf = (_told(conn, row, kind, end) for kind in ("lock-physical", "door-physical"))
    if leaf is None and row.physical not in ("Open", "Closed"):
        leaf = "Closed"  # nothing at this door tells whether it is open
    if lock is None or leaf is None:
        return False if leaf == "Open" else None
    return lock == "Locked" and leaf != "Open"


def _told(conn: Connection, row: Row[Any], kind: str, end: int) -> str | None:
    table = schema.events.c
    mine = (table.site == row.site) & (table.door == row.door) & (table.type == kind) & (table.at <= end)
    body = conn.scalar(select(table.body).where(mine, table.trusted).order_by(table.at.desc()).limit(1))
    return None if body is None else json.loads(body).get("state")


def _today(conn: Connection, sites: Sequence[SiteConfig], start: int, zone: ZoneInfo) -> tuple[Coming, ...]:
    """Bookings that begin within the day after the night."""
    names = {(site.site, space.space): space.name for site in sites for space in site.spaces}
    rows = reading.bookings(conn, [site.site for site in sites], start, start + 86_400_000)
    return tuple(
        Coming(row.start, row.title, names.get((row.site, row.space), row.space), row.people)
        for row in rows
        if row.status == "confirmed" and row.start >= start
    )


def _quiet(site: SiteConfig, start: int, end: int) -> tuple[Span, ...]:
    rules = site.rules
    special = {kind: (hours.from_, hours.to) for kind, hours in rules.quiet.items()}
    spans = calendar_of(site).quiet_hours((rules.quiet_from, rules.quiet_to), special).spans(start, end)
    return tuple((max(a, start), min(b, end)) for a, b in spans)
