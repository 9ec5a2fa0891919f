"""Noise in sentences: what an alert found by its rule, what a space shows beside its level.

Every level is one at the sensor, every emergence is calculated: both are called indicators.
"""

from typing import Any, Final

from babel.numbers import format_decimal
from markupsafe import Markup

from .board import Alert, Tile
from .formats import Formats
from .i18n import Catalogue

Facts = dict[str, Any]
_NBSP: Final = "\u00a0"
_UNDER, _OVER = 1, 2
_PARTLY: Final = 0.9


class NoiseWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, formats: Formats) -> None:
        self._t = texts
        self._f = formats

    def alert(self, alert: Alert, facts: Facts) -> Markup:
        """What was found, since when the room is warned, what has followed."""
        t, f = self._t, self._f
        rules = {"public": self._public, "emergence": self._emergence, "rise": self._rise}
        parts = [rules.get(facts.get("rule", ""), self._limit)(facts)]
        if facts.get("range") == _OVER:
            parts.append(t.hgettext("The meter was overloaded: it was louder than that."))
        if facts.get("coverage", 1) < _PARTLY:
            share = f.percent(100 * facts["coverage"])
            parts.append(t.hgettext("Measured for %(percent)s of that time.", percent=share))
        if title := facts.get("booking_title"):
            parts.append(t.hgettext("Booked: %(title)s.", title=title))
        if facts.get("warned_at") is not None:
            clock = f.clock(facts["warned_at"], alert.zone)
            parts.append(t.hgettext("The room was warned at %(clock)s.", clock=clock))
        if facts.get("reminders"):
            clock = f.clock(facts["reminded_at"], alert.zone)
            count = t.number(facts["reminders"])
            parts.append(
                t.hgettext("Still too loud, reminder %(count)s at %(clock)s.", count=count, clock=clock)
            )
        if facts.get("unheard_since") is not None:
            clock = f.clock(facts["unheard_since"], alert.zone)
            parts.append(
                t.hgettext(
                    "Not measured since %(clock)s: whether it is still too loud is unknown.", clock=clock
                )
            )
        if alert.resolved is not None and facts.get("normal_db") is not None:
            parts.append(t.hgettext("Back to normal: %(level)s.", level=f.level(facts["normal_db"])))
        return Markup(" ").join(parts)

    def _limit(self, facts: Facts) -> Markup:
        t, f = self._t, self._f
        values = {
            "level": f.level(facts["level_db"]),
            "window": f.duration(facts["window_s"]),
            "limit": t.number(facts["limit_db"]),
        }
        if facts.get("quiet"):
            return t.hgettext("<b>%(level)s</b> over %(window)s, limit %(limit)s in quiet hours.", **values)
        return t.hgettext("<b>%(level)s</b> over %(window)s, limit %(limit)s.", **values)

    def _public(self, facts: Facts) -> Markup:
        t = self._t
        unit = f"{_NBSP}dB({facts['weighting']})"
        values = {
            "level": t.number(round(facts["level_db"])) + unit,
            "limit": t.number(round(facts["limit_db"])) + unit,
        }
        if facts.get("children"):
            return t.hgettext(
                "<b>%(level)s</b> over 15 min: above the %(limit)s that the law allows where children are "
                "(an indicator, at the sensor).",
                **values,
            )
        return t.hgettext(
            "<b>%(level)s</b> over 15 min: above the %(limit)s that the law allows where the public is "
            "(an indicator, at the sensor).",
            **values,
        )

    def _rise(self, facts: Facts) -> Markup:
        t, f = self._t, self._f
        return t.hgettext(
            "<b>%(level)s</b> over %(window)s in quiet hours without a booking, %(rise)s dB above this "
            "room's own background.",
            level=f.level(facts["level_db"]),
            window=f.duration(facts["window_s"]),
            rise=t.number(round(facts["level_db"] - facts["background_db"])),
        )

    def _emergence(self, facts: Facts) -> Markup:
        t, f = self._t, self._f
        values = {
            "emergence": f"{self._tenths(facts['emergence_db'])}{_NBSP}dB",
            "limit": t.number(facts["emergence_limit_db"]),
        }
        if facts["octave"] is None:
            first = t.hgettext("Emergence at the neighbour <b>%(emergence)s</b>, limit %(limit)s.", **values)
        else:
            first = t.hgettext(
                "Emergence at the neighbour <b>%(emergence)s</b> around %(octave)s Hz, limit %(limit)s.",
                octave=t.number(facts["octave"]),
                **values,
            )
        parts = [first]
        if facts.get("amplified"):
            parts.append(t.hgettext("Amplified sound: no correction for its duration."))
        elif facts["octave"] is None:
            heard = f.duration(facts["duration_s"])
            more = t.number(facts["correction_db"])
            parts.append(
                t.hgettext(
                    "Heard there for %(duration)s: +%(correction)s dB.", duration=heard, correction=more
                )
            )
        parts.append(
            t.hgettext(
                "An indicator, from the measurement of %(date)s by %(by)s.",
                date=facts["measured_on"],
                by=facts["measured_by"],
            )
        )
        return Markup(" ").join(parts)

    def _tenths(self, decibels: float) -> str:
        """3,4: beside a limit of 3 a whole figure would look kept."""
        return format_decimal(decibels, "0.#", locale=self._t.locale)

    def habit(self, facts: Facts) -> Markup:
        """Amplified sound so often that the law calls it habitual."""
        t = self._t
        return t.hgettext(
            "Amplified sound on <b>%(year)s</b> days in 12 months, %(month)s in 30 days: habitual by the "
            "law, a study of its impact is due.",
            year=t.number(facts["days_year"]),
            month=t.number(facts["days_month"]),
        )

    def level(self, tile: Tile) -> str:
        """The level of a space: at least this after an overload, at most the meter's floor."""
        if tile.level_db is None:
            return ""
        text = self._f.level(tile.level_db)
        return {_UNDER: f"<{_NBSP}{text}", _OVER: f">{_NBSP}{text}"}.get(tile.level_range or 0, text)

    def beside(self, tile: Tile) -> str:
        """What is known beside the level; empty with nothing."""
        t, f = self._t, self._f
        parts = []
        if tile.level_range == _UNDER:
            parts.append(t.gettext("under the meter's floor"))
        elif tile.level_range == _OVER:
            parts.append(t.gettext("meter overloaded"))
        if tile.background_db is not None:
            parts.append(t.gettext("background %(level)s", level=f.level(tile.background_db)))
        if tile.emergence_db is not None:
            figure = f"{self._tenths(tile.emergence_db)}{_NBSP}dB"
            parts.append(t.gettext("emergence %(level)s (indicator)", level=figure))
        if tile.warned_at is not None:
            clock = f.clock(tile.warned_at, tile.zone)
            parts.append(t.gettext("room warned at %(clock)s", clock=clock))
        if tile.lit is not None:
            parts.append(t.gettext("light on") if tile.lit else t.gettext("light does not answer yet"))
        return " · ".join(parts)
