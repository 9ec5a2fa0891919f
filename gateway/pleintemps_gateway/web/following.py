"""Rows of sites brought up to date by the change feed: what a key says, and whose tile shows it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from pleintemps_gateway.access.on_door import codes_on_doors, first_reason
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store import live
from pleintemps_gateway.store.reading import AnyRow

from .board import Booked
from .siterows import CALM_MS, COMMAND_MS, MOST_CALM, PRESENCE, AgentSeen, SiteRows, by_space, place_of
from .tonight import alert_view, booked_view

HOUR_MS: Final = 3_600_000
RELOAD_MS: Final = 30 * 60_000
"""A site is read whole so often: what is kept of bookings and beliefs reaches that far, and an hour more."""
BEFORE_MS: Final = 15 * HOUR_MS
AHEAD_MS: Final = 16 * HOUR_MS
ALERTS: Final = 200
LIVE_ALERTS: Final = ("open", "acknowledged", "paused")


@dataclass(slots=True)
class Dirty:
    """What of one site is not as it was: rows to read anew, then tiles to make anew."""

    spaces: set[str] = field(default_factory=set)
    series: set[str] = field(default_factory=set)
    doors: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    panels: bool = False
    signals: bool = False
    alerts: bool = False
    commands: bool = False
    beliefs: set[str] = field(default_factory=set)
    bookings: set[str] = field(default_factory=set)
    """Keys of ``bookings`` and ``usage``."""
    grants: set[str] = field(default_factory=set)
    booked: set[str] = field(default_factory=set)
    """Spaces whose bookings, or whose codes on the doors, are to be read anew."""
    tiles: set[str] = field(default_factory=set)

    def note(self, kind: str, key: str) -> None:
        """Take one row of the feed; raises KeyError for a kind that is not in :data:`KINDS`."""
        _NOTES[kind](self, key)


def _last(key: str) -> str:
    return key.rpartition("/")[2]


_NOTES: Final[Mapping[str, Callable[[Dirty, str], None]]] = {
    "spaces": lambda dirty, key: dirty.spaces.add(key),
    "series": lambda dirty, key: dirty.series.add(key.partition("/")[0]),
    "doors": lambda dirty, key: dirty.doors.add(key),
    "agents": lambda dirty, key: dirty.agents.add(key),
    "panels": lambda dirty, key: setattr(dirty, "panels", True),
    "signals": lambda dirty, key: setattr(dirty, "signals", True),
    "alerts": lambda dirty, key: setattr(dirty, "alerts", True),
    "commands": lambda dirty, key: setattr(dirty, "commands", True),
    "occupancy": lambda dirty, key: dirty.beliefs.add(key.partition("/")[0]),
    "bookings": lambda dirty, key: dirty.bookings.add(key),
    "usage": lambda dirty, key: dirty.bookings.add(key),
    "credentials": lambda dirty, key: dirty.grants.add(key),
    "grants": lambda dirty, key: dirty.grants.add(_last(key)),
}
KINDS: Final = tuple(_NOTES)
"""The tables that the page is made of."""


def read_whole(conn: Connection, sites: Collection[SiteConfig], now: int) -> dict[str, SiteRows]:
    """Everything of ``sites``."""
    found = {site.site: SiteRows(site, now) for site in sites}
    dirty = {name: Dirty(panels=True, signals=True, alerts=True, commands=True) for name in found}
    whole = live.Wanted(sites=set(found))
    for row in live.agent_rows(conn, whole):
        found[row.site].agents[row.agent] = _seen(row)
    _read(conn, found, dirty, whole, whole, whole, now)
    every = {(site.site, space.space) for site in sites for space in site.spaces}
    _read_beliefs(conn, found, every, now)
    _read_booked(conn, found, every, now)
    return found


def read_changed(
    conn: Connection, known: Mapping[str, SiteRows], dirty: Mapping[str, Dirty], now: int
) -> None:
    """Bring the rows of ``known`` up to date; what is to be shown anew is then in ``tiles`` of each."""
    _agents_first(conn, known, dirty)
    spaces = live.Wanted(pairs={(site, key) for site, each in dirty.items() for key in each.spaces})
    # the youngest values of series come with their spaces
    for site, each in dirty.items():
        for space in each.spaces:
            each.series |= {agent for agent, _ in known[site].told_by.get(space, ())}
    agents = live.Wanted(pairs={(site, key) for site, each in dirty.items() for key in each.series})
    doors = live.Wanted(pairs={(site, key) for site, each in dirty.items() for key in each.doors})
    _read(conn, known, dirty, spaces, agents, doors, now)
    for site, each in dirty.items():
        rows = known[site]
        each.tiles |= each.spaces
        places = {door.door: place_of(door) for door in rows.config.doors}
        each.tiles |= {places[door] for door in each.doors if door in places}
        if each.bookings:
            here = {
                space for space, list_ in rows.bookings.items() for b in list_ if b.booking in each.bookings
            }
            each.booked |= here | live.spaces_of_bookings(conn, site, each.bookings)
        if each.grants:
            each.booked |= live.spaces_of_grants(conn, site, each.grants)
        # what the configuration does not name, the page does not show
        names = {space.space for space in rows.config.spaces}
        for spaces_ in (each.booked, each.beliefs, each.tiles):
            spaces_ &= names
    _read_beliefs(conn, known, {(site, key) for site, each in dirty.items() for key in each.beliefs}, now)
    _read_booked(conn, known, {(site, key) for site, each in dirty.items() for key in each.booked}, now)
    for each in dirty.values():
        each.tiles |= each.booked


def _agents_first(conn: Connection, known: Mapping[str, SiteRows], dirty: Mapping[str, Dirty]) -> None:
    """An agent that came, went or took other grants changes its doors, its spaces, the codes behind them."""
    pairs = {(site, key) for site, each in dirty.items() for key in each.agents}
    for row in live.agent_rows(conn, live.Wanted(pairs=pairs)):
        rows, each, seen = known[row.site], dirty[row.site], _seen(row)
        before = rows.agents.get(row.agent)
        if seen == before:
            continue
        rows.agents[row.agent] = seen
        if before is None or before.presence != seen.presence:
            each.panels = True
            mine = [door for door in rows.config.doors if door.agent == row.agent]
            each.tiles |= {place_of(door) for door in mine}
            each.tiles |= {one.space for key, one in rows.series.items() if key[0] == row.agent}
        # whose way it is on is the business of the codes
        each.booked |= {space for space, list_ in rows.bookings.items() if _has_code(list_)}


def _has_code(bookings: Collection[Booked]) -> bool:
    return any(booked.code_lacks is not None for booked in bookings)


def _seen(row: AnyRow) -> AgentSeen:
    return AgentSeen(row.presence, (row.grants_epoch, row.grants_revision, bool(row.grants_detail)))


def _read(
    conn: Connection,
    known: Mapping[str, SiteRows],
    dirty: Mapping[str, Dirty],
    spaces: live.Wanted,
    series: live.Wanted,
    doors: live.Wanted,
    now: int,
) -> None:
    for row in live.space_rows(conn, spaces):
        known[row.site].spaces[row.space] = row
    _read_series(conn, known, dirty, series)
    for row in live.door_rows(conn, doors):
        known[row.site].doors[row.door] = row
    _read_panels(conn, known, {site for site, each in dirty.items() if each.panels})
    _read_signals(conn, known, dirty, {site for site, each in dirty.items() if each.signals})
    _read_commands(conn, known, dirty, {site for site, each in dirty.items() if each.commands}, now)
    _read_alerts(conn, known, dirty, {site for site, each in dirty.items() if each.alerts}, now)


def _read_series(
    conn: Connection, known: Mapping[str, SiteRows], dirty: Mapping[str, Dirty], wanted: live.Wanted
) -> None:
    """All series of the agents that are wanted: a birth may have ended some."""
    moved = set(wanted.sites)
    fresh: dict[str, dict[tuple[str, str], AnyRow]] = defaultdict(dict)
    for row in live.series_rows(conn, wanted, PRESENCE):
        fresh[row.site][row.agent, row.series] = row
    agents = set(wanted.pairs)
    for site, rows in known.items():
        if site not in wanted.sites and not any(pair[0] == site for pair in agents):
            continue
        mine = {agent for name, agent in agents if name == site}
        gone = {key: row for key, row in rows.series.items() if site in wanted.sites or key[0] in mine}
        new = fresh.get(site, {})
        if {key: row.space for key, row in gone.items()} != {key: row.space for key, row in new.items()}:
            moved.add(site)
        for key in gone:
            del rows.series[key]
        rows.series |= new
        changed = [row for key, row in new.items() if gone.get(key) != row]
        changed += [row for key, row in gone.items() if key not in new]
        dirty[site].tiles |= {row.space for row in changed}
    for site in moved:
        known[site].index_series()


def _read_panels(conn: Connection, known: Mapping[str, SiteRows], sites: set[str]) -> None:
    if sites:
        for site in sites:
            known[site].panels = {}
        for row in live.panel_rows(conn, live.Wanted(sites=sites)):
            known[row.site].panels[row.panel] = row


def _read_signals(
    conn: Connection, known: Mapping[str, SiteRows], dirty: Mapping[str, Dirty], sites: set[str]
) -> None:
    if not sites:
        return
    lit: dict[str, dict[str, bool]] = {site: {} for site in sites}
    own = {(site, signal.signal) for site in sites for signal in known[site].config.signals}
    for row in live.signal_rows(conn, sites):
        if (row.site, row.signal) in own:
            lit[row.site][row.space] = lit[row.site].get(row.space, True) and bool(row.on)
    for site, found in lit.items():
        before = known[site].lit
        dirty[site].tiles |= {space for space in {*before, *found} if before.get(space) != found.get(space)}
        known[site].lit = found


def _read_commands(
    conn: Connection, known: Mapping[str, SiteRows], dirty: Mapping[str, Dirty], sites: set[str], now: int
) -> None:
    if not sites:
        return
    before = {site: known[site].commands for site in sites}
    for site in sites:
        known[site].commands = []
    for row in live.command_rows(conn, sites, now - COMMAND_MS):
        known[row.site].commands.append(row)
    for site in sites:
        places = {door.door: place_of(door) for door in known[site].config.doors}
        of = {row.door for row in (*before[site], *known[site].commands)}
        dirty[site].tiles |= {places[door] for door in of if door in places}


def _read_alerts(
    conn: Connection, known: Mapping[str, SiteRows], dirty: Mapping[str, Dirty], sites: set[str], now: int
) -> None:
    if not sites:
        return
    resolved = live.last_resolved(conn, sites)
    for site in sites:
        rows = known[site]
        found = live.alert_rows(conn, site, LIVE_ALERTS, ALERTS)
        rows.alerts = tuple(alert_view(row, rows.config) for row in found)
        rows.last_resolved = resolved.get(site)
        calm = live.calm_rows(conn, site, now - CALM_MS, MOST_CALM)
        rows.calm = tuple(alert_view(row, rows.config) for row in calm)
        before, rows.alerted = rows.alerted, by_space(rows.alerts, rows.config)
        dirty[site].tiles |= {
            space for space in {*before, *rows.alerted} if before.get(space) != rows.alerted.get(space)
        }


def _read_beliefs(conn: Connection, known: Mapping[str, SiteRows], pairs: set[live.Pair], now: int) -> None:
    for site, space in pairs:
        known[site].changes[space] = []
    for row in live.occupancy_rows(conn, pairs, now - BEFORE_MS):
        known[row.site].changes[row.space].append((row.since, row.state))


def _read_booked(conn: Connection, known: Mapping[str, SiteRows], pairs: set[live.Pair], now: int) -> None:
    """Bookings of spaces, those to come with whether their codes are on the doors."""
    found = live.booking_rows(conn, pairs, now - BEFORE_MS, now + AHEAD_MS, now)
    ahead: dict[str, list[str]] = defaultdict(list)
    for row in found:
        if row.end > now:
            ahead[row.site].append(row.booking)
    lacks: dict[str, str] = {}
    for site, names in ahead.items():
        reports = codes_on_doors(conn, known[site].config, names, now)
        lacks |= {booking: first_reason(doors) for booking, doors in reports.items()}
    for site, space in pairs:
        known[site].bookings[space] = []
    for row in found:
        why = lacks.get(row.booking)
        if why is not None and row.withheld:
            why = row.withheld
        known[row.site].bookings[row.space].append(booked_view(row, why))
