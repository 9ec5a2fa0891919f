"""School holidays of a zone from the ministry's file, as CSV or iCalendar. Pure.

The columns of the CSV are ``Description``, ``Population``, ``Date de début``, ``Date de fin``, ``Académies``,
``Zones`` and ``annee_scolaire``. Its end is the morning on which school begins again, like that of a whole
day in iCalendar: it is not a holiday any more. Days on which teachers alone come back are no pupils' days.
"""

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pleintemps_gateway.errors import CalendarError

from .site_calendar import Days
from .sources.base import Rejected

MAX_ROWS: Final = 50_000
MAX_DAYS: Final = 100
"""A longer holiday is a mistake: nothing opens a school for half a year."""
_COLUMNS: Final = {
    "what": {"description"},
    "who": {"population"},
    "start": {"date de début", "date de debut", "start_date"},
    "end": {"date de fin", "end_date"},
    "zones": {"zones", "zone"},
}
_NO_HOLIDAY: Final = re.compile(r"rentrée|rentree|reprise|enseignant", re.IGNORECASE)
_ZONES: Final = re.compile(r"\bzones?\s+([A-C](?:\s*(?:,|/|et|&)\s*[A-C])*)\b", re.IGNORECASE)
_FIRST_MS: Final = 946_684_800_000  # 2000
_LAST_MS: Final = 4_102_444_800_000  # 2100


def read_school_holidays(data: bytes, zone: str, tz: str) -> tuple[list[Days], list[Rejected]]:
    """The holidays of ``zone`` ("A", "B", "C", or as the file names another) in the IANA zone ``tz``.

    A row that cannot be used harms itself only. Raises CalendarError if this is neither kind of file.
    """
    if data.lstrip(b"\xef\xbb\xbf \r\n").upper().startswith(b"BEGIN:VCALENDAR"):
        return _from_ical(data, zone, tz)
    return _from_table(data, zone, ZoneInfo(tz))


def _from_ical(data: bytes, zone: str, tz: str) -> tuple[list[Days], list[Rejected]]:
    from .sources.ical import parse

    parsed = parse(data, tz, _FIRST_MS, _LAST_MS)
    found: list[Days] = []
    rejected = list(parsed.rejected)
    for item in parsed.bookings:
        text = f"{item.title} {item.location}"
        if _NO_HOLIDAY.search(item.title) or (_zones(text) and not _is_ours(text, zone)):
            continue
        try:
            found.append(_days(_at(item.start), _at(item.end), ZoneInfo(tz)))
        except ValueError as error:
            rejected.append(Rejected(item.uid, str(error)))
    return found, rejected


def _from_table(data: bytes, zone: str, tz: ZoneInfo) -> tuple[list[Days], list[Rejected]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    separator = max(";,\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=separator)
    found: list[Days] = []
    rejected: list[Rejected] = []
    try:
        columns = _columns(next(rows, []))
        for number, row in enumerate(rows, start=2):
            if number > MAX_ROWS:
                raise CalendarError(f"more than {MAX_ROWS} rows")
            values = {name: row[place].strip() for name, place in columns.items() if place < len(row)}
            if not _counts(values, zone):
                continue
            try:
                found.append(_days(_moment(values, "start", tz), _moment(values, "end", tz), tz))
            except ValueError as error:
                rejected.append(Rejected(f"line-{number}", str(error)))
    except csv.Error as error:
        raise CalendarError(f"no table of school holidays: {error}") from error
    return found, rejected


def _columns(header: list[str]) -> dict[str, int]:
    said = [cell.strip().casefold() for cell in header]
    columns = {name: said.index(word) for name, words in _COLUMNS.items() for word in words if word in said}
    for name in ("start", "end", "zones"):
        if name not in columns:
            word = sorted(_COLUMNS[name])[0]
            raise CalendarError(f"no table of school holidays: its first line has no column {word!r}")
    return columns


def _counts(values: Mapping[str, str], zone: str) -> bool:
    population = values.get("who", "").casefold()
    if "enseignant" in population and "élève" not in population:
        return False
    return _is_ours(values.get("zones", ""), zone) and not _NO_HOLIDAY.search(values.get("what", ""))


def _zones(text: str) -> set[str]:
    found = re.findall(r"[A-C]", " ".join(match.group(1) for match in _ZONES.finditer(text)), re.IGNORECASE)
    return {letter.upper() for letter in found}


def _is_ours(text: str, zone: str) -> bool:
    return zone.upper() in _zones(text) or text.strip().casefold() == zone.strip().casefold()


def _moment(values: Mapping[str, str], name: str, tz: ZoneInfo) -> datetime:
    text = values.get(name, "")
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no time") from error
    return when.replace(tzinfo=tz) if when.tzinfo is None else when


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _days(start: datetime, end: datetime, tz: ZoneInfo) -> Days:
    """The local days of a holiday; one that ends when it begins is that day: only its start is known."""
    if end < start:
        raise ValueError("it ends before it starts")
    try:
        first = start.astimezone(tz).date()
        last = (end - timedelta(microseconds=1)).astimezone(tz).date() if end > start else first
    except OverflowError as error:
        raise ValueError("it is out of any calendar") from error
    if (last - first).days >= MAX_DAYS:
        raise ValueError(f"it lasts more than {MAX_DAYS} days")
    return Days(first, last)
