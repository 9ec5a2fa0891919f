"""Makes the board of "Tonight" from the store and the configuration."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pleintemps_gateway.access.on_door import codes_on_doors, first_reason
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import DoorConfig, GatewayConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.store import reading

from . import evening
from .board import (
    SOON_MS,
    Alert,
    AlertList,
    Asked,
    Board,
    Booked,
    Coming,
    Counts,
    Door,
    Panel,
    Rank,
    Site,
    Tile,
    freshness,
    outcome,
)
from .words import PANEL_ACTIONS

_PRESENCE: Final = ("motion", "radar")
_DEFAULT_SILENCE_S: Final = 45
_COMING_MS: Final = 12 * 3_600_000
_COMING_MOST: Final = 12
# A remote unlock and how it ended stay on the tile for so long.
_COMMAND_MS: Final = 10 * 60_000
_STREET: Final = "street"
Key = tuple[str, str]


def load_board(conn: Connection, config: GatewayConfig, sites: Sequence[str], now: int) -> Board:
    """The board of those ``sites`` as the store has it; ``now`` is Unix ms."""
    return _Loader(conn, config, sites, now).board()


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
    order = {"open": 0, "acknowledged": 1, "resolved": 2}
    return tuple(sorted(found, key=lambda alert: (order[alert.state], alert.rank != "alert", -alert.opened)))


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
    zones = {site.site: site.zone for site in config.sites}
    for site in config.sites:
        if site.site in sites:
            agents |= {(site.site, panel.panel): panel.agent for panel in site.panels}
    found = {}
    for key in sorted(agents):
        row, known = rows.get(key), (key[0], agents[key]) in online
        state, at = ("unknown", None) if row is None else (row.state, row.at)
        known = known and row is not None
        found[key] = Panel(key[0], zones[key[0]], key[1], state, at, known, asked.get(key))
    return found


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


class _Loader:
    def __init__(self, conn: Connection, config: GatewayConfig, sites: Sequence[str], now: int) -> None:
        self._now = now
        self._names = tuple(sites)
        self._sites = [site for site in config.sites if site.site in sites]
        self._zone = ZoneInfo(self._sites[0].zone)
        self._start, self._end = evening.window(now, self._zone)
        self._spaces = {(row.site, row.space): row for row in reading.spaces(conn, sites)}
        self._doors = load_doors(conn, config, sites, now)
        self._panels = load_panels(conn, config, sites, now)
        self._lit: dict[Key, bool] = {}
        own = {(site.site, signal.signal) for site in self._sites for signal in site.signals}
        for row in reading.signals(conn, sites):
            if (row.site, row.signal) in own:
                key = (row.site, row.space)
                self._lit[key] = self._lit.get(key, True) and bool(row.on)
        self._alerts = load_alerts(conn, config, sites, ("open", "acknowledged"))
        self._alerted = _by_space(self._alerts, config)
        self._quiet_since = reading.last_resolved(conn, sites)
        self._changes: dict[Key, list[tuple[int, str]]] = defaultdict(list)
        for row in reading.occupancy(conn, sites, self._start, self._end):
            self._changes[row.site, row.space].append((row.since, row.state))
        self._load_bookings(conn)
        self._load_series(conn)

    def _load_bookings(self, conn: Connection) -> None:
        first, last = min(self._start, self._now - _COMING_MS), max(self._end, self._now + _COMING_MS)
        rows = reading.bookings(conn, self._names, first, last)
        later = reading.next_bookings(conn, self._names, self._now)
        ahead = [row.booking for row in (*rows, *later) if row.end > self._now]
        lacks: dict[str, str] = {}
        for site in self._sites:
            reports = codes_on_doors(conn, site, ahead, self._now)
            lacks |= {booking: first_reason(doors) for booking, doors in reports.items()}
        self._bookings: dict[Key, list[Booked]] = defaultdict(list)
        seen = set()
        for row in (*rows, *later):
            if row.status == "confirmed" and (row.site, row.booking) not in seen:
                seen.add((row.site, row.booking))
                why = lacks.get(row.booking)
                if why is not None and row.withheld:
                    why = row.withheld
                self._bookings[row.site, row.space].append(booked_view(row, why))

    def _load_series(self, conn: Connection) -> None:
        self._last_at: dict[Key, int] = {}
        self._silence_s: dict[Key, int] = {}
        self._agents: dict[Key, set[str]] = defaultdict(set)
        for row in reading.series(conn, self._names):
            if row.quantity not in _PRESENCE:
                continue
            key = (row.site, row.space)
            self._agents[key].add(row.agent)
            self._silence_s[key] = max(self._silence_s.get(key, 0), row.max_silence_s)
            if row.last_at is not None:
                self._last_at[key] = max(self._last_at.get(key, 0), row.last_at)
        self._online = {
            (row.site, row.agent) for row in reading.agents(conn, self._names) if row.presence == "online"
        }

    def board(self) -> Board:
        sites = tuple(self._site(site) for site in self._sites)
        tiles = [tile for site in sites for tile in site.tiles]
        opened = [alert for alert in self._alerts if alert.state == "open"]
        first = self._sites[0]
        quiet = self._quiet(first, self._start, self._end)
        return Board(
            now=self._now,
            zone=first.zone,
            counts=Counts(
                alert=sum(alert.rank == "alert" for alert in opened),
                watch=sum(alert.rank == "watch" for alert in opened),
                occupied=sum(tile.occupied for tile in tiles),
                stale=sum(tile.freshness == "stale" for tile in tiles),
                unknown=sum(tile.freshness == "unknown" for tile in tiles),
            ),
            sites=sites,
            attention=AlertList(self._alerts, first.zone, self._quiet_since),
            coming=self._coming(),
            skyline=evening.skyline(
                self._now,
                first.zone,
                {
                    f"{site}/{space}": evening.occupied_intervals(changes, self._now)
                    for (site, space), changes in self._changes.items()
                },
                {
                    f"{site}/{space}": [(booked.start, booked.end) for booked in bookings]
                    for (site, space), bookings in self._bookings.items()
                },
                quiet,
            ),
            quiet_since=next((start for start, end in quiet if start <= self._now < end), None),
        )

    def _site(self, site: SiteConfig) -> Site:
        here = [alert for alert in self._alerts if alert.site == site.site and alert.state == "open"]
        return Site(
            site=site.site,
            name=site.name,
            tiles=tuple(self._tile(site, space) for space in site.spaces),
            alerts=sum(alert.rank == "alert" for alert in here),
            watches=sum(alert.rank == "watch" for alert in here),
            panels=tuple(panel for panel in self._panels.values() if panel.site == site.site),
        )

    def _tile(self, site: SiteConfig, space: SpaceConfig) -> Tile:
        key = (site.site, space.space)
        row = self._spaces.get(key)
        state = row.state if row else "unknown"
        measured = [at for at in (row.evidence_at if row else None, self._last_at.get(key)) if at is not None]
        measured_at = max(measured, default=None)
        stale_after_ms = 2000 * self._silence_s.get(key, _DEFAULT_SILENCE_S)
        bookings = self._bookings[key]
        current = _first(bookings, lambda b: b.start <= self._now < b.end)
        following = min((b for b in bookings if b.start > self._now), key=lambda b: b.start, default=None)
        past = [b for b in bookings if b.end <= self._now and b.state in ("arrived", "in-use")]
        alerts = self._alerted[key]
        agents = self._agents[key]
        return Tile(
            site=site.site,
            zone=site.zone,
            space=space.space,
            name=space.name,
            bookable=space.bookable,
            state=state,
            probability=row.probability if row else None,
            since=row.since if row else None,
            evidence=row.evidence if row else "",
            measured_at=measured_at,
            stale_after_ms=stale_after_ms,
            freshness=freshness(state, measured_at, stale_after_ms, self._now),
            agent_silent=bool(agents) and not any((site.site, agent) in self._online for agent in agents),
            level_db=row.level_db if row else None,
            level_at=row.level_at if row else None,
            limit_db=row.limit_db if row else None,
            level_range=row.level_range if row else None,
            background_db=row.background_db if row else None,
            emergence_db=row.emergence_db if row else None,
            warned_at=row.warned_at if row else None,
            lit=self._lit.get(key),
            current=current,
            overdue=max(past, key=lambda b: b.end, default=None) if current is None else None,
            following=following,
            soon=following is not None and following.start - self._now <= SOON_MS,
            doors=self._doors_of(site, space.space),
            rank="alert" if "alert" in {a.rank for a in alerts} else ("watch" if alerts else ""),
            unexpected=any(alert.kind == "unexpected-presence" for alert in alerts),
        )

    def _doors_of(self, site: SiteConfig, space: str) -> tuple[Door, ...]:
        """Doors that lead into ``space``; one that leads to the street stands with the space it leaves."""
        doors = [door for door in site.doors if space == (door.from_ if door.to == _STREET else door.to)]
        return tuple(self._doors[site.site, door.door] for door in doors)

    def _coming(self) -> tuple[Coming, ...]:
        end = self._now + _COMING_MS
        found: list[Coming] = []
        for site in self._sites:
            for space in site.spaces:
                for booked in self._bookings[site.site, space.space]:
                    what = (booked.title, space.name, booked.people, booked.code_lacks)
                    found.append(Coming(booked.start, site.zone, "start", *what))
                    found.append(Coming(booked.end, site.zone, "end", *what))
        first = self._sites[0]
        for start, stop in self._quiet(first, self._now, end):
            found.append(Coming(start, first.zone, "quiet-start", "", "", None, None))
            found.append(Coming(stop, first.zone, "quiet-end", "", "", None, None))
        found = [coming for coming in found if self._now < coming.at <= end]
        return tuple(sorted(found, key=lambda coming: (coming.at, coming.kind, coming.where))[:_COMING_MOST])

    def _quiet(self, site: SiteConfig, start: int, end: int) -> tuple[tuple[int, int], ...]:
        rules = site.rules
        special = {kind: (hours.from_, hours.to) for kind, hours in rules.quiet.items()}
        usual = (rules.quiet_from, rules.quiet_to)
        return calendar_of(site).quiet_hours(usual, special).spans(start, end)


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


def _by_space(alerts: Iterable[Alert], config: GatewayConfig) -> dict[Key, list[Alert]]:
    """Alerts by the space whose tile shows them; that of a door stands where the door does."""
    of_door = {
        (site.site, door.door): door.from_ if door.to == _STREET else door.to
        for site in config.sites
        for door in site.doors
    }
    found: dict[Key, list[Alert]] = defaultdict(list)
    for alert in alerts:
        space = alert.space or of_door.get((alert.site, alert.door))
        if space and alert.state == "open":
            found[alert.site, space].append(alert)
    return found


def _first(bookings: Iterable[Booked], wanted: Callable[[Booked], bool]) -> Booked | None:
    return min(filter(wanted, bookings), key=lambda booked: booked.start, default=None)
