"""Free times of spaces as iCalendar (RFC 5545)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from icalendar import Calendar, Event

from pleintemps_gateway.bookings.vacancies import Vacancy

from .i18n import catalogue

_DAY_MS: Final = 86_400_000


def to_ics(found: Iterable[Vacancy], language: str, now: int) -> bytes:
    """One transparent event for each span; the same bytes all day while nothing is booked."""
    texts = catalogue(language)
    calendar = Calendar()
    calendar.add("prodid", "-//Plein Temps//Free//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", texts.gettext("Free spaces"))
    stamp = _utc(now // _DAY_MS * _DAY_MS)
    for vacancy in found:
        for span in vacancy.free:
            event = Event()
            event.add("uid", f"free-{vacancy.site}_{vacancy.space}-{span.start}@pleintemps")
            event.add("dtstamp", stamp)
            event.add("dtstart", _utc(span.start))
            event.add("dtend", _utc(span.end))
            event.add("summary", texts.gettext("Free: %(place)s", place=vacancy.name))
            event.add("location", f"{vacancy.name}, {vacancy.site_name}")
            event.add("transp", "TRANSPARENT")
            calendar.add_component(event)
    return bytes(calendar.to_ical())


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
