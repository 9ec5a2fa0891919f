"""iCalendar (RFC 5545): bytes to occurrences.

Pure but for the parser's own cache of time zones, which is emptied before every feed so that one feed's
custom zone never reaches the next.
"""

import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

import recurring_ical_events
import x_wr_timezone
from icalendar import Calendar, Component
from icalendar.timezone import tzp
from msgspec.structs import replace

from pleintemps_gateway.errors import CalendarError

from .base import Contact, Parsed, Rejected, SourceConfig, Timed
from .fetch import fetch
from .ical_spans import exact_end, is_cancelling, with_durations, without_cancelled
from .registry import HORIZON_MS, source
from .rules import MAX_ALL_STEPS, MAX_STEPS, Purse, bounded
from .web import MAX_BYTES

DAY_MS: Final = 86_400_000
_FIRST_MS: Final = -62_000_000_000_000  # the year 5: what is asked for is widened by some days
_LAST_MS: Final = 253_300_000_000_000  # the year 9996
AGAIN_MS: Final = 3_600_000
"""An unchanged calendar is parsed again after this time, because its series run on."""
MAX_OCCURRENCES: Final = 20_000
MAX_ADDED: Final = 2_000
"""Dates that one event may add to its own (RDATE)."""
MAX_TIMES: Final = 96
"""Times of a day in one rule, a quarter of an hour apart."""
_STEP_S: Final = {
    "SECONDLY": 1,
    "MINUTELY": 60,
    "HOURLY": 3_600,
    "DAILY": 86_400,
    "WEEKLY": 604_800,
    "MONTHLY": 2_419_200,
    "YEARLY": 31_536_000,
}
_AMPLIFIED: Final = frozenset({"amplified", "amplifié", "son amplifié", "amplified sound"})
_PEOPLE: Final = re.compile(r"(?<!\d)(\d{1,5})\s+(?:personnes?|people|pers\.)", re.IGNORECASE)
# what icalendar and recurring-ical-events raise on broken properties, as public test corpora show
_EVENT_FAULTS: Final = (
    *(ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError),
    IsADirectoryError,  # of a zone that has the name of a folder of zones
)
_BLOCK: Final = re.compile(
    rb"^BEGIN:(VEVENT|VTIMEZONE)[ \t]*\r?$.*?^END:\1[ \t]*\r?$", re.MULTILINE | re.DOTALL | re.IGNORECASE
)
_METHOD: Final = re.compile(rb"^METHOD:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_END: Final = re.compile(rb"^END:VCALENDAR", re.MULTILINE | re.IGNORECASE)
_OFTEN: Final = "it repeats too often"
_TOO_OFTEN: Final = "its events repeat too often, all in all"
_BACKWARDS: Final = "it does not end after it starts"
_FOLD: Final = re.compile(rb"\r?\n[ \t]")
_UID: Final = re.compile(rb"^UID[^:\r\n]*:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_lock: Final = threading.Lock()


def parse(data: bytes, zone: str, start: int, end: int) -> Parsed:
    """Occurrences of every VEVENT of ``data`` that touch ``start`` to ``end`` (Unix ms), in order of time.

    Floating times and whole days are read in ``zone``. An event that cannot be used is rejected with a reason
    and harms no other. Cancelled ones are left out. Raises CalendarError if this is no calendar at all.
    """
    start, end = max(start, _FIRST_MS), min(end, _LAST_MS)
    if len(data) > MAX_BYTES:
        raise CalendarError(f"{len(data)} bytes, {MAX_BYTES} allowed")
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # guesses of the parser about vendors' zone names
        tzp.use_default()  # a process-wide cache: forget the zones that another feed defined
        try:
            return _parse(data, ZoneInfo(zone), start, end)
        finally:
            tzp.use_default()


def _parse(data: bytes, zone: ZoneInfo, start: int, end: int) -> Parsed:
    data = data.replace(b"\0", b"")  # RFC 5545 allows none, and PostgreSQL takes no text with one
    data = _FOLD.sub(b"", data)  # before it is decoded: a fold may lie within a letter
    try:
        data.decode()
    except UnicodeDecodeError:
        data = data.decode("cp1252", "replace").encode()  # what old programs of Windows write
    data = with_durations(data)
    first = datetime.fromtimestamp(start / 1000, UTC)
    last = datetime.fromtimestamp(end / 1000, UTC)
    found: list[Timed] = []
    rejected: list[Rejected] = []
    groups: list[tuple[list[Component], str, list[Component]]] = []
    steps = 0
    calendars = _calendars(data, rejected)
    off = [_groups(calendar) for calendar in calendars if is_cancelling(calendar)]
    for calendar in calendars:
        if is_cancelling(calendar):
            continue
        zones = calendar.walk("VTIMEZONE")
        for uid, told in _groups(calendar).items():
            group = without_cancelled(told, [event for each in off for event in each.get(uid, [])])
            healthy = _healthy(uid, group, zone, rejected)
            try:
                steps += sum(_steps(event, zone, end) for event in healthy)
            except _EVENT_FAULTS as error:
                rejected.append(Rejected(uid, _reason(error)))
                continue
            groups.append((zones, uid, healthy))
    if steps > MAX_ALL_STEPS:
        raise CalendarError(_TOO_OFTEN)
    purse = Purse()
    for zones, uid, healthy in groups:
        if not healthy:
            continue
        try:
            found += _occurrences(zones, uid, healthy, zone, (first, last), rejected, purse)
        except _EVENT_FAULTS as error:
            rejected.append(Rejected(uid, _reason(error)))
        if purse.left < 0:
            raise CalendarError(_TOO_OFTEN)
        if len(found) > MAX_OCCURRENCES:
            raise CalendarError(f"more than {MAX_OCCURRENCES} occurrences")
    return Parsed(sorted(found, key=lambda item: (item.start, item.uid)), rejected)


def _calendars(data: bytes, rejected: list[Rejected]) -> list[Component]:
    if not _END.search(data):
        # half a download must not look like a calendar from which bookings were taken away
        raise CalendarError("no calendar, or not a whole one: END:VCALENDAR is missing")
    parsed: list[Any]
    try:
        parsed = Calendar.from_ical(data, multiple=True)
    except (*_EVENT_FAULTS, UnicodeError) as error:
        if not _BLOCK.search(data):
            raise CalendarError(f"no calendar: {_reason(error)}") from error
        parsed = _piecewise(data, rejected)
    calendars = [component for component in parsed if component.name == "VCALENDAR"]
    if not calendars:
        raise CalendarError("no calendar: there is no BEGIN:VCALENDAR")
    return [_with_zone(calendar) for calendar in calendars]


def _piecewise(data: bytes, rejected: list[Rejected]) -> list[Component]:
    """Every event parsed alone, where one line that the parser does not take would drop them all."""
    whole = Calendar()
    methods = {match.group(1).strip().upper() for match in _METHOD.finditer(data)}
    if methods == {b"CANCEL"}:
        whole.add("METHOD", "CANCEL")
    for number, match in enumerate(_BLOCK.finditer(data)):
        lines = b"\r\n".join((b"BEGIN:VCALENDAR", match.group(0).strip(), b"END:VCALENDAR", b""))
        try:
            for component in Calendar.from_ical(lines).subcomponents:
                whole.add_component(component)
        except (*_EVENT_FAULTS, UnicodeError) as error:
            uid = _UID.search(match.group(0))
            name = uid.group(1).decode(errors="replace").strip() if uid else f"part-{number + 1}"
            rejected.append(Rejected(name[:400], _reason(error)))
    return [whole]


def _with_zone(calendar: Component) -> Component:
    """Apply Google's X-WR-TIMEZONE, if the calendar bears one."""
    try:
        applied: Component = x_wr_timezone.to_standard(calendar)
    except _EVENT_FAULTS:
        return calendar
    return applied


def _groups(calendar: Component) -> dict[str, list[Component]]:
    """Events by UID: a series with its moved instances is judged together."""
    groups: dict[str, list[Component]] = {}
    for number, event in enumerate(calendar.walk("VEVENT")):
        groups.setdefault(str(event.get("UID", "")) or f"event-{number + 1}", []).append(event)
    return groups


def _healthy(
    uid: str, group: Iterable[Component], zone: ZoneInfo, rejected: list[Rejected]
) -> list[Component]:
    healthy = []
    for event in group:
        try:
            fault = _fault(event, zone)
        except _EVENT_FAULTS as error:
            fault = _reason(error)
        if fault is None:
            healthy.append(event)
        else:
            rejected.append(Rejected(uid, fault))
    return healthy


def _fault(event: Component, zone: ZoneInfo) -> str | None:
    starts, ends = event.get("DTSTART"), event.get("DTEND")
    if starts is None:
        return "DTSTART is missing or cannot be read"
    if isinstance(starts, list):
        return "more than one DTSTART"
    if event.errors:
        return "; ".join(f"{name}: {text}" for name, text in event.errors)[:200]
    if ends is not None and _utc(ends.dt, zone) < _utc(starts.dt, zone):
        return _BACKWARDS  # the library would turn it round
    return None


def _steps(event: Any, zone: ZoneInfo, end: int) -> int:
    """How far the rules of ``event`` must be followed to ``end`` (Unix ms); ValueError if that is too far.

    A rule is followed from its first day on, step by step, however little of it is asked for.
    """
    rules = event.get("RRULE", [])
    added = event.get("RDATE", [])
    steps = sum(len(dates.dts) for dates in (added if isinstance(added, list) else [added]))
    if steps > MAX_ADDED:
        raise ValueError(_OFTEN)
    for rule in rules if isinstance(rules, list) else [rules]:
        step_s = _STEP_S[str(rule["FREQ"][0]).upper()] * max(1, int(rule.get("INTERVAL", [1])[0]))
        times = 1
        for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
            times *= max(1, len(rule.get(name, [])))
        own = max(0, end - _utc(event["DTSTART"].dt, zone)) // (1000 * step_s)
        if times > MAX_TIMES or own > MAX_STEPS:
            raise ValueError(_OFTEN)
        steps += own * times
    return steps


def _occurrences(
    zones: list[Component],
    uid: str,
    events: list[Component],
    zone: ZoneInfo,
    span: tuple[datetime, datetime],
    rejected: list[Rejected],
    purse: Purse,
) -> Iterator[Timed]:
    alone = Calendar()
    for event in events:
        alone.add_component(event)
    for zone_component in zones:
        alone.add_component(zone_component)
    # a day wider: a floating time is compared before it has its zone
    wide = timedelta(days=1)
    shifts = dict(_shifts(events, zone))
    series = any(name in event for event in events for name in ("RRULE", "RDATE", "RECURRENCE-ID"))
    for event in recurring_ical_events.of(alone, components=[bounded(purse)]).between(
        span[0] - wide, span[1] + wide
    ):
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        item = _timed(uid, event, zone, shifts if series else None)
        if item.end <= item.start:
            rejected.append(Rejected(uid, _BACKWARDS))
        elif item.start < _ms(span[1]) and item.end > _ms(span[0]):
            yield item


def _shifts(events: Iterable[Any], zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """By how much THISANDFUTURE moves occurrences from the one on that it names, all in ms."""
    for event in events:
        named = event.get("RECURRENCE-ID")
        if named is not None and str(named.params.get("RANGE", "")).upper() == "THISANDFUTURE":
            at = _utc(named.dt, zone)
            yield at, _utc(event["DTSTART"].dt, zone) - at


def _timed(uid: str, event: Any, zone: ZoneInfo, shifts: Mapping[int, int] | None) -> Timed:
    """``shifts`` (:func:`_shifts`) is None for a lone event: it may move and keeps its name."""
    start, end = _utc(event.start, zone), _utc(exact_end(event, zone) or event.end, zone)
    name = uid[:400]
    if shifts is not None and (instance := event.get("RECURRENCE-ID")) is not None:
        at = _utc(instance.dt, zone)
        # all that THISANDFUTURE moves bear the name of the first: each had one before
        at = start - shifts[at] if at in shifts else at
        name = f"{uid[:360]}#{at}"
    return Timed(
        uid=name,
        event=uid[:400],
        start=start,
        end=end,
        title=" ".join(str(event.get("SUMMARY", "")).split())[:200],
        location=" ".join(str(event.get("LOCATION", "")).split())[:200],
        people=_people(event),
        contact=_contact(event),
        group=" ".join(str(event.get("X-PLEINTEMPS-GROUP", "")).split())[:200],
        amplified=_amplified(event),
    )


def _amplified(event: Any) -> bool:
    """X-PLEINTEMPS-AMPLIFIED:TRUE, or a category that says so."""
    if str(event.get("X-PLEINTEMPS-AMPLIFIED", "")).strip().upper() == "TRUE":
        return True
    given = event.get("CATEGORIES", [])
    found = [str(name) for each in (given if isinstance(given, list) else [given]) for name in _names(each)]
    return any(name.strip().casefold() in _AMPLIFIED for name in found)


def _names(categories: Any) -> list[Any]:
    return list(getattr(categories, "cats", []))


def _utc(value: date | datetime, zone: ZoneInfo) -> int:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=zone)
    elif value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return _ms(value)


def _ms(value: datetime) -> int:
    return round(value.timestamp() * 1000)


def _people(event: Any) -> int | None:
    given = str(event.get("X-PLEINTEMPS-PEOPLE", "")).strip()
    if given.isascii() and given.isdigit():
        return min(int(given[:6]), 100_000)
    said = _PEOPLE.search(str(event.get("DESCRIPTION", "")))
    return int(said.group(1)) if said else None


def _contact(event: Any) -> Contact:
    """The organiser: whom the calendar names as the one who booked."""
    organiser = event.get("ORGANIZER")
    if organiser is None or isinstance(organiser, list):
        return Contact()
    address = str(organiser)
    scheme, _, mail = address.partition(":")
    parameters = getattr(organiser, "params", {})
    return Contact(
        name=" ".join(str(parameters.get("CN", "")).split())[:200],
        mail=mail[:254] if scheme.lower() == "mailto" and mail.count("@") == 1 else "",
        language=str(parameters.get("LANGUAGE", ""))[:2].lower(),
    )


def _reason(error: Exception) -> str:
    # the text of that one is a path of this machine
    text = "no time zone has this name" if isinstance(error, IsADirectoryError) else str(error)
    return (" ".join(text.split()) or type(error).__name__)[:200]


class IcalConfig(SourceConfig, frozen=True, kw_only=True):
    """``url`` is a path or an http(s) address; it may hold the calendar's own secret."""

    url: str

    def located(self, base: Path) -> Self:
        here = super().located(base)
        return here if "://" in self.url else replace(here, url=str(base / self.url))


class IcalReader:
    """A calendar that is fetched whole: the last good one is kept, an unchanged one not parsed again soon."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._data: bytes | None = None
        self._etag: str | None = None
        self._parsed_at = 0

    def read(self, url: str, now: int) -> Parsed | None:
        """The bookings of the calendar at ``url``, None if it has not changed; raises as a Source does."""
        fetched = fetch(url, self._etag if self._data else None)
        if fetched.data is None and now < self._parsed_at + AGAIN_MS:
            return None
        data = fetched.data if fetched.data is not None else self._data
        if data is None:
            return None
        # from a day ago: a booking that runs now must keep its uid and its code
        parsed = parse(data, self._zone, now - DAY_MS, now + HORIZON_MS)
        self._data, self._etag, self._parsed_at = data, fetched.etag, now
        return parsed

    def forget(self) -> None:
        self._data = None


@source("ical", IcalConfig)
class Ical:
    """iCalendar from a file or over HTTPS."""

    def __init__(self, config: IcalConfig, zone: str) -> None:
        self._url = config.url
        self._reader = IcalReader(zone)

    def read(self, now: int) -> Parsed | None:
        return self._reader.read(self._url, now)

    def forget(self) -> None:
        self._reader.forget()
