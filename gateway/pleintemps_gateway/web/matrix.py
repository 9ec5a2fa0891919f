"""The matrix in words and as tables of cells: every cell says in words what its colour shows."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from babel.dates import format_date, get_day_names
from markupsafe import Markup, escape

from pleintemps_gateway.matrix.figures import Cell, SpaceFigures, added, cells
from pleintemps_gateway.matrix.grid import Period
from pleintemps_gateway.matrix.lanes import WEEK_HOURS
from pleintemps_gateway.matrix.slots import Slot

from .formats import Formats
from .i18n import Catalogue

_SAID: Final = 0.005
"""Shares below are not worth a word."""
_WIDE, _HIGH = 64, 20


class MatrixWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue) -> None:
        self._t = texts
        self.formats = Formats(texts)
        self._days = [str(name) for _, name in sorted(get_day_names("wide", locale=texts.locale).items())]
        self._percents = [self.formats.percent(share) for share in range(101)]

    # --- words ----------------------------------------------------------------------------------------

    def percent(self, share: float | None) -> str:
        """17 %, or that nothing is known."""
        if share is None:
            return self._t.gettext("no data")
        return self._percents[max(0, min(100, round(100 * share)))]

    def points(self, trend: float | None) -> str:
        """+2 pts"""
        if trend is None:
            return self._t.gettext("not known")
        number = round(trend)
        sign = "+" if number > 0 else "−" if number < 0 else ""
        return sign + self._t.ngettext("%(num)s pt", "%(num)s pts", abs(number))

    def hours(self, hours: float) -> str:
        """38 h"""
        return f"{self._t.number(hours if hours >= 10 else round(hours, 1), 0 if hours >= 10 else 1)}\u00a0h"

    def clock(self, hour: int) -> str:
        """20 h, in English 20:00"""
        return f"{hour}\u00a0h" if self._t.language == "fr" else f"{hour:02}:00"

    def day(self, number: int) -> str:
        return self._days[number]

    def short(self, number: int) -> str:
        """Lu, Ma"""
        return self._days[number][:2].capitalize()

    def on(self, day: date) -> str:
        return str(format_date(day, "EEE d MMM", locale=self._t.locale))

    def period(self, period: Period) -> str:
        """24 août 2026 – 15 novembre 2026"""
        first, last = (str(format_date(day, "d MMMM yyyy", locale=self._t.locale)) for day in period)
        return f"{first} – {last}"

    def when(self, slot: Slot) -> str:
        """mardi 20:00–22:00"""
        hour = slot.start % 24
        return f"{self.day(slot.start // 24)} {hour:02}:00–{(hour + slot.length) % 24:02}:00"

    def at(self, at: int, zone: str) -> str:
        return self.formats.day(at, zone).lower()

    def said(self, cell: Cell) -> str:
        """utilisé 18 %, réservé 100 %"""
        t = self._t
        if not cell.hours:
            return t.gettext("no such hour")
        parts = []
        if cell.barred >= 1 - _SAID:
            parts.append(t.gettext("not bookable"))
        elif cell.barred >= _SAID:
            parts.append(t.gettext("not bookable %(share)s of the time", share=self.percent(cell.barred)))
        if cell.used is None:
            parts.append(t.gettext("no data"))
        elif cell.used < _SAID:
            parts.append(t.gettext("never used"))
        else:
            parts.append(t.gettext("used %(share)s", share=self.percent(cell.used)))
        if cell.booked >= _SAID:
            parts.append(t.gettext("booked %(share)s", share=self.percent(cell.booked)))
        elif cell.used is not None and cell.used >= _SAID:
            parts.append(t.gettext("without a booking"))
        elif cell.used is not None and cell.barred < 1 - _SAID:
            parts.append(t.gettext("free"))
        if cell.used is not None and cell.unknown >= _SAID:
            parts.append(t.gettext("%(share)s without data", share=self.percent(cell.unknown)))
        return ", ".join(parts)

    # --- cells ----------------------------------------------------------------------------------------

    def _cell(self, cell: Cell, where: str, colon: str) -> str:
        look = []
        shown = ""
        if not cell.hours:
            look.append("x")
        elif cell.used is None:
            look.append("u")
            shown = "?"
        else:
            percent = round(100 * cell.used)
            if percent:
                look.append(f"h{min(5, 1 + (percent - 1) // 20)}")
            if percent or cell.booked >= _SAID:
                shown = str(percent)
        if cell.booked >= _SAID:
            look.append("b")
        if cell.hours and cell.barred >= 0.5:
            look.append("n")
        classes = f' class="{" ".join(look)}"' if look else ""
        figure = f'<span aria-hidden="true">{shown}</span>' if shown else ""
        return f'<td{classes}>{figure}<span class="sr">{where}{colon}{self.said(cell)}</span></td>'

    @property
    def _colon(self) -> str:
        return "\u00a0: " if self._t.language == "fr" else ": "

    def week(self, figures: SpaceFigures, chosen: frozenset[int]) -> Markup:
        """The body of a table: a row an hour of the day, a column a day of the week."""
        found, colon = cells(figures.sums), self._colon
        rows = []
        for hour in range(24):
            if hour not in chosen:
                continue
            clock = self.clock(hour)
            name = f'<span aria-hidden="true">{hour:02}</span><span class="sr">{clock}</span>'
            row = [f'<tr><th scope="row">{name}</th>']
            for day in range(7):
                row.append(self._cell(found[24 * day + hour], f"{self._days[day]} {clock}", colon))
            rows.append("".join(row) + "</tr>")
        return Markup("".join(rows))

    def by_hour(self, many: Sequence[SpaceFigures], chosen: frozenset[int]) -> Markup:
        """The cells of one row: several spaces together, by hour of the day."""
        sums = many[0].sums if len(many) == 1 else added([each.sums for each in many])
        found, colon = cells(sums, by_day=True), self._colon
        return Markup(
            "".join(self._cell(found[hour], self.clock(hour), colon) for hour in range(24) if hour in chosen)
        )

    def dates(self, days: Sequence[tuple[date, Sequence[Cell]]], chosen: frozenset[int]) -> Markup:
        """The body of a table: a row a date, a column an hour."""
        colon = self._colon
        rows = []
        for day, found in days:
            name = str(escape(self.on(day)))
            row = [f'<tr><th scope="row">{name}</th>']
            for hour, cell in enumerate(found):
                if hour in chosen:
                    row.append(self._cell(cell, f"{name} {self.clock(hour)}", colon))
            rows.append("".join(row) + "</tr>")
        return Markup("".join(rows))

    def spark(self, parts: Sequence[float | None]) -> Markup:
        """The small line of a trend; the words beside it say the same."""
        known = [(n, part) for n, part in enumerate(parts) if part is not None]
        if len(known) < 2:
            return Markup("")
        low, high = min(part for _, part in known), max(part for _, part in known)
        span = max(high - low, 0.02)
        step = (_WIDE - 8) / max(1, len(parts) - 1)
        points = [(4 + n * step, _HIGH - 4 - (part - low) / span * (_HIGH - 8)) for n, part in known]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        x, y = points[-1]
        return Markup(
            f'<svg class="sp" viewBox="0 0 {_WIDE} {_HIGH}" aria-hidden="true"><polyline points="{text}"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/></svg>'
        )


COLUMNS: Final = (
    "site",
    "space",
    "name",
    "capacity",
    "services",
    "weekday",
    "hour",
    "hours",
    "known_h",
    "used_h",
    "booked_h",
    "used_and_booked_h",
    "free_h",
    "not_bookable_hours",
    "used_share",
    "booked_share",
)


def csv_rows(many: Sequence[SpaceFigures], chosen: frozenset[int]) -> list[list[object]]:
    """A row an hour of the week of a space; hours with three decimals, weekdays from 1 (Monday)."""
    rows: list[list[object]] = []
    for each in many:
        space, sums = each.space, each.sums
        head = (each.site.site, space.space, space.name, space.capacity, " ".join(sorted(space.services)))
        found = cells(sums)
        for n in range(WEEK_HOURS):
            if n % 24 not in chosen:
                continue
            lists = (sums.known, sums.used, sums.booked, sums.both, sums.free)
            used = None if found[n].used is None else round(found[n].used or 0.0, 4)
            figures = [round(values[n] / 3_600_000, 3) for values in lists]
            rows.append(
                [
                    *head,
                    n // 24 + 1,
                    n % 24,
                    sums.hours[n],
                    *figures,
                    sums.barred[n],
                    used,
                    round(found[n].booked, 4),
                ]
            )
    return rows
