"""The report as one page that needs nothing else: no script, no request, readable on paper and by ear. Pure.

The page is a function of the signed JSON, which it carries: whoever checks it makes it again.
"""

import base64
import binascii
from datetime import UTC, datetime
from html import escape
from typing import Final

from pleintemps_contract.commissioning import DeviceResult, Measurement, Report, Verdict
from pleintemps_edge.errors import CommissioningError

from .texts import word

_MARK: Final = b'<script type="text/plain" id="signed-report">'
_END: Final = b"</script>"
_SIGNS: Final = {Verdict.PASS: "✓", Verdict.WARN: "!", Verdict.FAIL: "✗", Verdict.SKIPPED: "–"}
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:62rem;margin:0 auto;
padding:1rem}
h1,h2,h3{line-height:1.2}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dt{font-weight:600}
dd{margin:0;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
caption{text-align:left;font-weight:600}th,td{border:1px solid #767676;padding:.25rem .5rem;text-align:left;
vertical-align:top}td.n{text-align:right;white-space:nowrap}.v{font-weight:700;white-space:nowrap}
.fail{color:#9b0000}.warn{color:#7a4b00}.pass{color:#005c1f}.skipped{color:#444}
.box{border:2px solid #9b0000;padding:.5rem 1rem}section{break-inside:avoid}
"""


def page(report: Report, signed: bytes, kid: str) -> str:
    """The page of ``report``; ``signed`` is its JSON as it was signed, ``kid`` the key's name or nothing."""
    language = report.language

    def w(name: str) -> str:
        return escape(word(language, name))

    broken = ", ".join(report.broken) or word(language, "none")
    head = [
        ("site", report.site),
        ("agent", report.agent),
        ("board", " · ".join(filter(None, (report.board, report.model))) or "-"),
        ("version", f"{report.version} (Python {report.python})"),
        ("date", f"{_time(report.started)} – {_time(report.ended)}"),
        *([("technician", report.technician)] if report.technician else []),
        ("configuration", report.configuration),
        ("signature", kid or word(language, "unsigned")),
        ("broken", broken),
    ]
    rows = "".join(f"<dt>{w(name)}</dt><dd>{escape(value)}</dd>" for name, value in head)
    notes = [
        name for name, on in (("incomplete", not report.complete), ("simulated", report.simulated)) if on
    ]
    boxes = "".join(f'<p class="box"><strong>{w(name)}</strong></p>' for name in notes)
    title = f"{word(language, 'title')} – {report.site} / {report.agent}"
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none';style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{boxes}"
        f"<p>{w('verdict')}{_colon(language)}{_verdict(report.verdict, language)}</p><dl>{rows}</dl>"
        f"{_summary(report)}"
        + "".join(_device(each, language) for each in report.devices)
        + f"<h2>{w('verify')}</h2><p><code>pleintemps-edge selftest verify FILE</code></p></main>"
        + _MARK.decode()
        + base64.b64encode(signed).decode()
        + _END.decode()
        + "</body></html>\n"
    )


def embedded(data: bytes) -> bytes:
    """The signed JSON in a page; raises CommissioningError where there is none."""
    start = data.find(_MARK)
    end = data.find(_END, start)
    if start < 0 or end < 0:
        raise CommissioningError("no report: a page without one")
    try:
        return base64.b64decode(data[start + len(_MARK) : end], validate=True)
    except (ValueError, binascii.Error) as error:
        raise CommissioningError(f"no report: {error}") from error


def _colon(language: str) -> str:
    return "\N{NO-BREAK SPACE}: " if language == "fr" else ": "


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _verdict(verdict: Verdict, language: str) -> str:
    words = escape(word(language, verdict.value))
    return f'<span class="v {verdict.value}"><span aria-hidden="true">{_SIGNS[verdict]}</span> {words}</span>'


def _summary(report: Report) -> str:
    language = report.language

    def w(name: str) -> str:
        return escape(word(language, name))

    heads = "".join(f'<th scope="col">{w(name)}</th>' for name in ("device", "driver", "where", "verdict"))
    rows = "".join(
        f'<tr><th scope="row">{escape(each.device)}</th><td>{escape(each.driver)}</td>'
        f"<td>{escape(each.where)}</td><td>{_verdict(each.verdict, language)}</td></tr>"
        for each in report.devices
    )
    caption = w("summary")
    return f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _device(device: DeviceResult, language: str) -> str:
    def w(name: str) -> str:
        return escape(word(language, name))

    found = "".join(
        f"<li>{_verdict(each.verdict, language)} {escape(each.text)}"
        + (f"<br>{escape(each.advice)}" if each.advice else "")
        + "</li>"
        for each in device.findings
    )
    wiring = f"<p>{w('wiring')}{_colon(language)}{escape(device.wiring)}</p>" if device.wiring else ""
    parts = [
        f"<section><h2>{escape(device.device)} {_verdict(device.verdict, language)}</h2>{wiring}",
        f"<h3>{w('findings')}</h3><ul>{found}</ul>" if found else "",
        _measurements(device, language) if device.measurements else "",
        "</section>",
    ]
    return "".join(parts)


def _measurements(device: DeviceResult, language: str) -> str:
    def w(name: str) -> str:
        return escape(word(language, name))

    heads = "".join(
        f'<th scope="col">{w(name)}</th>' for name in ("measurement", "value", "limit", "verdict", "source")
    )
    rows = "".join(_row(each, language) for each in device.measurements)
    caption = f"{w('measurements')} – {escape(device.device)}"
    return f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _row(each: Measurement, language: str) -> str:
    name = word(language, each.name)
    if each.where:
        name += f" ({word(language, each.where)})"
    limit = f"{each.limit} {each.unit}".strip() if each.limit else ""
    verdict = _verdict(each.verdict, language) if each.limit else ""
    return (
        f'<tr><th scope="row">{escape(name)}</th><td class="n">{each.value:g} {escape(each.unit)}</td>'
        f"<td>{escape(limit)}</td><td>{verdict}</td><td>{escape(each.source)}</td></tr>"
    )
