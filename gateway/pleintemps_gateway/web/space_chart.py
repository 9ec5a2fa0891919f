"""One axis of time as SVG: bookings, presence, doors, level with limit and quiet hours. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from .space_series import DAY_MS, Axis, Series

_WIDE, _NARROW = (1000, 130), (380, 44)
_TOP: Final = 22
_BOOKED: Final = (30, 24)
_PRESENCE: Final = (70, 44)
_DOORS: Final = 140
_LEVEL: Final = (172, 150)
_BOTTOM: Final = 340
_MOST_POINTS: Final = 500


def draw_space(
    series: Series, words: dict[str, str], title: str, zone: str, *, narrow: bool = False
) -> Markup:
    """``words``: bookings, presence, doors, level, quiet, limit; ``title`` says the whole in words."""
    return _Drawing(series, words, zone, narrow).svg(title)


class _Drawing:
    def __init__(self, series: Series, words: dict[str, str], zone: str, narrow: bool) -> None:
        self._s = series
        self._w = words
        self._zone = ZoneInfo(zone)
        self._width, self._left = _NARROW if narrow else _WIDE
        self._narrow = narrow
        known = [each for each in (*series.level, *series.limit) if each is not None]
        self._low = min([40.0, *known]) // 10 * 10
        self._high = -(-max([80.0, *known]) // 10) * 10

    def _x(self, at: float) -> float:
        axis = self._s.axis
        share = (min(max(at, axis.start), axis.end) - axis.start) / (axis.end - axis.start)
        return round(self._left + share * (self._width - self._left - 8), 1)

    def _y(self, level: float) -> float:
        top, height = _LEVEL
        return round(top + height * (self._high - level) / (self._high - self._low), 1)

    def svg(self, title: str) -> Markup:
        parts = [
            *self._ground(),
            *self._bookings(),
            *self._presence(),
            *self._doors(),
            *self._levels(),
            *self._now(),
        ]
        head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            self._width, _BOTTOM + 20, title
        )
        return head + Markup("").join(parts) + Markup("</svg>")

    def _ground(self) -> list[Markup]:
        parts = []
        for start, end in self._s.quiet:
            x = self._x(start)
            rect = Markup('<rect class="quiet" x="{}" y="{}" width="{}" height="{}"/>')
            parts.append(rect.format(x, _TOP, round(self._x(end) - x, 1), _BOTTOM - _TOP))
        for at, text in ticks(self._s.axis, self._zone, 4 if self._narrow else 8):
            x = self._x(at)
            line = Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
            parts.append(line.format(x, _TOP, _BOTTOM))
            parts.append(Markup('<text x="{}" y="{}">{}</text>').format(x, _BOTTOM + 16, text))
        for key, y in (("bookings", 46), ("presence", 88), ("doors", _DOORS + 4), ("level", _LEVEL[0] + 14)):
            # on a phone the names stand above their lanes
            place = (self._left + 2, y - 18) if self._narrow else (0, y)
            parts.append(Markup('<text class="lab" x="{}" y="{}">{}</text>').format(*place, self._w[key]))
        return parts

    def _bookings(self) -> list[Markup]:
        top, height = _BOOKED
        if not self._s.axis.is_short:
            return self._area(self._s.booked, top, height, "booking")
        parts = []
        for start, end, title in self._s.bookings:
            x = self._x(start)
            width = round(max(2.0, self._x(end) - x), 1)
            rect = Markup('<rect class="booking" x="{}" y="{}" width="{}" height="{}"/>')
            parts.append(rect.format(x, top, width, height))
            letters = int(width / 7.5) - 1
            if letters >= 4:
                short = title if len(title) <= letters else title[: letters - 1] + "…"
                text = Markup('<text class="booking-t" x="{}" y="{}">{}</text>')
                parts.append(text.format(x + 5, top + 17, short))
        return parts

    def _presence(self) -> list[Markup]:
        return self._area(self._s.presence, *_PRESENCE, "presence")

    def _area(self, values: Sequence[float | None], top: int, height: int, name: str) -> list[Markup]:
        """Filled from the foot up; what is not known is left out."""
        axis, parts = self._s.axis, []
        run: list[tuple[int, float]] = []
        for at, value in zip([*axis.times, axis.end], [*values, None], strict=True):
            if value is not None:
                run.append((at, value))
                continue
            if run:
                points = _stepped(run, axis.step)
                text = " ".join(f"{self._x(x)},{round(top + height * (1 - y), 1)}" for x, y in points)
                first, last = self._x(run[0][0]), self._x(run[-1][0] + axis.step)
                foot = top + height
                shape = Markup('<polygon class="{}" points="{},{} {} {},{}"/>')
                parts.append(shape.format(name, first, foot, text, last, foot))
            run = []
        return parts

    def _doors(self) -> list[Markup]:
        line = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        parts = [line.format(self._left, self._width - 8, _DOORS, _DOORS)]
        shapes = {
            "open": '<rect class="ev" x="{0}" y="{1}" width="5" height="16"/>',
            "granted": '<path class="ev-on" d="M{2} {1}l7 8l-7 8l-7 -8z"/>',
            "refused": '<path class="ev-x" d="M{0} {1}l10 14m0 -14l-10 14"/>',
            "alarm": '<path class="mark" d="M{2} {1}l8 15h-16z"/>',
        }
        for at, kind in self._s.events:
            x = self._x(at)
            parts.append(Markup(shapes[kind]).format(round(x - 3, 1), _DOORS - 8, x))
        return parts

    def _levels(self) -> list[Markup]:
        top, height = _LEVEL
        parts = []
        for level in range(int(self._low), int(self._high) + 1, 20 if self._narrow else 10):
            y = self._y(level)
            line = Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>')
            parts.append(line.format(self._left, self._width - 8, y, y))
            text = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>')
            parts.append(text.format(self._left - 6, y + 4, level))
        parts += self._line(
            self._s.level, "level1" if any(v is not None for v in self._s.window) else "level"
        )
        parts += self._line(self._s.window, "level")
        parts += self._line(self._s.limit, "limit")
        parts.append(
            Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                self._left, self._width - 8, top + height, top + height
            )
        )
        return parts

    def _line(self, values: Sequence[float | None], name: str) -> list[Markup]:
        axis, parts = self._s.axis, []
        every = max(1, axis.steps // _MOST_POINTS)
        run: list[str] = []
        for n in range(0, axis.steps + every, every):
            here = [value for value in values[n : n + every] if value is not None]
            if here:
                run.append(f"{self._x(axis.start + n * axis.step)},{self._y(max(here))}")
                continue
            if len(run) > 1:
                parts.append(Markup('<polyline class="{}" points="{}"/>').format(name, " ".join(run)))
            run = []
        return parts

    def _now(self) -> list[Markup]:
        axis = self._s.axis
        if not axis.start <= axis.now < axis.end or axis.name not in ("evening", "day"):
            return []
        x = self._x(axis.now)
        clock = datetime.fromtimestamp(axis.now / 1000, UTC).astimezone(self._zone).strftime("%H:%M")
        box = min(max(x - 22, 0), self._width - 44)
        parts = (
            '<line class="now" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>'
            '<rect class="nowb" x="{3}" y="2" width="44" height="18"/>'
            '<text class="nowt" x="{4}" y="16" text-anchor="middle">{5}</text>'
        )
        return [Markup(parts).format(x, _TOP - 2, _BOTTOM, box, box + 22, clock)]


def _stepped(run: Sequence[tuple[int, float]], step: int) -> list[tuple[int, float]]:
    """The corners of a line that stays until it changes."""
    found: list[tuple[int, float]] = []
    for at, value in run:
        if not found or found[-1][1] != value:
            if found:
                found.append((at, found[-1][1]))
            found.append((at, value))
    found.append((run[-1][0] + step, run[-1][1]))
    return found


def ticks(axis: Axis, zone: ZoneInfo, most: int) -> list[tuple[int, str]]:
    """Moments of the clock on the wall, and their names: hours, days or months."""
    first = datetime.fromtimestamp(axis.start / 1000, UTC).astimezone(zone)
    long = axis.end - axis.start > 2 * DAY_MS
    found: list[tuple[int, str]] = []
    at = first.replace(hour=0 if long else first.hour, minute=0, second=0, microsecond=0)
    while (moment := round(at.timestamp() * 1000)) < axis.end:
        if moment >= axis.start:
            found.append((moment, at.strftime("%d/%m") if long else at.strftime("%H:%M")))
        at = at + timedelta(days=1) if long else (at.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    every = -(-len(found) // most) if found else 1
    return found[::every]
