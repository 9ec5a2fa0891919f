"""What stands beside a site on the map and in a space on its plan."""

from .board import Tile
from .formats import Formats
from .i18n import Catalogue
from .places import Pin


class PlaceWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, formats: Formats) -> None:
        self._t = texts
        self._f = formats

    def pin(self, pin: Pin) -> str:
        """2 free of 3"""
        t = self._t
        if pin.unknown and pin.unknown == pin.total:
            return t.gettext("nothing known")
        return t.gettext("%(free)s free of %(total)s", free=t.number(pin.free), total=t.number(pin.total))

    def announced(self, pin: Pin) -> str:
        """The same for who does not see the signs."""
        ranks = {"alert": self._t.gettext("Alert"), "watch": self._t.gettext("To watch")}
        parts = [pin.name, self.pin(pin), ranks.get(pin.rank, "")]
        return ", ".join(part for part in parts if part)

    def state(self, tile: Tile) -> str:
        """The state of a space in two or three words."""
        t, f = self._t, self._f
        if tile.freshness == "unknown":
            return t.gettext("Unknown")
        if tile.freshness == "stale":
            plain = t.gettext("occupied") if tile.state == "occupied" else t.gettext("free")
            return t.gettext("Last state: %(state)s", state=plain)
        if not tile.sure:
            return t.gettext("Probably occupied") if tile.state == "occupied" else t.gettext("Probably free")
        word = t.gettext("Occupied") if tile.state == "occupied" else t.gettext("Free")
        return word if tile.probability is None else f"{word} {f.percent(tile.confidence)}"

    def level(self, tile: Tile) -> str:
        """74 dB(A), max 65 where it is above; empty without a measurement."""
        if tile.level_db is None or tile.freshness == "unknown":
            return ""
        text = self._f.level(tile.level_db)
        if tile.over_limit and tile.limit_db is not None:
            return f"{text}, {self._t.gettext('max')} {self._t.number(tile.limit_db)}"
        return text

    def until(self, tile: Tile, now: int) -> str:
        """Until when a free space is free: its next booking."""
        if tile.following is None:
            return self._t.gettext("nothing booked")
        return self._f.moment(tile.following.start, tile.zone, now)

    def vacant(self, until: int | None, zone: str) -> str:
        """Until when nobody has booked it."""
        if until is None:
            return self._t.gettext("the end of the day at least")
        return self._f.clock(until, zone)
