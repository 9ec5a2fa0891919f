"""The live picture of "Tonight": read whole once, then only what the change feed names.

Every change has the number of a frame. Whoever has the page as of frame n is given what changed since: a page
just loaded, a viewer who was slow, one who comes back, all alike, and no history is kept.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.changes import changes_since

from . import evening
from .board import Alert, AlertList, Board, Coming, Figures
from .evening import Interval
from .following import ALERTS, KINDS, RELOAD_MS, Dirty, read_changed, read_whole
from .fragments import Fragment, of_town
from .sitepicture import SitePicture, total
from .siterows import COMING_MOST, COMING_MS, MOST_CALM, order_of_coming
from .slots import skyline
from .tonight import in_order

MOST_CHANGES: Final = 5_000
"""Of one site between two looks; with more it is read whole."""
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page, the frames in which it and its figures changed last, whether all sites share it."""

    fragment: Fragment
    changed: int
    counted: int
    shared: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed after a frame: parts by name, figures by the name of a tile, new alerts."""

    parts: tuple[str, ...]
    figures: dict[str, Figures]
    announce: tuple[Alert, ...]


@dataclass(slots=True)
class _Town:
    """What the readers of the same sites share."""

    board: Board
    fragments: dict[str, Fragment] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    opened: dict[Name, int] = field(default_factory=dict)
    homes: dict[str, SitePicture] = field(default_factory=dict)
    """Of each part that was asked for, its site."""


class Picture:
    """Memory: one record for each space, door and alert of the sites that somebody has looked at.

    Not thread-safe by itself: hold :attr:`lock` around what belongs together.
    """

    def __init__(self, engine: Engine, config: GatewayConfig) -> None:
        self._engine = engine
        self._configs = {site.site: site for site in config.sites}
        self._sites: dict[str, SitePicture] = {}
        self._towns: dict[tuple[str, ...], _Town] = {}
        self._seen = 0
        self.lock = threading.RLock()
        self.frame = 0
        self.reads = 0
        """Sites that were read whole so far."""

    def refresh(self, wanted: Collection[tuple[str, ...]], now: int) -> bool:
        """Bring the picture of these sets of sites to ``now``; whether anything looks different.

        Raises SQLAlchemyError while the store is away; the next call then reads whole what was touched.
        """
        names = {site for sites in wanted for site in sites}
        frame = self.frame + 1
        with self.lock:
            with self._engine.connect() as conn:
                changed = self._follow(conn, names, now, frame)
            for sites in wanted:
                changed |= self._compose(sites, now, frame)
            if changed:
                self.frame = frame
            self._seen = now
            return changed

    def has_changed(self, sites: Collection[str], now: int) -> bool:
        """Whether a look would find anything, by the ends of the feed and by time."""
        with self._engine.connect() as conn:
            marks = reading.change_marks(conn, sites)
        for name, mark in marks.items():
            site = self._sites.get(name)
            if site is None or site.mark != mark or (site.due is not None and now >= site.due):
                return True
        return False

    def _follow(self, conn: Connection, names: Collection[str], now: int, frame: int) -> bool:
        marks = reading.change_marks(conn, names)
        whole, dirty = set[str](), dict[str, Dirty]()
        for name, mark in marks.items():
            site = self._sites.get(name)
            if (
                site is None
                or site.broken
                or not site.mark <= mark <= site.mark + MOST_CHANGES
                or not self._seen <= now < site.rows.loaded + RELOAD_MS
            ):
                whole.add(name)
                continue
            each = Dirty()
            if mark != site.mark:
                for kind, key in changes_since(conn, name, site.mark, KINDS):
                    each.note(kind, key)
            site.grow_old(now, each)
            if each != Dirty():
                dirty[name] = each
            else:
                site.mark = mark
        try:
            read_changed(conn, {name: self._sites[name].rows for name in dirty}, dirty, now)
        except SQLAlchemyError:
            for name in dirty:
                self._sites[name].broken = True
            raise
        if whole:
            self.reads += len(whole)
            for name, rows in read_whole(conn, [self._configs[name] for name in sorted(whole)], now).items():
                if name not in self._sites:
                    self._sites[name] = SitePicture(rows)
                else:
                    self._sites[name].take(rows)
                dirty[name] = self._sites[name].everything()
        changed = False
        for name, each in dirty.items():
            self._sites[name].mark = marks[name]
            changed |= self._sites[name].make(each, now, frame)
        return changed

    def _compose(self, sites: tuple[str, ...], now: int, frame: int) -> bool:
        board = self._board(sites, now)
        town = self._towns.get(sites)
        if town is None:
            town = self._towns[sites] = _Town(board)
        town.board = board
        changed = False
        for name, fragment in of_town(board).items():
            old = town.fragments.get(name)
            town.fragments[name] = fragment
            if old is None or old.face != fragment.face:
                town.changed[name] = frame
                changed = True
        opened = [_name(alert) for alert in board.attention.alerts if alert.state == "open"]
        town.opened = {name: town.opened.get(name, frame) for name in opened}
        return changed

    def _board(self, names: tuple[str, ...], now: int) -> Board:
        sites = [self._sites[name] for name in names]
        first = sites[0].rows.config
        start, end = evening.window(now, ZoneInfo(first.zone))
        quiet = _quiet(first, start, end)
        young = sorted(
            (alert for site in sites for alert in site.rows.alerts), key=lambda a: (-a.opened, a.alert)
        )
        calm = [alert for site in sites for alert in site.rows.calm]
        resolved = (site.rows.last_resolved for site in sites)
        return Board(
            now=now,
            zone=first.zone,
            counts=total([site.counts for site in sites]),
            sites=tuple(site.site for site in sites),
            attention=AlertList(
                in_order(young[:ALERTS]),
                first.zone,
                max((at for at in resolved if at is not None), default=None),
                str(evening.local(now, ZoneInfo(first.zone)).date()),
                tuple(sorted(calm, key=lambda a: (-(a.resolved or 0), a.alert))[:MOST_CALM]),
            ),
            coming=_coming(sites, first, now),
            skyline=skyline(first.zone, start, [site.sums(start, now) for site in sites], quiet),
            quiet_since=next((begin for begin, until in quiet if begin <= now < until), None),
        )

    # --- what was made -------------------------------------------------------------------------------

    def board(self, sites: tuple[str, ...]) -> Board:
        """As of the last :meth:`refresh`."""
        return self._towns[sites].board

    def shared(self, sites: tuple[str, ...]) -> dict[str, Fragment]:
        """The parts that belong to no single site."""
        return self._towns[sites].fragments

    def names(self, sites: tuple[str, ...]) -> Iterator[str]:
        """The parts of single sites."""
        for site in sites:
            yield from self._sites[site].fragments

    def part(self, sites: tuple[str, ...], name: str) -> Part:
        """Raises KeyError for a name that no part of the page has."""
        town = self._towns[sites]
        if name in town.fragments:
            return Part(town.fragments[name], town.changed[name], 0, shared=True)
        site = town.homes.get(name)
        if site is None:
            site = next((s for s in (self._sites[each] for each in sites) if name in s.fragments), None)
            if site is None:
                raise KeyError(name)
            town.homes[name] = site
        return Part(site.fragments[name], site.changed[name], site.counted.get(name, 0), shared=False)

    def difference(self, sites: tuple[str, ...], since: int) -> Difference:
        """What the page of these ``sites`` lacks that has everything up to frame ``since``."""
        town = self._towns[sites]
        parts = [name for name, at in town.changed.items() if at > since]
        figures: dict[str, Figures] = {}
        for each in sites:
            site = self._sites[each]
            new = {name for name, at in site.changed.items() if at > since}
            parts += new
            for name, at in site.counted.items():
                if at > since and name not in new:
                    figures[name] = site.fragments[name].item.figures
        announce = [a for a in town.board.attention.alerts if town.opened.get(_name(a), 0) > since]
        return Difference(tuple(parts), figures, tuple(announce))

    @property
    def due(self) -> int | None:
        """When time alone changes something."""
        return min((site.due for site in self._sites.values() if site.due is not None), default=None)


def load_board(conn: Connection, config: GatewayConfig, sites: Sequence[str], now: int) -> Board:
    """The board of those ``sites``, read whole; ``now`` is Unix ms."""
    picture = Picture(conn.engine, config)
    names = tuple(site.site for site in config.sites if site.site in sites)
    picture._follow(conn, names, now, 1)
    return picture._board(names, now)


def _coming(sites: Sequence[SitePicture], first: SiteConfig, now: int) -> tuple[Coming, ...]:
    found = [coming for site in sites for coming in site.coming(now)]
    for start, stop in _quiet(first, now, now + COMING_MS):
        found.append(Coming(start, first.zone, "quiet-start", "", "", None, None))
        found.append(Coming(stop, first.zone, "quiet-end", "", "", None, None))
    soon = [coming for coming in found if now < coming.at <= now + COMING_MS]
    return tuple(sorted(soon, key=order_of_coming)[:COMING_MOST])


def _quiet(site: SiteConfig, start: int, end: int) -> tuple[Interval, ...]:
    rules = site.rules
    special = {kind: (hours.from_, hours.to) for kind, hours in rules.quiet.items()}
    return calendar_of(site).quiet_hours((rules.quiet_from, rules.quiet_to), special).spans(start, end)


def _name(alert: Alert) -> Name:
    return alert.site, alert.alert
