"""What the store knows of one site tonight, kept in memory, and the records of the page made of it.

Making is pure: (rows, now) in, records out. Whoever keeps the rows up to date is :mod:`.following`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pleintemps_gateway.config import DoorConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.store.reading import AnyRow

from .board import (
    ANSWER_GRACE_MS,
    SOON_MS,
    UNKNOWN_AFTER_MS,
    Alert,
    Asked,
    Booked,
    Coming,
    Door,
    Panel,
    Site,
    Tile,
    freshness,
)
from .evening import local
from .tonight import command_view, door_view, panel_view
from .words import PANEL_ACTIONS

PRESENCE: Final = ("motion", "radar")
DEFAULT_SILENCE_S: Final = 45
COMING_MS: Final = 12 * 3_600_000
COMING_MOST: Final = 12
# A remote unlock and how it ended stay on the tile for so long.
COMMAND_MS: Final = 10 * 60_000
STREET: Final = "street"
CALM_MS: Final = 10 * 60_000
"""What is over stays among what is to be seen for so long, in plain words."""
MOST_CALM: Final = 5


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """Of an agent, what changes a tile: an agent that only goes on talking is the same."""

    presence: str
    grants: tuple[int | None, int | None, bool]

    @property
    def online(self) -> bool:
        return self.presence == "online"


@dataclass(slots=True)
class SiteRows:
    """Rows by their own key; ``loaded`` is when they were last read whole (Unix ms)."""

    config: SiteConfig
    loaded: int
    spaces: dict[str, AnyRow] = field(default_factory=dict)
    series: dict[tuple[str, str], AnyRow] = field(default_factory=dict)
    doors: dict[str, AnyRow] = field(default_factory=dict)
    agents: dict[str, AgentSeen] = field(default_factory=dict)
    panels: dict[str, AnyRow] = field(default_factory=dict)
    lit: dict[str, bool] = field(default_factory=dict)
    commands: list[AnyRow] = field(default_factory=list)
    alerts: tuple[Alert, ...] = ()
    alerted: dict[str, tuple[Alert, ...]] = field(default_factory=dict)
    last_resolved: int | None = None
    calm: tuple[Alert, ...] = ()
    """Alerts that were over within :data:`CALM_MS` when they were read, the last first."""
    changes: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    bookings: dict[str, list[Booked]] = field(default_factory=dict)
    told_by: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """The series of presence of each space."""

    def index_series(self) -> None:
        self.told_by = defaultdict(set)
        for key, row in self.series.items():
            self.told_by[row.space].add(key)

    # --- doors and panels ----------------------------------------------------------------------------

    def asked(self, now: int, *, of_panels: bool) -> dict[str, Asked]:
        """The last command to each door, or panel."""
        found: dict[str, Asked] = {}
        for row in self.commands:
            if row.requested >= now - COMMAND_MS and (row.action in PANEL_ACTIONS) is of_panels:
                found.setdefault(row.door, command_view(row, now))
        return found

    @property
    def calm_due(self) -> int | None:
        """When the first of those that are calm again leaves the page."""
        return min(
            (alert.resolved + CALM_MS for alert in self.calm if alert.resolved is not None), default=None
        )

    def commands_due(self, now: int) -> Iterator[int]:
        """When a command will be shown differently although nothing is stored."""
        for row in self.commands:
            yield row.requested + COMMAND_MS + 1
            if row.outcome in ("requested", "sent"):
                yield row.expires + ANSWER_GRACE_MS + 1

    def door(self, config: DoorConfig, asked: dict[str, Asked]) -> Door:
        agent = self.agents.get(config.agent)
        online = agent is not None and agent.online
        return door_view(
            config, self.config.site, self.doors.get(config.door), online, asked.get(config.door)
        )

    def panel_list(self, now: int) -> tuple[Panel, ...]:
        """Every panel, configured or told of by an agent."""
        asked = self.asked(now, of_panels=True)
        agents = {name: row.agent for name, row in self.panels.items()}
        agents |= {panel.panel: panel.agent for panel in self.config.panels}
        found = []
        for name in sorted(agents):
            agent = self.agents.get(agents[name])
            online = agent is not None and agent.online
            found.append(panel_view(self.config, name, self.panels.get(name), online, asked.get(name)))
        return tuple(found)

    # --- spaces --------------------------------------------------------------------------------------

    def tile(
        self, space: SpaceConfig, doors: Iterable[DoorConfig], asked: dict[str, Asked], now: int
    ) -> Tile:
        """One space with its ``doors`` at ``now``."""
        site, name = self.config, space.space
        row = self.spaces.get(name)
        told_by = [self.series[key] for key in self.told_by.get(name, ())]
        measured = [each.last_at for each in told_by if each.last_at is not None]
        if row is not None and row.evidence_at is not None:
            measured.append(row.evidence_at)
        measured_at = max(measured, default=None)
        silence_s = max((each.max_silence_s for each in told_by), default=DEFAULT_SILENCE_S)
        agents = [self.agents.get(each.agent) for each in told_by]
        bookings, alerts = self.bookings.get(name, ()), self.alerted.get(name, ())
        current = next((b for b in bookings if b.start <= now < b.end), None)
        following = next((b for b in bookings if b.start > now), None)
        past = [b for b in bookings if now - COMING_MS < b.end <= now and b.state in ("arrived", "in-use")]
        overdue = max(past, key=lambda b: b.end) if past and current is None else None
        if overdue is not None:
            overdue = replace(overdue, code_lacks=None)  # what is over needs none
        state = row.state if row else "unknown"
        return Tile(
            site=site.site,
            zone=site.zone,
            day=str(local(now, ZoneInfo(site.zone)).date()),
            space=name,
            name=space.name,
            bookable=space.bookable,
            state=state,
            probability=row.probability if row else None,
            since=row.since if row else None,
            evidence=row.evidence if row else "",
            measured_at=measured_at,
            stale_after_ms=2000 * silence_s,
            freshness=freshness(state, measured_at, 2000 * silence_s, now),
            agent_silent=bool(agents) and not any(agent is not None and agent.online for agent in agents),
            level_db=row.level_db if row else None,
            limit_db=row.limit_db if row else None,
            level_range=row.level_range if row else None,
            background_db=row.background_db if row else None,
            emergence_db=row.emergence_db if row else None,
            warned_at=row.warned_at if row else None,
            lit=self.lit.get(name),
            current=current,
            overdue=overdue,
            following=following,
            soon=following is not None and following.start - now <= SOON_MS,
            doors=tuple(self.door(door, asked) for door in doors),
            rank="alert" if "alert" in {a.rank for a in alerts} else ("watch" if alerts else ""),
            unexpected=any(alert.kind == "unexpected-presence" for alert in alerts),
        )

    def site(self, tiles: dict[str, Tile], now: int) -> Site:
        """The site as its ``tiles`` show it, in the order of the configuration."""
        opened = [alert for alert in self.alerts if alert.state == "open"]
        return Site(
            site=self.config.site,
            name=self.config.name,
            tiles=tuple(tiles[space.space] for space in self.config.spaces),
            alerts=sum(alert.rank == "alert" for alert in opened),
            watches=sum(alert.rank == "watch" for alert in opened),
            panels=self.panel_list(now),
        )

    def coming(self) -> list[Coming]:
        """All that starts and ends of what is booked, in order."""
        names, zone = {space.space: space.name for space in self.config.spaces}, self.config.zone
        found: list[Coming] = []
        for space, bookings in self.bookings.items():
            for booked in bookings:
                what = (booked.title, names[space], booked.people, booked.code_lacks)
                found.append(Coming(booked.start, zone, "start", *what))
                found.append(Coming(booked.end, zone, "end", *what))
        return sorted(found, key=order_of_coming)


def order_of_coming(coming: Coming) -> tuple[int, str, str]:
    return coming.at, coming.kind, coming.where


def tile_due(tile: Tile, now: int) -> int:
    """When the tile will look different although nothing is stored: the first such moment after ``now``."""
    moments = [next_day(tile.zone, now)]
    if tile.measured_at is not None and tile.state != "unknown":
        moments += [tile.measured_at + tile.stale_after_ms + 1, tile.measured_at + UNKNOWN_AFTER_MS + 1]
    if tile.current is not None:
        moments.append(tile.current.end)
    if tile.overdue is not None:
        moments.append(tile.overdue.end + COMING_MS)
    if tile.following is not None:
        moments += [tile.following.start, tile.following.start - SOON_MS]
    return min(moment for moment in moments if moment > now)


def next_day(zone: str, now: int) -> int:
    """The next local midnight."""
    here = ZoneInfo(zone)
    day = local(now, here).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return round(day.timestamp() * 1000)


def doors_by_space(site: SiteConfig) -> dict[str, tuple[DoorConfig, ...]]:
    """Doors that lead into each space; one that leads to the street stands with the space it leaves."""
    found: dict[str, list[DoorConfig]] = defaultdict(list)
    for door in site.doors:
        found[place_of(door)].append(door)
    return {space: tuple(doors) for space, doors in found.items()}


def place_of(door: DoorConfig) -> str:
    return door.from_ if door.to == STREET else door.to


def by_space(alerts: Iterable[Alert], site: SiteConfig) -> dict[str, tuple[Alert, ...]]:
    """Open alerts by the space whose tile shows them; that of a door stands where the door does."""
    of_door = {door.door: place_of(door) for door in site.doors}
    found: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        space = alert.space or of_door.get(alert.door)
        if space and alert.state == "open":
            found[space].append(alert)
    return {space: tuple(each) for space, each in found.items()}
