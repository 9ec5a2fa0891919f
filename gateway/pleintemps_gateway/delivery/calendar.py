"""A booking as a calendar file for the people who booked it. It never holds a code or a link."""

from datetime import UTC, datetime

from icalendar import Calendar, Event

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import catalogue

from .letters import LOCALES
from .messages import Message
from .reference import reference_of


def calendar_of(site: SiteConfig, message: Message, language: str, now: int, *, cancelled: bool) -> bytes:
    """One event (RFC 5545, METHOD:PUBLISH) with the doors on the way and when they open; ``now`` is Unix ms.

    A later file of the same booking replaces it in the calendar of who opens it.
    """
    texts, formats = catalogue(language, LOCALES), Formats(catalogue(language))
    space = next((known.name for known in site.spaces if known.space == message.space), "")
    names = {door.door: door.name for door in site.doors}
    doors = ", ".join(names.get(door, door) for door in message.doors)
    lines = [
        f"{texts.gettext('Doors, in order')}: {doors}" if doors else "",
        f"{texts.gettext('The doors open for you')}: {formats.span(message.opens, message.closes, site.zone)}"
        if message.closes
        else "",
        f"{texts.gettext('Booking number')}: {reference_of(message.booking)}",
    ]
    event = Event()
    event.add("uid", f"{message.booking}@{site.site}.pleintemps")
    event.add("dtstamp", _utc(now))
    event.add("last-modified", _utc(now))
    event.add("sequence", now // 1000)
    event.add("dtstart", _utc(message.start))
    event.add("dtend", _utc(message.end))
    event.add("summary", message.title or space or site.name)
    event.add("location", ", ".join(part for part in (space, site.name, site.about.address) if part))
    event.add("description", "\n".join(line for line in lines if line))
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    calendar = Calendar()
    calendar.add("prodid", "-//Plein Temps//bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)
