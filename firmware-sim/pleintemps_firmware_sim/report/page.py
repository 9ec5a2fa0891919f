"""One HTML page of a run: verdicts, timelines as inline SVG, what happened. It loads nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from pleintemps_firmware_sim.scenario.facts import FactKind, RunResult, Verdict

from .junit import repeat_with
from .lanes import Bar, Lane, lanes

_LEFT: Final = 190
_WIDTH: Final = 1_000
_ROW: Final = 22
_CURVE: Final = 60
_MOST_BARS: Final = 2_000
_MOST_LINES: Final = 1_500
_LOUDEST_DB: Final = 120.0
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8886;--there:#2a7d4f;--unsure:#999;--open:#2f6fb5;--held:#7a4fb5;
--loud:#c77700;--wrong:#c0392b;--booked:#6b8fb5}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1240px;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;vertical-align:top;
border-bottom:1px solid var(--line)}.met{color:var(--there)}.failed{color:var(--wrong);font-weight:600}
svg{width:100%;height:auto}text{fill:currentColor;font-size:12px}.grid{stroke:var(--line)}
.there{fill:var(--there)}.unsure{fill:var(--unsure)}.open{fill:var(--open)}.held{fill:var(--held)}
.loud{fill:var(--loud)}.wrong{fill:var(--wrong)}.booked{fill:var(--booked)}
.curve{fill:none;stroke:var(--loud);stroke-width:1.2}code{font-size:.95em}
"""


def page(result: RunResult, title: str, zone: str) -> str:
    """The whole document. ``zone``: the site's, for its times."""
    words = _Words(result, zone)
    failed = sum(not verdict.met for verdict in result.verdicts)
    outcome = f"{failed} not met" if failed else "all met"
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(result.scenario)}: {outcome}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f"<p>{escape(result.scenario)}, {len(result.verdicts)} expectations, "
            f'<span class="{"failed" if failed else "met"}">{outcome}</span>. '
            f"{words.stamp(result.begin)} to {words.stamp(result.end)} ({escape(zone)}), "
            f"{result.mode} time, seed {result.seed}, {result.rate:g} simulated seconds per second"
            f"{f', digest <code>{escape(result.digest)}</code>' if result.digest else ''}.</p>",
            f"<p>Again: <code>{escape(repeat_with(result))}</code></p>",
            "<h2>Expectations</h2>",
            _verdicts(result.verdicts),
            "<h2>Timelines</h2>",
            _svg(lanes(result), words),
            "<h2>What happened</h2>",
            _happened(result, words),
            "</body></html>",
            "",
        )
    )


class _Words:
    """Times and places of one run on its page."""

    def __init__(self, result: RunResult, zone: str) -> None:
        self.begin = result.begin
        self.end = max(result.end, result.begin + 1)
        self._zone = ZoneInfo(zone)
        self._long = self.end - self.begin > 86_400_000

    def stamp(self, at: int) -> str:
        local = datetime.fromtimestamp(at / 1_000, UTC).astimezone(self._zone)
        return local.strftime("%Y-%m-%d %H:%M:%S")

    def brief(self, at: int) -> str:
        local = datetime.fromtimestamp(at / 1_000, UTC).astimezone(self._zone)
        return local.strftime("%a %d %H:%M" if self._long else "%H:%M:%S")

    def x(self, at: int) -> float:
        share = (at - self.begin) / (self.end - self.begin)
        return _LEFT + min(1.0, max(0.0, share)) * _WIDTH


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    rows = [
        f'<tr><td class="{"met" if each.met else "failed"}">{_word(each)}</td>'
        f"<td>{escape(each.name)}</td><td><code>{escape(each.text)}</code></td>"
        f"<td>{each.line}</td><td>{escape(each.why)}</td></tr>"
        for each in verdicts
    ]
    head = "<tr><th></th><th>name</th><th>expected</th><th>line</th><th>seen</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _word(verdict: Verdict) -> str:
    if verdict.skipped:
        return "not applicable"
    return "met" if verdict.met else "NOT met"


