"""What somebody looks for, read from what was typed: pure. Nonsense is named, never raised."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from typing import Final, NamedTuple, get_args

from pleintemps_gateway.config import Service

from .availability import MIDNIGHT, WHOLE_DAY, Hours

SERVICES: Final[tuple[str, ...]] = get_args(Service)
LEAST_MINUTES: Final = 30
"""Shorter times are not shown where nothing else is asked for."""
AHEAD_DAYS: Final = 400
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_NUMBER: Final = re.compile(r"[0-9]{1,6}\Z")
_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}\Z")


class Wish(NamedTuple):
    """Of ``day`` (today if None) the hours ``from_`` to ``to``; with ``until`` that weekday of every week.

    ``minutes`` is enough within these hours; without it a space must be free for all of them.
    """

    site: str = ""
    space: str = ""
    day: date | None = None
    from_: time | None = None
    to: time | None = None
    minutes: int | None = None
    people: int = 0
    services: frozenset[str] = frozenset()
    until: date | None = None

    @property
    def hours(self) -> Hours:
        if self.from_ is None and self.to is None:
            return WHOLE_DAY
        return Hours(self.from_ or MIDNIGHT, self.to or MIDNIGHT)

    @property
    def is_whole(self) -> bool:
        """Whether all of the hours are wanted."""
        return self.minutes is None and self.from_ is not None and self.to is not None


class Read(NamedTuple):
    """``faults`` names what could not be read, in order; the wish is without it."""

    wish: Wish
    faults: list[str]


def read_wish(told: Mapping[str, Sequence[str]], today: date) -> Read:
    """The wish of query parameters; empty ones say nothing, of several the last counts."""
    reader = _Reader(told, today)
    site, space = reader.slug("site"), reader.slug("space")
    day, until = reader.day("day"), reader.day("until")
    from_, to = reader.clock("from"), reader.clock("to")
    minutes = reader.number("minutes", 1, 1_440)
    people = reader.number("people", 0, 100_000)
    services = {name for name in told.get("service", ()) if name}
    if not services <= set(SERVICES):
        reader.faults.append("service")
    if until is not None:
        reader.faults += [name for name, value in (("from", from_), ("to", to)) if value is None]
        if until < (day or today):
            reader.faults.append("until")
    wish = Wish(site, space, day, from_, to, minutes, people or 0, frozenset(services & set(SERVICES)), until)
    return Read(wish, list(dict.fromkeys(reader.faults)))


class _Reader:
    def __init__(self, told: Mapping[str, Sequence[str]], today: date) -> None:
        self._told = told
        self._today = today
        self.faults: list[str] = []

    def _text(self, name: str) -> str:
        values = self._told.get(name) or ("",)
        return values[-1].strip()

    def _matched(self, name: str, pattern: "re.Pattern[str]") -> str:
        text = self._text(name)
        if text and not pattern.match(text):
            self.faults.append(name)
            return ""
        return text

    def slug(self, name: str) -> str:
        return self._matched(name, _SLUG)

    def clock(self, name: str) -> time | None:
        text = self._matched(name, _CLOCK)
        return time.fromisoformat(text) if text else None

    def day(self, name: str) -> date | None:
        text = self._matched(name, _DAY)
        if not text:
            return None
        try:
            found = date.fromisoformat(text)
        except ValueError:
            self.faults.append(name)
            return None
        if not timedelta(0) <= found - self._today <= timedelta(days=AHEAD_DAYS):
            self.faults.append(name)
            return None
        return found

    def number(self, name: str, least: int, most: int) -> int | None:
        text = self._matched(name, _NUMBER)
        if not text:
            return None
        if not least <= int(text) <= most:
            self.faults.append(name)
            return None
        return int(text)
