"""The live picture as HTML: each part is drawn once for all readers of one language who may do the same."""

import json
import re
from typing import Final, NamedTuple

from markupsafe import Markup

from .board import Board, Figures
from .formats import Formats, iso
from .fragments import View
from .picture import Picture
from .render import Pages
from .skyline import meter

_AGE: Final = re.compile(r' data-at="(\d+)" data-zone="([^"]+)" data-age="(\w+)">[^<]*<')
_MEASURED: Final = re.compile(r'( data-measured=")\d+')
_MEASURED_AGE: Final = re.compile(r'(<p class="age"><time datetime=")[^"]*" data-at="\d+')
_LEVEL: Final = re.compile(r'(<p class="lvl"[^>]*>\s*<b[^>]*>[^<\d]*)\d+')
_BAR: Final = re.compile(r'(<rect class="v" width=")[\d.]+')
_OVER: Final = re.compile(r'(<rect class="o" x="([\d.]+)" width=")[\d.]+')
_SURE: Final = re.compile(r'(<span class="sure">[^<\d]*)\d+')

_FRAMES: Final = 64
"""Differences kept until the next frame; a page of a thousand spaces has a megabyte of them."""


class Drawn(NamedTuple):
    """HTML, and the frames whose part and whose figures it shows."""

    changed: int
    counted: int
    html: str


class Drawing:
    """Thread-safe. Frames are named ``boot-number``: those of another life of this process say nothing."""

    def __init__(self, pages: Pages, picture: Picture, boot: str) -> None:
        self.picture = picture
        self._pages = pages
        self._boot = boot
        self._parts: dict[tuple[str, bool, tuple[str, ...], str], Drawn] = {}
        self._frames: dict[tuple[View, int | None], str] = {}
        self._framed = (-1, -1)
        self.drawn = 0
        """Parts that were drawn so far."""

    def page(
        self, view: View, csrf: str, now: int, shown: tuple[str, ...]
    ) -> tuple[Board, dict[str, Markup], str]:
        """The board, the HTML of what all sites share and of the sites ``shown``, the name of their frame.

        Raises SQLAlchemyError while the store is away.
        """
        with self.picture.lock:
            self.picture.refresh([view.sites], now)
            board = self.picture.board(view.sites)
            formats = self._pages.formats(view.language)
            # what all sites share is small, holds the reader's token, and says that it was checked just now
            parts = {
                name: Markup(self._pages.fragment(view, fragment, now, csrf))
                for name, fragment in self.picture.shared(view.sites).items()
            }
            for name in self.picture.names(shown):
                parts[name] = Markup(_aged(self._html(view, name, now), formats, now))
            return board, parts, self.name()

    def name(self) -> str:
        """Of the last frame."""
        return f"{self._boot}-{self.picture.frame}"

    def number(self, name: str) -> int | None:
        """The number of the frame of that name; None for one that this process did not make."""
        boot, _, number = name.partition("-")
        if boot != self._boot or not (number.isascii() and number.isdigit()):
            return None
        return int(number) if int(number[:15]) <= self.picture.frame else None

    def frame(self, view: View, since: int | None, now: int) -> tuple[int, str, str]:
        """(number, name, JSON) for a page that has everything up to frame ``since``, or nothing."""
        with self.picture.lock:
            if self._framed != (self.picture.frame, now):
                self._framed = (self.picture.frame, now)
                self._frames = {}
            if (view, since) not in self._frames:
                if len(self._frames) >= _FRAMES:
                    del self._frames[next(iter(self._frames))]
                self._frames[view, since] = self._frame(view, since, now)
            return self.picture.frame, self.name(), self._frames[view, since]

    def _frame(self, view: View, since: int | None, now: int) -> str:
        found = self.picture.difference(view.sites, -1 if since is None else since)
        announce = () if since is None else found.announce
        return json.dumps(
            {
                "now": now,
                "frame": self.name(),
                "since": "" if since is None else f"{self._boot}-{since}",
                "fragments": {name: self._html(view, name, now) for name in found.parts},
                "figures": found.figures,
                "announce": [self._pages.announcement(view, alert, now) for alert in announce],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    def _html(self, view: View, name: str, now: int) -> str:
        """Without any reader's own token: the page's script puts it into the forms."""
        part = self.picture.part(view.sites, name)
        key = (view.language, view.may_act, view.sites if part.shared else (), name)
        found = self._parts.get(key)
        if found is None or found.changed != part.changed:
            self.drawn += 1
            found = Drawn(part.changed, part.counted, self._pages.fragment(view, part.fragment, now))
        elif found.counted != part.counted:
            found = Drawn(part.changed, part.counted, with_figures(found.html, part.fragment.item.figures))
        self._parts[key] = found
        return found.html


def with_figures(html: str, figures: Figures) -> str:
    """The HTML of a tile with other figures; ``static/live.js`` does the same in the page."""
    if figures.measured_at is not None:
        html = _MEASURED.sub(rf"\g<1>{figures.measured_at}", html)
        html = _MEASURED_AGE.sub(rf'\g<1>{iso(figures.measured_at)}" data-at="{figures.measured_at}', html)
    if figures.level_db is not None:
        place = meter(figures.level_db)
        html = _LEVEL.sub(rf"\g<1>{figures.level_db}", html)
        if limit := _OVER.search(html):
            over = round(max(0.0, place - float(limit[2])), 1)
            html = _OVER.sub(rf"\g<1>{over}", html)
            place = min(place, float(limit[2]))
        html = _BAR.sub(rf"\g<1>{place}", html)
    return _SURE.sub(rf"\g<1>{figures.confidence}", html)


def _aged(html: str, formats: Formats, now: int) -> str:
    """``html`` with its ages as they are at ``now``: it may have been drawn a while ago."""

    def again(found: re.Match[str]) -> str:
        at, zone, style = int(found[1]), found[2], found[3]
        return f' data-at="{at}" data-zone="{zone}" data-age="{style}">{formats.age(at, now, zone, style)}<'

    return _AGE.sub(again, html)
