"""When the doors open for a booking: pure.

Every booking has its own windows. Where two bookings of a space meet, the lead of the next lies within the
one before: its people may come in then, and both codes open.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.config import SiteConfig

from .site_calendar import Barred, SiteCalendar
from .way import opening


class Booked(Protocol):
    """The columns of ``bookings`` that count here. Times are Unix ms."""

    @property
    def space(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Judged(NamedTuple):
    """``windows`` are disjoint and in order; ``reason`` says why there is none, empty if there is one."""

    windows: list[Window]
    reason: str


def judge(site: SiteConfig, calendar: SiteCalendar, row: Booked) -> Judged:
    """Lead, booking and tail, without what closed days and school hours take away.

    A lead or a tail alone lets nobody in, so a booking of which nothing is left has no windows.
    """
    whole = opening(site.rules, row.start, row.end)
    barred = calendar.barred(row.space, whole.start, whole.end)
    if not _cut(Window(start=row.start, end=row.end), barred):
        return Judged([], next(item.reason for item in barred if item.end > row.start))
    pieces = _cut(whole, barred)
    return Judged([piece for piece in pieces if piece.start < row.end and piece.end > row.start], "")


def windows_of(site: SiteConfig, calendar: SiteCalendar, row: Booked) -> list[Window]:
    """When the doors open for a row of ``bookings``: disjoint windows, in order."""
    return judge(site, calendar, row).windows


def _cut(window: Window, barred: Iterable[Barred]) -> list[Window]:
    """What is left of ``window``; ``barred`` in order of their starts."""
    left, start = [], window.start
    for item in barred:
        if item.start > start:
            left.append(Window(start=start, end=min(item.start, window.end)))
        start = max(start, item.end)
        if start >= window.end:
            return left
    left.append(Window(start=start, end=window.end))
    return left
