"""The alerts of a list, chosen and in order, and one alert with everything that is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, case, func, or_, select

from pleintemps_gateway.access.weeks import instant
from pleintemps_gateway.alerts.records import AlertKind
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.delivery.outbox import contact_of
from pleintemps_gateway.store import reading, schema
from pleintemps_gateway.store.acts import acts

from .alert_words import AlertWords
from .board import Alert, Booked, Door
from .evidence import Evidence, load_evidence
from .siterows import CALM_MS
from .tonight import alert_view, booked_view, load_doors

PAGE: Final = 50
_SEARCHED: Final = 2_000
"""Words are looked for in so many alerts at most, the first in order."""
_UNRESOLVED: Final = ("open", "acknowledged", "paused")
_ACCESS: Final = ("access-granted", "door-physical")


class Wanted(NamedTuple):
    """Which alerts: ``state`` is open, mine, paused, done or all; ``page`` from 1."""

    state: str = "open"
    site: str = ""
    kind: str = ""
    words: str = ""
    page: int = 1


class Found(NamedTuple):
    """One page of alerts, ``total`` of all pages; ``counts`` of the states that a reader chooses from."""

    alerts: list[Alert]
    total: int
    pages: int
    counts: dict[str, int]
    quiet_since: int | None
    kinds: list[str]


def load_list(
    conn: Connection,
    config: GatewayConfig,
    sites: Sequence[str],
    wanted: Wanted,
    name: str,
    now: int,
    language: str,
) -> Found:
    """What ``wanted`` asks for among the alerts of ``sites``; ``name`` is the reader's account."""
    table, by_site = schema.alerts, {site.site: site for site in config.sites}
    mine: Any = table.c.site.in_(sites)
    if wanted.site:
        mine &= table.c.site == wanted.site
    if wanted.kind:
        mine &= table.c.kind == wanted.kind
    states = {state: mine & condition for state, condition in _states(name, now).items()}
    counts = {
        state: int(conn.scalar(select(func.count()).select_from(table).where(states[state])) or 0)
        for state in ("open", "mine", "paused")
    }
    chosen = states.get(wanted.state, mine)
    order = (
        case({"open": 0, "acknowledged": 1, "paused": 2}, value=table.c.state, else_=3),
        case({"alert": 0}, value=table.c.rank, else_=1),
        table.c.opened.desc(),
        table.c.alert,
    )
    query = select(table).where(chosen).order_by(*order)
    if wanted.words:
        words = AlertWords.of(language)
        rows = conn.execute(query.limit(_SEARCHED))
        views = [alert_view(row, by_site[row.site]) for row in rows]
        hits = [view for view in views if words.holds(view, wanted.words, now)]
        total, page = len(hits), hits[(wanted.page - 1) * PAGE : wanted.page * PAGE]
    else:
        total = int(conn.scalar(select(func.count()).select_from(table).where(chosen)) or 0)
        rows = conn.execute(query.limit(PAGE).offset((wanted.page - 1) * PAGE))
        page = [alert_view(row, by_site[row.site]) for row in rows]
    kinds = conn.scalars(select(table.c.kind).where(table.c.site.in_(sites)).distinct())
    known = sorted({*kinds} & {kind.value for kind in AlertKind})
    quiet = reading.last_resolved(conn, sites)
    return Found(page, total, -(-total // PAGE), counts, quiet, known)


def _states(name: str, now: int) -> dict[str, Any]:
    table = schema.alerts.c
    unresolved = table.state.in_(_UNRESOLVED)
    has_it = (table.state == "acknowledged") & (table.acknowledged_by == name)
    given = (table.state == "open") & (table.assigned == name)
    calm = (table.state == "resolved") & (table.resolved >= now - CALM_MS)
    return {
        "open": or_(table.state.in_(("open", "acknowledged")), calm),
        "mine": or_(has_it, given),
        "paused": table.state == "paused",
        "done": table.state == "resolved",
        "unresolved": unresolved,
    }


class Line(NamedTuple):
    """Something that was done or happened; ``sign`` is a symbol of ``_signs.html``."""

    at: int
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class One:
    """An alert with what stands around it. ``place`` and ``count``: where it is in the list of open ones."""

    alert: Alert
    row: Row[Any]
    acts: tuple[Row[Any], ...]
    messages: tuple[Row[Any], ...]
    notices: tuple[Row[Any], ...]
    space: Row[Any] | None
    booking: Booked | None
    group: str
    phone: str
    door: Door | None
    last_access: Row[Any] | None
    evidence: Evidence | None
    place: int
    count: int
    following: Alert | None
    alike: int


def load_one(
    conn: Connection, config: GatewayConfig, site: SiteConfig, alert: str, sites: Sequence[str], now: int
) -> One | None:
    """None where there is no such alert at ``site``."""
    row = reading.alert(conn, (site.site,), alert)
    if row is None:
        return None
    view = alert_view(row, site)
    doors = load_doors(conn, config, (site.site,), now)
    booking = _booking(conn, row)
    contact = contact_of(conn, site.site, booking.booking) if booking else None
    door = doors.get((site.site, view.door)) or _door_of(site, doors, view.space)
    found = load_list(conn, config, sites, Wanted("unresolved"), "", now, "fr")
    names = [(each.site, each.alert) for each in found.alerts]
    place = names.index((view.site, view.alert)) if (view.site, view.alert) in names else -1
    following = found.alerts[place + 1] if 0 <= place < len(names) - 1 else None
    return One(
        alert=view,
        row=row,
        acts=tuple(acts(conn, site.site, alert)),
        messages=_messages(conn, row, booking),
        notices=_notices(conn, row),
        space=_space(conn, row),
        booking=booked_view(booking) if booking else None,
        group=str(booking.group or "") if booking else "",
        phone=contact.phone if contact else "",
        door=door,
        last_access=_last_access(conn, site.site, door),
        evidence=load_evidence(conn, site, row, now),
        place=place + 1,
        count=found.total,
        following=following,
        alike=_alike(conn, row, now),
    )


def _booking(conn: Connection, row: Row[Any]) -> Row[Any] | None:
    """That of the alert, else the one that was on, or the last before, when it was raised in its space."""
    if row.booking and (named := reading.booking(conn, (row.site,), row.booking)) is not None:
        return named
    if not row.space:
        return None
    near = reading.find_bookings(conn, (row.site,), row.opened - 7_200_000, row.opened + 1, space=row.space)
    held = [each for each in near if each.status == "confirmed"]
    return held[-1] if held else None


def _door_of(site: SiteConfig, doors: dict[tuple[str, str], Door], space: str) -> Door | None:
    own = [door for door in site.doors if space and space in (door.from_, door.to)]
    return doors.get((site.site, own[0].door)) if own else None


def _space(conn: Connection, row: Row[Any]) -> Row[Any] | None:
    table = schema.spaces
    mine = (table.c.site == row.site) & (table.c.space == row.space)
    return conn.execute(select(table).where(mine)).first() if row.space else None


def _messages(conn: Connection, row: Row[Any], booking: Row[Any] | None) -> tuple[Row[Any], ...]:
    """What the people of the booking were told since shortly before."""
    if booking is None:
        return ()
    table = schema.deliveries
    mine = (table.c.site == row.site) & (table.c.booking == booking.booking)
    since = table.c.created >= row.opened - 3_600_000
    about = table.c.template.in_(("noise", "release-warning"))
    return tuple(conn.execute(select(table).where(mine, since, about).order_by(table.c.created).limit(20)))


def _notices(conn: Connection, row: Row[Any]) -> tuple[Row[Any], ...]:
    table = schema.notices
    mine = (table.c.site == row.site) & (table.c.alert == row.alert)
    order = (table.c.created, table.c.person, table.c.channel)
    return tuple(conn.execute(select(table).where(mine).order_by(*order).limit(100)))


def _last_access(conn: Connection, site: str, door: Door | None) -> Row[Any] | None:
    if door is None:
        return None
    table = schema.events
    mine = (table.c.site == site) & (table.c.door == door.door) & table.c.type.in_(_ACCESS)
    return conn.execute(select(table).where(mine).order_by(table.c.at.desc()).limit(1)).first()


def _alike(conn: Connection, row: Row[Any], now: int) -> int:
    """How many others of this kind there were at the same place within twelve months."""
    table = schema.alerts
    same = (table.c.site == row.site) & (table.c.kind == row.kind) & (table.c.alert != row.alert)
    here = (table.c.space == row.space) if row.space else (table.c.subject == row.subject)
    recent = table.c.opened > now - 365 * 86_400_000
    return int(conn.scalar(select(func.count()).select_from(table).where(same, here, recent)) or 0)


def pause_choices(now: int, zone: str) -> list[int]:
    """A quarter of an hour, the next half hour but one, midnight and seven o'clock, those that lie ahead."""
    place = ZoneInfo(zone)
    half = 30 * 60_000
    found = [now + 15 * 60_000, (now // half + 2) * half]
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(place).date()
    for hour in (0, 7):
        days = (today + timedelta(days=offset) for offset in (0, 1, 2))
        found.append(next(at for day in days if (at := instant(place, day, time(hour), fold=0)) > now + half))
    return sorted(dict.fromkeys(found))
