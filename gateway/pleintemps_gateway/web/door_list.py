"""Every door with its codes, its agent and what is ill there; and one door with its schedule and codes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from pleintemps_contract.gateway_messages import Window
from pleintemps_contract.onvif import DoorAction, DoorMode
from pleintemps_gateway.access.on_door import CodeAtDoor, codes_at_doors, codes_on_doors
from pleintemps_gateway.access.weeks import windows
from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.config import DoorConfig, FreeOpeningConfig, GatewayConfig, SiteConfig
from pleintemps_gateway.ingest.days import CalendarWatch
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.schema import bookings, commands

from .board import Door
from .tonight import load_doors

_DAY_MS: Final = 86_400_000
MOST_CODES: Final = 60
MOST_WINDOWS: Final = 5


class Counted(NamedTuple):
    """How many codes a door knows, and of how many it lacks, by reason."""

    held: int
    lacking: int
    reasons: dict[str, int]


class Fault(NamedTuple):
    """A device of the door's agent that is ill, or whose battery is: in its own words."""

    device: str
    health: str
    detail: str


@dataclass(frozen=True, slots=True)
class DoorRow:
    """A door as the list shows it. ``heard`` is when its agent was heard of last (Unix ms)."""

    door: Door
    agent: str
    leads_from: str
    leads_to: str
    online: bool
    heard: int | None
    trusted: bool
    codes: Counted
    faults: tuple[Fault, ...]


class SiteDoors(NamedTuple):
    site: SiteConfig
    rows: tuple[DoorRow, ...]

    @property
    def silent(self) -> tuple[DoorRow, ...]:
        """Those that a command would not reach."""
        return tuple(row for row in self.rows if not row.online)

    @property
    def locked_down(self) -> int:
        return sum(row.door.mode == DoorMode.LOCKED_DOWN.value for row in self.rows)


class Opening(NamedTuple):
    """A free opening of the configuration, and its next windows."""

    rule: FreeOpeningConfig
    next: tuple[Window, ...]


class CodeRow(NamedTuple):
    """A code of a door: of a booking with this title, or of a recurring right where there is no title."""

    title: str
    booking: str
    right: str
    start: int
    end: int
    reason: str


def load_site_doors(
    conn: Connection, config: GatewayConfig, sites: Sequence[SiteConfig], now: int
) -> list[SiteDoors]:
    """The doors of each of ``sites``, in the order of the configuration."""
    names = [site.site for site in sites]
    views = load_doors(conn, config, names, now)
    agents = {(row.site, row.agent): row for row in reading.agents(conn, names)}
    ill: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    for row in reading.devices(conn, names):
        if row.health != "ok" or "battery" in row.detail:
            ill[row.site, row.agent].append(Fault(row.device, row.health, row.detail))
    found = []
    for site in sites:
        codes = counted(codes_at_doors(conn, site, now))
        places = {space.space: space.name for space in site.spaces}
        rows = []
        for door in site.doors:
            key = (site.site, door.agent)
            holder = agents.get(key)
            rows.append(
                DoorRow(
                    door=views[site.site, door.door],
                    agent=door.agent,
                    leads_from=places.get(door.from_, ""),
                    leads_to=places.get(door.to, ""),
                    online=holder is not None and holder.presence == "online",
                    heard=None if holder is None else holder.last_seen,
                    trusted=holder is not None and bool(holder.clock_trusted),
                    codes=codes.get(door.door, Counted(0, 0, {})),
                    faults=tuple(ill[key]),
                )
            )
        found.append(SiteDoors(site, tuple(rows)))
    return found


def counted(codes: Sequence[CodeAtDoor]) -> dict[str, Counted]:
    """By door."""
    held: Counter[str] = Counter(code.door for code in codes if not code.reason)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for code in codes:
        if code.reason:
            reasons[code.door][code.reason] += 1
    return {
        door: Counted(held[door], reasons[door].total(), dict(reasons[door])) for door in {*held, *reasons}
    }


def openings_of(site: SiteConfig, door: DoorConfig, now: int) -> list[Opening]:
    """When ``door`` stands open by itself, as its agent is told."""
    zone, is_closed = ZoneInfo(site.zone), CalendarWatch(site).is_closed
    found = []
    for rule in site.free_openings:
        if rule.door == door.door:
            ahead = [window for window in windows(rule, zone, now, is_closed) if window.end > now]
            found.append(Opening(rule, tuple(ahead[:MOST_WINDOWS])))
    return found


