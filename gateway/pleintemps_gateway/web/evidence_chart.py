"""The evidence of an alert as SVG: one axis of time, so that a cause stands above its effect. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from .evidence import Evidence

_STEPS_MIN: Final = (5, 10, 15, 30, 60)
_LANE: Final = 18
_TOP: Final = 30
_LEFT: Final = 34
_PLOT: Final = {"wide": 190, "narrow": 150}
_WIDTH: Final = {"wide": 860, "narrow": 350}
Words = dict[str, str]


def draw_evidence(evidence: Evidence, words: Words, title: str, *, narrow: bool = False) -> Markup:
    """``words``: ``quiet``, ``limit``, ``presence``, ``booking``; ``title`` is the whole in words."""
    return _Drawing(evidence, words, "narrow" if narrow else "wide").svg(title)


class _Drawing:
    def __init__(self, evidence: Evidence, words: Words, size: str) -> None:
        self._e = evidence
        self._words = words
        self._width = _WIDTH[size]
        self._size = size
        self._right = self._width - 26
        plot = _PLOT[size] if evidence.level else 0
        self._bottom = _TOP + plot
        lanes = [
            (words["presence"], "presence", evidence.present),
            (words["booking"], "booking", evidence.booked),
        ]
        lanes += [(name, "doorl", spans) for name, spans in evidence.doors]
        self._lanes = lanes
        self._height = self._bottom + _LANE * 2 * len(lanes) + 22
        levels = [level for _, level in (*evidence.level, *evidence.window)]
        levels += [limit for _, _, limit in evidence.limits]
        self._low = min(40.0, *(levels or [40.0])) // 10 * 10
        self._high = -(-max(70.0, *(levels or [70.0])) // 10) * 10 + 5

    def _x(self, at: int) -> float:
        e = self._e
        at = min(max(at, e.start), e.end)
        return round(_LEFT + (self._right - _LEFT) * (at - e.start) / (e.end - e.start), 1)

    def _y(self, level: float) -> float:
        share = (level - self._low) / (self._high - self._low)
        return round(self._bottom - (self._bottom - _TOP) * share, 1)

    def svg(self, title: str) -> Markup:
        parts = [Markup("<title>{}</title>").format(title), *self._ground()]
        if self._e.level:
            parts += self._levels()
        parts += self._lanes_drawn()
        parts += self._marks()
        head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
        return head.format(self._width, self._height, title) + Markup("").join(parts) + Markup("</svg>")

    def _ground(self) -> list[Markup]:
        e, foot = self._e, self._height - 20
        parts = []
        for start, end in e.quiet:
            rect = '<rect class="quiet" x="{}" y="{}" width="{}" height="{}"/>'
            parts.append(
                Markup(rect).format(self._x(start), _TOP, _wide(self._x(start), self._x(end)), foot - _TOP)
            )
        if e.quiet and e.level:
            text = Markup('<text x="{}" y="{}">{}</text>')
            parts.append(text.format(self._x(e.quiet[0][0]) + 5, _TOP + 14, self._words["quiet"]))
        ticks = _ticks(e.start, e.end, e.zone, 6 if self._size == "wide" else 4)
        for at, label in ticks:
            line = Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
            parts.append(line.format(self._x(at), _TOP, foot))
            text = Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>')
            parts.append(text.format(self._x(at), self._height - 5, label))
        return parts

    def _levels(self) -> list[Markup]:
        e, parts = self._e, []
        level = self._low + 10
        while level < self._high:
            parts.append(
                Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                    _LEFT, self._right, self._y(level), self._y(level)
                )
            )
            parts.append(
                Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                    _LEFT - 6, self._y(level) + 4, round(level)
                )
            )
            level += 10
        for points, name, gap in ((e.level, "level1", 120_000), (e.window, "level", 120_000)):
            for run in _runs(points, gap):
                parts.append(Markup('<path class="{}" d="{}"/>').format(name, self._path(run)))
        last = None
        path = ""
        for start, end, limit in e.limits:
            y = self._y(limit)
            path += f"{'M' if last is None else 'L'}{self._x(start)} {y}H{self._x(end)}"
            if limit != last:
                text = Markup('<text class="al" x="{}" y="{}">{}</text>')
                parts.append(
                    text.format(self._x(start) + 6, y - 6, self._words["limit"] % {"level": round(limit)})
                )
            last = limit
        if path:
            parts.append(Markup('<path class="limit" d="{}"/>').format(path))
        return parts

    def _path(self, run: Sequence[tuple[int, float]]) -> str:
        points = [f"{self._x(at)} {self._y(level)}" for at, level in run]
        return "M" + "L".join(points) + ("h.1" if len(points) == 1 else "")

    def _lanes_drawn(self) -> list[Markup]:
        parts = []
        for index, (label, name, spans) in enumerate(self._lanes):
            top = self._bottom + 2 * _LANE * index
            parts.append(Markup('<text class="lab" x="{}" y="{}">{}</text>').format(_LEFT, top + 13, label))
            bar = top + _LANE
            axis = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>')
            parts.append(axis.format(_LEFT, self._right, bar + 13, bar + 13))
            rect = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="11"/>')
            for start, end in spans:
                parts.append(rect.format(name, self._x(start), bar, _wide(self._x(start), self._x(end))))
            if name == "presence":
                for start, end in self._e.unknown:
                    parts.append(
                        rect.format("miss", self._x(start), bar, _wide(self._x(start), self._x(end)))
                    )
        return parts

    def _marks(self) -> list[Markup]:
        e, foot, parts = self._e, self._height - 20, []
        for number, at in enumerate(e.warnings, start=1):
            x = self._x(at)
            line = Markup('<line class="markl" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
            parts.append(line.format(x, _TOP, foot))
            parts.append(Markup('<path class="mark" d="M{} {}h16l-8-14z"/>').format(x - 8, foot))
            text = Markup('<text class="wt" x="{}" y="{}" text-anchor="middle">{}</text>')
            parts.append(text.format(x, foot - 18, number))
        x = self._x(e.raised)
        parts.append(Markup('<line class="raised" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, 16, foot))
        diamond = Markup('<path class="diamond" d="M{} 4l8 8-8 8-8-8z"/>')
        parts.append(diamond.format(x))
        if e.now is not None:
            parts.append(
                Markup('<line class="now" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                    self._x(e.now), 22, foot
                )
            )
        return parts


def _wide(start: float, end: float) -> float:
    return max(1.5, round(end - start, 1))


def _runs(points: Sequence[tuple[int, float]], gap: int) -> list[list[tuple[int, float]]]:
    """What was not measured is a gap in the line, never a line across it."""
    runs: list[list[tuple[int, float]]] = []
    for point in points:
        if runs and point[0] - runs[-1][-1][0] < gap:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _ticks(start: int, end: int, zone: str, most: int) -> list[tuple[int, str]]:
    """Round local minutes, at most ``most`` of them."""
    place = ZoneInfo(zone)
    span_min = (end - start) / 60_000
    step = next((each for each in _STEPS_MIN if span_min / each <= most), 60)
    offset = datetime.fromtimestamp(start / 1000, UTC).astimezone(place).utcoffset()
    shift = round(offset.total_seconds() * 1000) if offset else 0
    first = -(-(start + shift) // (step * 60_000)) * step * 60_000 - shift
    found = []
    at = first
    while at <= end:
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(place)
        found.append((at, local.strftime("%H:%M")))
        at += step * 60_000
    return found
