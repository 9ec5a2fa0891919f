"""Bookings of a space or site as iCalendar (RFC 5545)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from icalendar import Calendar, Event
from sqlalchemy import Row

from pleintemps_gateway.config import SiteConfig

from .i18n import catalogue

_REFRESH: Final = timedelta(minutes=15)


def to_ics(site: SiteConfig, space: str | None, rows: Iterable[Row[Any]], *, titles: bool) -> bytes:
    """The bookings as iCalendar (RFC 5545), a cancelled one as such; the same rows give the same bytes."""
    texts = catalogue(site.about.language)
    names = {each.space: each.name for each in site.spaces}
    calendar = Calendar()
    calendar.add("prodid", "-//Plein Temps//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", site.name if space is None else f"{names.get(space, space)}, {site.name}")
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    booked = texts.gettext("Booked")
    for row in rows:
        event = Event()
        event.add("uid", f"{row.booking}@pleintemps")
        event.add("dtstamp", _utc(row.updated))
        event.add("last-modified", _utc(row.updated))
        event.add("dtstart", _utc(row.start))
        event.add("dtend", _utc(row.end))
        event.add("summary", (row.title if titles else "") or booked)
        event.add("location", f"{names.get(row.space, row.space)}, {site.name}")
        event.add("status", "CANCELLED" if row.status == "cancelled" else "CONFIRMED")
        event.add("transp", "TRANSPARENT" if row.status == "cancelled" else "OPAQUE")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)
