"""One site as the page shows it, with the number of the frame in which each part changed last. Pure."""

import bisect
from collections.abc import Collection, Iterator

from .board import Coming, Counts, Site, Tile
from .following import Dirty
from .fragments import Fragment, of_site, of_tile, tile_name
from .siterows import COMING_MOST, COMING_MS, SiteRows, doors_by_space, tile_due
from .slots import Mask, add_up, mask, slot_of

Sums = tuple[tuple[int, int, int], ...]


class SitePicture:
    """``changed`` and ``counted``: by the name of a part, the frame in which it, or its figures, changed."""

    def __init__(self, rows: SiteRows) -> None:
        self.mark = 0
        self.broken = False
        """A reading failed half-way: the rows are to be read whole."""
        self.fragments: dict[str, Fragment] = {}
        self.changed: dict[str, int] = {}
        self.counted: dict[str, int] = {}
        self.tiles: dict[str, Tile] = {}
        self._dues: dict[str, int] = {}
        self._commands_due: int | None = None
        self._masks: dict[str, Mask] = {}
        self._slot: tuple[int, int] | None = None
        self._sums: Sums = ()
        self.take(rows)

    def take(self, rows: SiteRows) -> None:
        """Rows that were read whole; :meth:`make` of :meth:`everything` follows."""
        self.rows = rows
        self.broken = False
        self._doors = doors_by_space(rows.config)
        self._spaces = {space.space: space for space in rows.config.spaces}
        self._coming: list[Coming] = []

    def everything(self) -> Dirty:
        every = set(self._spaces)
        return Dirty(tiles=set(every), booked=set(every), beliefs=set(every))

    def grow_old(self, now: int, dirty: Dirty) -> None:
        """Add to ``dirty`` what time alone has changed."""
        if self._commands_due is not None and now >= self._commands_due:
            dirty.commands = True
        if (calm := self.rows.calm_due) is not None and now >= calm:
            dirty.alerts = True
        for space, due in self._dues.items():
            if now >= due:
                dirty.tiles.add(space)
                following = self.tiles[space].following
                if following is not None and now >= following.start:
                    dirty.booked.add(space)  # the one behind it may not be known yet

    @property
    def due(self) -> int | None:
        """When time alone changes something."""
        return min(
            (*self._dues.values(), *filter(None, [self._commands_due, self.rows.calm_due])), default=None
        )

    def make(self, dirty: Dirty, now: int, frame: int) -> bool:
        """Make anew what is ``dirty``, as of ``now``; whether anything looks different in ``frame``."""
        changed = False
        asked = self.rows.asked(now, of_panels=False)
        for space in dirty.tiles:
            config = self._spaces[space]
            tile = self.rows.tile(config, self._doors.get(space, ()), asked, now)
            before = self.tiles.get(space)
            self.tiles[space] = tile
            self._dues[space] = tile_due(tile, now)
            name = tile_name(tile)
            changed |= self._put(name, of_tile(tile), frame)
            if before is None or before.figures != tile.figures:
                self.counted[name] = frame
                changed = True
        self._commands_due = min((at for at in self.rows.commands_due(now) if at > now), default=None)
        if dirty.booked:
            self._coming = self.rows.coming()
        for space in dirty.booked | dirty.beliefs:
            self._masks.pop(space, None)
        self.site: Site = self.rows.site(self.tiles, now)
        self.counts = self._count()
        return self._put(f"site-{self.site.site}", of_site(self.site), frame) or changed

    def _put(self, name: str, fragment: Fragment, frame: int) -> bool:
        old = self.fragments.get(name)
        self.fragments[name] = fragment
        if old is not None and old.face == fragment.face:
            return False
        self.changed[name] = frame
        return True

    def _count(self) -> Counts:
        tiles = self.tiles.values()
        return Counts(
            alert=self.site.alerts,
            watch=self.site.watches,
            occupied=sum(tile.occupied for tile in tiles),
            stale=sum(tile.freshness == "stale" for tile in tiles),
            unknown=sum(tile.freshness == "unknown" for tile in tiles),
        )

    def sums(self, start: int, now: int) -> Sums:
        """The half-hours from ``start`` on, summed over the spaces."""
        here = (start, slot_of(start, now))
        if here != self._slot:
            self._slot, self._masks = here, {}
        if len(self._masks) < len(self._spaces):
            for space in self._spaces.keys() - self._masks.keys():
                booked = [(each.start, each.end) for each in self.rows.bookings.get(space, ())]
                self._masks[space] = mask(start, now, self.rows.changes.get(space, ()), booked)
            self._sums = add_up(self._masks.values(), here[1])
        return self._sums

    def coming(self, now: int) -> Iterator[Coming]:
        """The first of what comes within the next hours."""
        first = bisect.bisect_right(self._coming, now, key=lambda coming: coming.at)
        for each in self._coming[first : first + COMING_MOST]:
            if each.at <= now + COMING_MS:
                yield each


def total(counts: Collection[Counts]) -> Counts:
    """Of several sites."""
    return Counts(
        alert=sum(each.alert for each in counts),
        watch=sum(each.watch for each in counts),
        occupied=sum(each.occupied for each in counts),
        stale=sum(each.stale for each in counts),
        unknown=sum(each.unknown for each in counts),
    )