def _svg(rows: Sequence[Lane], words: _Words) -> str:
    height = sum(_CURVE if row.points else _ROW for row in rows) + 30
    parts = [f'<svg viewBox="0 0 {_LEFT + _WIDTH + 10} {height}" role="img" aria-label="timelines">']
    for tick in range(9):
        at = words.begin + (words.end - words.begin) * tick // 8
        x = words.x(at)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 22}"/>')
        anchor = "end" if tick == 8 else "middle" if tick else "start"
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="{anchor}">{words.brief(at)}</text>')
    top = 0
    for row in rows:
        tall = _CURVE if row.points else _ROW
        parts.append(f'<text x="0" y="{top + tall / 2 + 4:.0f}">{escape(row.title)}</text>')
        parts += [_rect(bar, top, words) for bar in _thinned(row.bars, words)]
        if row.points:
            parts.append(_curve(row, top, words))
        top += tall
        parts.append(f'<line class="grid" x1="0" x2="{_LEFT + _WIDTH}" y1="{top}" y2="{top}"/>')
    return "".join([*parts, "</svg>"])


def _rect(bar: Bar, top: int, words: _Words) -> str:
    left = words.x(bar.begin)
    wide = max(1.5, words.x(bar.end) - left)
    title = f"{bar.text}, {words.stamp(bar.begin)} to {words.stamp(bar.end)}"
    return (
        f'<rect class="{bar.colour}" x="{left:.1f}" y="{top + 4}" width="{wide:.1f}" height="{_ROW - 8}">'
        f"<title>{escape(title)}</title></rect>"
    )


def _thinned(bars: Sequence[Bar], words: _Words) -> list[Bar]:
    """At most so many, and never two of a colour within a pixel: a month has more than anybody can see."""
    found: list[Bar] = []
    last: dict[str, float] = {}
    for bar in bars:
        right = words.x(bar.end)
        if right - last.get(bar.colour, -2.0) >= 1.0:
            found.append(bar)
            last[bar.colour] = right
    return found[:_MOST_BARS]


def _curve(row: Lane, top: int, words: _Words) -> str:
    """Steps from level to level; the loudest of each pixel."""
    columns: dict[int, float] = {}
    value = row.points[0][1]
    for at, level in row.points:
        x = round(words.x(at))
        columns[x] = max(columns.get(x, value), level)
        value = level
    points, before = [], row.points[0][1]
    for x, level in sorted(columns.items()):
        points.append(f"{x},{_y(before, top):.1f} {x},{_y(level, top):.1f}")
        before = level
    points.append(f"{_LEFT + _WIDTH},{_y(value, top):.1f}")
    loudest = max(level for _, level in row.points)
    title = f"<title>at most {loudest:.0f} dB</title>"
    return f'<polyline class="curve" points="{" ".join(points)}">{title}</polyline>'


def _y(level: float, top: int) -> float:
    return top + _CURVE - 6 - min(1.0, max(0.0, level / _LOUDEST_DB)) * (_CURVE - 12)


def _happened(result: RunResult, words: _Words) -> str:
    told = (FactKind.ACT, FactKind.ALERT, FactKind.FAULT, FactKind.CODE, FactKind.AGENT, FactKind.USAGE)
    facts = [fact for fact in result.facts if fact.kind in told]
    rows = [
        f"<tr><td>{words.stamp(fact.at)}</td><td>{fact.kind.value}</td><td>{escape(fact.where)}</td>"
        f"<td>{escape(fact.name)}</td><td>{escape(str(fact.value))}</td></tr>"
        for fact in facts[:_MOST_LINES]
    ]
    more = len(facts) - len(rows)
    note = f"<p>{more} more are in the JSON result.</p>" if more else ""
    head = "<tr><th>when</th><th>kind</th><th>where</th><th>who or what</th><th></th></tr>"
    return f"<table>{head}{''.join(rows)}</table>{note}"
