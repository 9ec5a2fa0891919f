"""Times, ages and figures as the words of the pages want them: 22:41, il y a 12 min, 74 dB(A)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, get_day_names
from markupsafe import Markup

from .i18n import Catalogue

_HOUR_S: Final = 3600
_NBSP: Final = "\u00a0"
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Formats:
    """Bound to one catalogue; every local time is asked for with its zone."""

    def __init__(self, texts: Catalogue) -> None:
        self._texts = texts

    def clock(self, at: int, zone: str) -> str:
        """22:41; of the hour that comes twice when summer ends: 02:15 (heure d'été)."""
        return self._hour(_local(at, zone))

    def _hour(self, local: datetime) -> str:
        text = local.strftime("%H:%M")
        if local.replace(fold=0).utcoffset() <= local.replace(fold=1).utcoffset():  # type: ignore[operator]
            return text
        season = self._texts.gettext("winter time") if local.fold else self._texts.gettext("summer time")
        return f"{text} ({season})"

    def span(self, start: int, end: int, zone: str) -> str:
        """20:00–22:30"""
        return f"{self.clock(start, zone)}–{self.clock(end, zone)}"

    def day(self, at: int, zone: str) -> str:
        """Jeudi 19 novembre"""
        text = format_datetime(_local(at, zone), "EEEE d MMMM", locale=self._texts.locale)
        return text[:1].upper() + text[1:]

    def date(self, at: int, zone: str) -> str:
        """19 novembre 2026"""
        return str(format_datetime(_local(at, zone), "d MMMM yyyy", locale=self._texts.locale))

    def period(self, start: int, end: int, zone: str) -> str:
        """Jeudi 19 novembre, 20:00–22:30; from a day on, with the day on which it ends."""
        if end - start < 24 * _HOUR_S * 1000:
            return f"{self.day(start, zone)}, {self.span(start, end, zone)}"
        first, last = self.day(start, zone), self.day(end, zone)
        return f"{first}, {self.clock(start, zone)} – {last.lower()}, {self.clock(end, zone)}"

    def weekdays(self, names: Sequence[str]) -> str:
        """lundi, jeudi: of ``mon`` and ``thu``, in the order of the week."""
        known = get_day_names("wide", locale=self._texts.locale)
        return ", ".join(str(known[number]) for number, name in enumerate(_WEEK) if name in names)

    def moment(self, at: int, zone: str, now: int) -> str:
        """The hour on the same day, "demain 08:30" on the next, else with the weekday or the date."""
        there, here = _local(at, zone), _local(now, zone)
        days = (there.date() - here.date()).days
        clock = self._hour(there)
        if days == 0:
            return clock
        if days == 1:
            return self._texts.gettext("tomorrow %(clock)s", clock=clock)
        pattern = "EEEE" if abs(days) < 7 else "d MMMM"
        return f"{format_datetime(there, pattern, locale=self._texts.locale)} {clock}"

    def age(self, at: int, now: int, zone: str, style: str = "plain") -> str:
        """How long ago: seconds, then minutes up to an hour, then the moment.

        ``plain`` gives "8 s", ``ago`` "il y a 12 min" for a fact, ``since`` "depuis 14 min" for a state that
        lasts; ``span`` stays a duration however long it is.
        """
        texts, seconds = self._texts, max(0, now - at) // 1000
        if style == "span":
            return self.duration(seconds)
        if seconds >= _HOUR_S:
            moment = self.moment(at, zone, now)
            if style == "since":
                return texts.gettext("since %(clock)s", clock=moment)
            return texts.gettext("at %(clock)s", clock=moment) if style == "ago" else moment
        short = self.duration(seconds)
        if style == "since":
            return texts.gettext("for %(age)s", age=short)
        return texts.gettext("%(age)s ago", age=short) if style == "ago" else short

    def duration(self, seconds: float) -> str:
        """8 s, 14 min, 3 h"""
        if seconds < 60:
            return f"{int(seconds)}{_NBSP}s"
        if seconds < _HOUR_S:
            return f"{int(seconds // 60)}{_NBSP}min"
        return f"{int(seconds // _HOUR_S)}{_NBSP}h"

    def limit(self, seconds: int) -> str:
        """A limit to the second: 90 s, 15 min"""
        return self.duration(seconds) if seconds % 60 == 0 else f"{seconds}{_NBSP}s"

    def age_element(self, at: int, now: int, zone: str, style: str = "plain", name: str = "") -> Markup:
        """The age as an element that the page's script keeps counting; ``name`` is its id, if any."""
        named = Markup('id="{}" ').format(name) if name else ""
        return Markup('<time {}datetime="{}" data-at="{}" data-zone="{}" data-age="{}">{}</time>').format(
            named, iso(at), at, zone, style, self.age(at, now, zone, style)
        )

    def level(self, decibels: float) -> str:
        """74 dB(A)"""
        return f"{self._texts.number(round(decibels))}{_NBSP}dB(A)"

    def percent(self, share: float) -> str:
        """98 %, in English 98%"""
        figure = self._texts.number(round(share))
        return f"{figure}{_NBSP}%" if self._texts.language == "fr" else f"{figure}%"


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