def codes_of_door(conn: Connection, site: SiteConfig, door: DoorConfig, now: int) -> list[CodeRow]:
    """The codes of bookings and rights that count at ``door`` within a day, and of later ones those that it
    lacks: first those that it lacks, then by the hour. At most :data:`MOST_CODES`.
    """
    placed = [code for code in codes_at_doors(conn, site, now) if code.door == door.door]
    wanted = [code for code in placed if code.reason or code.start < now + _DAY_MS]
    titles = _titles(conn, site.site, {code.booking for code in wanted if code.booking})
    rows = [
        CodeRow(titles.get(code.booking, ""), code.booking, code.right, code.start, code.end, code.reason)
        for code in wanted
    ]
    rows += _without(conn, site, door, {code.booking for code in placed}, now)
    rows.sort(key=lambda row: (not row.reason, row.start, row.title))
    return rows[:MOST_CODES]


def _without(
    conn: Connection, site: SiteConfig, door: DoorConfig, known: set[str], now: int
) -> list[CodeRow]:
    """Bookings of the next day whose way leads through ``door``, and that have no code at all."""
    behind = [space.space for space in site.spaces if door in doors_on_way(site.doors, space.space)]
    mine = (
        bookings.c.site == site.site,
        bookings.c.space.in_(behind),
        bookings.c.status == "confirmed",
        bookings.c.end > now,
        bookings.c.start < now + _DAY_MS,
    )
    rows = conn.execute(select(bookings).where(*mine).order_by(bookings.c.start)).all()
    missing = [row for row in rows if row.booking not in known]
    reports = codes_on_doors(conn, site, [row.booking for row in missing], now)
    found = []
    for row in missing:
        reason = next((each.reason for each in reports.get(row.booking, ()) if each.door == door.door), "")
        reason = row.withheld if reason == "withheld" and row.withheld else reason
        if reason:
            found.append(CodeRow(row.title, row.booking, "", row.start, row.end, reason))
    return found


def _titles(conn: Connection, site: str, names: set[str]) -> dict[str, str]:
    wanted, found = sorted(names), dict[str, Any]()
    for at in range(0, len(wanted), 500):
        mine = (bookings.c.site == site) & bookings.c.booking.in_(wanted[at : at + 500])
        found |= {row.booking: row.title for row in conn.execute(select(bookings).where(mine))}
    return found


def askers(conn: Connection, site: str, names: Collection[str]) -> dict[str, str]:
    """Who asked for these commands, and why where they said so."""
    mine = (commands.c.site == site) & commands.c.command.in_(names)
    rows = conn.execute(select(commands.c.command, commands.c.user, commands.c.reason).where(mine))
    return {row.command: f"{row.user}, {row.reason}" if row.reason else row.user for row in rows}


_RULED: Final = (
    DoorAction.UNLOCK,
    DoorAction.LOCK,
    DoorAction.LOCK_OPEN,
    DoorAction.BLOCK,
    DoorAction.LOCK_DOWN,
)


def offered(door: Door) -> tuple[DoorAction, ...]:
    """What may be asked of a door in its mode, but for a passage: as the agent's table answers, besides what
    moves nothing. Everything of a door whose mode is not known.
    """
    if door.known and door.fire:
        return ()
    if not door.known:
        return (*_RULED, DoorAction.LOCK_OPEN_RELEASE, DoorAction.LOCK_DOWN_RELEASE)
    if door.mode == DoorMode.LOCKED_DOWN.value:
        return (DoorAction.LOCK_DOWN_RELEASE,)
    if door.mode == DoorMode.LOCKED_OPEN.value:
        return (DoorAction.LOCK_OPEN_RELEASE, DoorAction.LOCK_DOWN)
    moot = {
        DoorMode.LOCKED.value: DoorAction.LOCK,
        DoorMode.UNLOCKED.value: DoorAction.UNLOCK,
        DoorMode.BLOCKED.value: DoorAction.BLOCK,
    }.get(door.mode)
    return tuple(action for action in _RULED if action is not moot)
