"""The parts of "Tonight" that the live stream replaces, by the id of their element."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from .board import Board, Site, Tile
from .skyline import storeys

# The line of "now" in the skyline moves in steps, so that the picture is not sent at every frame.
_SKY_STEP_MS: Final = 5 * 60_000


@dataclass(frozen=True, slots=True)
class View:
    """All viewers of one view see the same HTML: language, sites, and whether they may act."""

    language: str
    sites: tuple[str, ...]
    may_act: bool


@dataclass(frozen=True, slots=True)
class Fragment:
    """``template`` shows ``item``; fragments of equal ``face`` look alike."""

    template: str
    item: Any
    face: Any

    @property
    def key(self) -> str:
        """Tells a page whether it has this very fragment."""
        return hashlib.blake2b(repr(self.face).encode(), digest_size=8).hexdigest()


def _plain(template: str, item: Any) -> Fragment:
    return Fragment(template, item, item)


def tile_name(tile: Tile) -> str:
    return f"tile-{tile.site}_{tile.space}"  # no name has "_" in it: "a-b" and "c" are not "a" and "b-c"


def of_tile(tile: Tile) -> Fragment:
    return Fragment("_tile.html", tile, tile.face)


def of_site(site: Site) -> Fragment:
    return _plain("_site.html", (len(site.tiles), site.alerts, site.watches, site.site, site.panels))


def of_town(board: Board) -> dict[str, Fragment]:
    """What all sites of a reader share."""
    step = board.now - board.now % _SKY_STEP_MS
    sky = Fragment("_sky.html", (board.skyline, step), (storeys(board.skyline), board.skyline.quiet, step))
    return {
        "counts": _plain("_counts.html", board.counts),
        "badge": _plain("_badge.html", board.counts.alert + board.counts.watch),
        "attention": _plain("_attention.html", board.attention),
        "coming": _plain("_coming.html", board.coming),
        "sky": sky,
    }
