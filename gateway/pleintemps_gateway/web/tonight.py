"""Rows of the store as the records that pages show: alerts, doors, panels, commands."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from sqlalchemy import Connection

from pleintemps_gateway.config import DoorConfig, GatewayConfig, SiteConfig
from pleintemps_gateway.store import reading

from .board import (
    Alert,
    Asked,
    Booked,
    Door,
    Panel,
    Rank,
    outcome,
)
from .words import PANEL_ACTIONS

# A remote unlock and how it ended stay on the tile for so long.
_COMMAND_MS: Final = 10 * 60_000
Key = tuple[str, str]


def load_alerts(
    conn: Connection,
    config: GatewayConfig,
    sites: Sequence[str],
    states: Sequence[str] = (),
    limit: int = 200,
) -> tuple[Alert, ...]:
    """Alerts in ``states``: open ones first, *alert* before *to watch*, then the youngest."""
    by_site = {site.site: site for site in config.sites}
    found = [alert_view(row, by_site[row.site]) for row in reading.alerts(conn, sites, states, limit)]
    return in_order(found)


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Open ones first, *alert* before *to watch*, then the youngest."""
    order = {"open": 0, "acknowledged": 1, "paused": 2, "resolved": 3}
    return tuple(sorted(alerts, key=lambda alert: (order[alert.state], alert.rank != "alert", -alert.opened)))


def alert_view(row: reading.AnyRow, site: SiteConfig) -> Alert:
    names = {space.space: space.name for space in site.spaces}
    doors = {door.door: door.name for door in site.doors}
    place = names.get(row.space) or doors.get(row.door) or row.space or row.door or row.agent or ""
    rank: Rank = "alert" if row.rank == "alert" else "watch"
    return Alert(
        site=row.site,
        zone=site.zone,
        site_name=site.name,
        alert=row.alert,
        kind=row.kind,
        rank=rank,
        state=row.state,
        space=row.space or "",
        door=row.door or "",
        place=place,
        opened=row.opened,
        acknowledged=row.acknowledged,
        acknowledged_by=row.acknowledged_by or "",
        comment=row.comment or "",
        resolved=row.resolved,
        facts=row.facts,
        version=row.version,
        paused_until=row.paused_until,
        assigned=row.assigned or "",
    )


def command_view(row: reading.AnyRow, now: int) -> Asked:
    return Asked(
        command=row.command,
        action=row.action,
        user=row.user,
        requested=row.requested,
        answered=row.answered,
        outcome=outcome(row.outcome, row.expires, now),
        refusal=row.refusal or "",
    )


def door_view(
    config: DoorConfig, site: str, row: reading.AnyRow | None, online: bool, asked: Asked | None
) -> Door:
    """The door named by ``config``; without a row nothing was ever heard of it."""
    if row is None:
        return Door(site, config.door, config.name, "", "", "", "", None, None, False, asked)
    return Door(
        site=site,
        door=config.door,
        name=config.name,
        mode=row.mode,
        physical=row.physical,
        lock=row.lock,
        alarm=row.alarm,
        since=row.since,
        at=row.at,
        known=online,
        asked=asked,
        fire=row.fire,
    )


def load_doors(conn: Connection, config: GatewayConfig, sites: Sequence[str], now: int) -> dict[Key, Door]:
    """Every configured door by (site, door)."""
    rows = {(row.site, row.door): row for row in reading.doors(conn, sites)}
    online, asked = _online(conn, sites), _asked(conn, sites, now, PANEL_ACTIONS, inside=False)
    doors = {}
    for site in config.sites:
        if site.site in sites:
            for door in site.doors:
                key = (site.site, door.door)
                here = (site.site, door.agent) in online
                doors[key] = door_view(door, site.site, rows.get(key), here, asked.get(key))
    return doors


def load_panels(conn: Connection, config: GatewayConfig, sites: Sequence[str], now: int) -> dict[Key, Panel]:
    """Every panel by (site, panel), configured or told of by an agent."""
    rows = {(row.site, row.panel): row for row in reading.panels(conn, sites)}
    online, asked = _online(conn, sites), _asked(conn, sites, now, PANEL_ACTIONS, inside=True)
    agents = {key: row.agent for key, row in rows.items()}
    configs = {site.site: site for site in config.sites}
    for site in config.sites:
        if site.site in sites:
            agents |= {(site.site, panel.panel): panel.agent for panel in site.panels}
    found = {}
    for key in sorted(agents):
        here = (key[0], agents[key]) in online
        found[key] = panel_view(configs[key[0]], key[1], rows.get(key), here, asked.get(key))
    return found


def panel_view(
    site: SiteConfig, panel: str, row: reading.AnyRow | None, online: bool, asked: Asked | None
) -> Panel:
    """The panel of that name; without a row nothing was ever heard of it."""
    state, at = ("unknown", None) if row is None else (row.state, row.at)
    return Panel(site.site, site.zone, panel, state, at, online and row is not None, asked)


def _online(conn: Connection, sites: Sequence[str]) -> set[Key]:
    return {(row.site, row.agent) for row in reading.agents(conn, sites) if row.presence == "online"}


def _asked(
    conn: Connection, sites: Sequence[str], now: int, actions: Collection[str], *, inside: bool
) -> dict[Key, Asked]:
    """The last command to each door, or panel, whose action is in ``actions``, or is not."""
    asked: dict[Key, Asked] = {}
    for row in reading.latest_commands(conn, sites, now - _COMMAND_MS):
        if (row.action in actions) is inside:
            asked.setdefault((row.site, row.door), command_view(row, now))
    return asked


def booked_view(row: reading.AnyRow, code_lacks: str | None = None) -> Booked:
    return Booked(
        booking=row.booking,
        title=row.title,
        people=row.people,
        start=row.start,
        end=row.end,
        state=row.usage_state or "",
        arrived_at=row.arrived_at,
        left_at=row.left_at,
        code_lacks=code_lacks,
    )
