"""The morning report in words, bound to one language, and its picture: drawn for the screen and for paper."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup

from .alert_words import AlertWords
from .i18n import Catalogue, catalogue

if TYPE_CHECKING:
    from pleintemps_gateway.report.reading import Happened, Sheet

_HOUR_MS: Final = 3_600_000
_LEFT, _WIDTH = 206, 720


class ReportWords:
    """Every figure comes from the sheet; what is not known is said."""

    def __init__(self, texts: Catalogue) -> None:
        self._t = texts
        self._alerts = AlertWords.of(texts.language)
        self._f = self._alerts.formats

    @staticmethod
    @cache
    def of(language: str) -> "ReportWords":
        return ReportWords(catalogue(language))

    def title(self, sheet: "Sheet") -> str:
        """La nuit du 19 au 20 novembre 2026"""
        t, zone = self._t, ZoneInfo(sheet.zone)
        last = datetime.fromtimestamp(sheet.night.end / 1000, UTC).astimezone(zone).date()
        same = (sheet.night.day.month, sheet.night.day.year) == (last.month, last.year)
        first = format_date(sheet.night.day, "d" if same else "d MMMM yyyy", locale=t.locale)
        end = format_date(last, "d MMMM yyyy", locale=t.locale)
        return t.gettext("The night of %(first)s to %(last)s", first=first, last=end)

    def hours(self, ms: int) -> str:
        """24 h 35"""
        minutes = ms // 60_000
        return f"{self._t.number(minutes // 60)}\u00a0h\u00a0{minutes % 60:02d}"

    def lead(self, sheet: "Sheet") -> Markup:
        """The first sentences: enough for who reads nothing else."""
        t, f = self._t, self._f
        urgent = [each for each in sheet.happened if each.alert.rank == "alert"]
        parts = []
        if not urgent:
            parts.append(t.hgettext("<b>No alert.</b>"))
        else:
            still = sum(each.alert.state != "resolved" for each in urgent)
            first = t.ngettext("%(num)s alert", "%(num)s alerts", len(urgent))
            if still:
                ends = t.ngettext("%(num)s is still open", "%(num)s are still open", still)
            elif len(urgent) == 1 and urgent[0].alert.resolved is not None:
                ends = t.gettext("over at %(clock)s", clock=f.clock(urgent[0].alert.resolved, sheet.zone))
            else:
                ends = t.gettext("all over")
            parts.append(t.hgettext("<b>%(alerts)s, %(ends)s.</b>", alerts=first, ends=ends))
        used = {"used": t.number(sheet.used), "rooms": t.number(sheet.rooms)}
        parts.append(t.hgettext("%(used)s of %(rooms)s spaces were used.", **used))
        parts.append(self._doors(sheet))
        if sheet.lacking:
            names = self._some(sheet.lacking, 3)
            parts.append(t.hgettext("Not measured for a while: %(names)s.", names=names))
        if not sheet.over:
            clock = f.clock(sheet.until, sheet.zone)
            parts.append(
                t.hgettext("The night is not over: this is what is known at %(clock)s.", clock=clock)
            )
        return Markup(" ").join(part for part in parts if part)

    def _doors(self, sheet: "Sheet") -> Markup:
        t, clock = self._t, self._f.clock(sheet.until, sheet.zone)
        parts = []
        if sheet.unlocked:
            names = self._some(sheet.unlocked, 3)
            parts.append(t.hgettext("Not locked at %(clock)s: <b>%(names)s</b>.", clock=clock, names=names))
        elif sheet.locked and not sheet.doors_unknown:
            parts.append(t.hgettext("All doors are locked at %(clock)s.", clock=clock))
        elif sheet.locked:
            count = t.ngettext("%(num)s door is locked", "%(num)s doors are locked", sheet.locked)
            parts.append(t.hgettext("%(doors)s at %(clock)s.", doors=count, clock=clock))
        if sheet.doors_unknown:
            parts.append(
                Markup(
                    t.ngettext(
                        "Of %(num)s door it is not known.",
                        "Of %(num)s doors it is not known.",
                        sheet.doors_unknown,
                    )
                )
            )
        return Markup(" ").join(parts)

    def _some(self, names: tuple[str, ...], most: int) -> str:
        shown = ", ".join(names[:most])
        if len(names) <= most:
            return shown
        return self._t.ngettext(
            "%(names)s and %(num)s more", "%(names)s and %(num)s more", len(names) - most, names=shown
        )

    def figures(self, sheet: "Sheet") -> list[tuple[str, str, str]]:
        """(what, figure, note) of the five key figures."""
        t, unknown = self._t, self._t.gettext("not known")
        before = (
            t.gettext("a week before: not known")
            if sheet.before is None
            else t.gettext("a week before: %(count)s", count=t.number(sheet.before))
        )
        of = t.gettext("%(used)s of %(rooms)s", used=t.number(sheet.used), rooms=t.number(sheet.rooms))
        back = t.ngettext("%(num)s was given back", "%(num)s were given back", sheet.given_back)
        if sheet.codes is None:
            codes, refused = unknown, t.gettext("forgotten by now")
        else:
            codes = t.number(sheet.codes[0])
            refused = t.gettext("accepted; refused: %(count)s", count=t.number(sheet.codes[1]))
        data = unknown if sheet.data_share is None else self._f.percent(int(sheet.data_share))
        lacking = self._some(sheet.lacking, 2) if sheet.lacking else t.gettext("nothing is missing")
        return [
            (t.gettext("Spaces used"), of, before),
            (
                t.gettext("Hours used"),
                self.hours(sheet.used_ms),
                t.gettext("booked: %(hours)s", hours=self.hours(sheet.booked_ms)),
            ),
            (t.gettext("Booked, nobody came"), t.number(sheet.missed), back),
            (t.gettext("Codes at the doors"), codes, refused),
            (t.gettext("Data there"), data, lacking),
        ]

    def span(self, each: "Happened", sheet: "Sheet") -> str:
        """22:38–23:21; an arrow for what is older than the night or still on."""
        f, alert = self._f, each.alert
        start = f.clock(alert.opened, sheet.zone) if alert.opened >= sheet.night.start else "…"
        ended = alert.resolved is not None and alert.resolved <= sheet.night.end
        end = f.clock(alert.resolved, sheet.zone) if alert.resolved is not None and ended else "…"
        return f"{start}–{end}"

    def became(self, each: "Happened", sheet: "Sheet") -> str:
        """What was done, without names: the report goes to many."""
        t, f, alert = self._t, self._f, each.alert
        taken = next((act for act in each.acts if act.act == "take"), None)
        at = taken.at if taken is not None else (None if each.acts else alert.acknowledged)
        parts = []
        if at is not None:
            parts.append(t.gettext("Taken at %(clock)s.", clock=f.clock(at, sheet.zone)))
        elif alert.rank == "alert":
            parts.append(t.gettext("Nobody took it."))
        asked = sum(act.act == "asked" for act in each.acts)
        if asked > 1:
            parts.append(t.ngettext("%(num)s person was asked.", "%(num)s persons were asked.", asked))
        if alert.resolved is None:
            parts.append(t.gettext("Still on."))
        else:
            clock = f.clock(alert.resolved, sheet.zone)
            parts.append(t.gettext("Calm again at %(clock)s.", clock=clock))
        return " ".join(parts)

    def picture(self, sheet: "Sheet", most: int, style: str = "") -> Markup:
        """The night by space. ``style``: rules that go into the picture, for paper: it hears no others."""
        lanes = sheet.lanes[:most]
        step = 17 if len(lanes) <= 16 else 12
        foot = 18 + step * len(lanes)
        start, end = sheet.night.start, sheet.night.end

        def x(at: int) -> float:
            share = (min(max(at, start), end) - start) / (end - start)
            return round(_LEFT + (714 - _LEFT) * share, 1)

        def box(name: str, span: tuple[int, int], top: int, height: int) -> Markup:
            wide = max(1.0, round(x(span[1]) - x(span[0]), 1))
            text = '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>'
            return Markup(text).format(name, x(span[0]), top, wide, height)

        parts = [box("quiet", span, 18, foot - 18) for span in sheet.quiet]
        at = -(-start // _HOUR_MS) * _HOUR_MS
        zone = ZoneInfo(sheet.zone)
        while at <= end:
            hour = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).strftime("%H")
            line = '<line class="grid" x1="{0}" x2="{0}" y1="18" y2="{1}"/>'
            text = '<text x="{}" y="12" text-anchor="middle">{}</text>'
            parts += [Markup(line).format(x(at), foot), Markup(text).format(x(at), hour)]
            at += _HOUR_MS
        last = ""
        for index, lane in enumerate(lanes):
            top = 18 + step * index
            if lane.site != last:
                parts.append(Markup('<line class="axis" x1="0" x2="720" y1="{0}" y2="{0}"/>').format(top))
                parts.append(
                    Markup('<text x="0" y="{}" class="lab">{}</text>').format(
                        top + step - 4, _cut(lane.site_name, 15)
                    )
                )
                last = lane.site
            name = '<text x="198" y="{}" text-anchor="end">{}</text>'
            parts.append(Markup(name).format(top + step - 4, _cut(lane.name, 20)))
            bar = step - 6
            parts += [box("presence", span, top + 3, bar) for span in lane.present]
            parts += [box("miss", span, top + 2, bar + 1) for span in lane.missing]
            for span in lane.booked:
                path = '<path class="bk" d="M{} {}H{}"/>'
                parts.append(
                    Markup(path).format(x(span[0]), top + step - 1.5, max(x(span[1]), x(span[0]) + 1))
                )
            for when, rank in lane.marks:
                shape = "m0-7 7 7-7 7-7-7z" if rank == "alert" else "m0-7 7 12h-14z"
                parts.append(
                    Markup('<path class="{}" d="M{} {}{}"/>').format(rank, x(when), top + step // 2, shape)
                )
        parts.append(Markup('<line class="axis" x1="0" x2="720" y1="{0}" y2="{0}"/>').format(foot))
        told = self._t.gettext(
            "The night by space: bookings, presence, alerts, missing data; what matters is listed below."
        )
        head = Markup('<svg class="chart night" viewBox="0 0 {} {}" role="img" aria-label="{}">')
        inner = Markup("<style>") + Markup(style) + Markup("</style>") if style else Markup("")
        return head.format(_WIDTH, foot + 2, told) + inner + Markup("").join(parts) + Markup("</svg>")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
