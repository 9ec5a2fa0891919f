"""A comparison in words, as JSON and as one HTML page. Pure."""

from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from .diff import Difference, Report
from .reading import Recording

_MOST: Final = 2_000
_SHOWN: Final = 40
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8886;--wrong:#c0392b;--well:#2a7d4f;--late:#c77700}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1240px;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;vertical-align:top;
border-bottom:1px solid var(--line)}.missing,.added{color:var(--wrong)}.shifted{color:var(--late)}
.same{color:var(--well)}code{font-size:.95em}td.n,th.n{text-align:right}
"""


def summary(recording: Recording, report: Report, left_out: list[str]) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "same": report.same,
        "agent": f"{recording.header.site}/{recording.header.agent}",
        "begin": recording.header.begin,
        "seconds": recording.length / 1_000,
        "cut": recording.cut,
        "lost_lines": recording.lost,
        "not_played": left_out,
        "events": {
            "matched": report.events.matched,
            "differences": [_row(each) for each in report.events.differences[:_MOST]],
            "count": len(report.events.differences),
        },
        "series": [
            {
                "series": each.series,
                "recorded": each.recorded,
                "replayed": each.replayed,
                "matched": each.matched,
                "missing": each.missing,
                "added": each.added,
                "shifted": each.shifted,
                "changed": each.changed,
                "worst": each.worst,
                "differences": [_row(one) for one in each.differences[:_SHOWN]],
            }
            for each in report.series
        ],
    }


def _row(each: Difference) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "what": each.what,
        "recorded_ms": each.at,
        "replayed_ms": each.replayed,
        "shift_ms": each.shift_ms,
    }


def text(recording: Recording, report: Report, left_out: list[str]) -> str:
    """For a terminal: one line for each difference, as many as one reads."""
    lines = [_headline(recording, report)]
    lines += _notes(recording, left_out)
    found = report.events.differences
    lines += [_said(each, recording) for each in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"{len(found) - _SHOWN} more events differ")
    for each in report.series:
        if not each.same:
            lines.append(
                f"series {each.series}: {each.matched} match, {each.missing} missing, {each.added} added,"
                f" {each.shifted} shifted, {each.changed} changed"
                + (f" (by {each.worst:g} at most)" if each.changed else "")
            )
    return "\n".join(lines)


def _headline(recording: Recording, report: Report) -> str:
    series = sum(each.same for each in report.series)
    outcome = "the same" if report.same else "different"
    return (
        f"{recording.header.site}/{recording.header.agent}, {recording.length / 1_000:g} s: {outcome};"
        f" {report.events.matched} events match, {len(report.events.differences)} differ;"
        f" {series} of {len(report.series)} series match"
    )


def _notes(recording: Recording, left_out: list[str]) -> list[str]:
    notes = []
    if recording.cut:
        notes.append("the recording was cut short: compared up to the last word of its agent")
    if recording.lost:
        notes.append(f"{recording.lost} lines of the recording are missing: its disk did not follow")
    if left_out:
        notes.append(f"not played: {', '.join(left_out)}")
    return notes


def _said(each: Difference, recording: Recording) -> str:
    shift = f" by {each.shift_ms:+d} ms" if each.kind == "shifted" else ""
    return f"{_clock(each.when, recording)} {each.kind}{shift}: {each.what}"


def _clock(at: int, recording: Recording) -> str:
    moment = datetime.fromtimestamp((recording.header.begin + at) / 1_000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1_000:03d}"


def page(recording: Recording, report: Report, left_out: list[str]) -> str:
    """One HTML page; it loads nothing. Times are UTC."""
    title = escape(_headline(recording, report))
    notes = "".join(f"<p>{escape(each)}</p>" for each in _notes(recording, left_out))
    rows = "".join(
        f'<tr><td>{_clock(each.when, recording)}</td><td class="{each.kind}">{each.kind}</td>'
        f'<td class="n">{each.shift_ms if each.kind == "shifted" else ""}</td>'
        f"<td><code>{escape(each.what)}</code></td></tr>"
        for each in report.events.differences[:_MOST]
    )
    series = "".join(
        f'<tr><td class="{"same" if each.same else "missing"}">{escape(each.series)}</td>'
        + "".join(
            f'<td class="n">{number:g}</td>'
            for number in (
                each.recorded,
                each.replayed,
                each.matched,
                each.missing,
                each.added,
                each.shifted,
                each.changed,
                each.worst,
            )
        )
        + "</tr>"
        for each in report.series
    )
    heads = ["recorded", "replayed", "matched", "missing", "added", "shifted", "changed", "worst"]
    head = "<th>series</th>" + "".join(f'<th class="n">{each}</th>' for each in heads)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>{notes}"
        "<h2>Events</h2><table><tr><th>UTC</th><th></th><th class=n>ms</th><th>event</th></tr>"
        f"{rows}</table><h2>Series</h2><table><tr>{head}</tr>{series}</table></body></html>\n"
    )
