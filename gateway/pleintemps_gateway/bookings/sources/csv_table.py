"""A table of bookings as spreadsheets save it: for towns whose booking software has no calendar.

The first line names the columns, in French or English, in any order; ``;``, ``,`` or a tab between them; in
UTF-8 or Windows-1252. Times are ISO 8601 or ``25/12/2026 20:30`` in the site's zone.
"""

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from pleintemps_gateway.errors import CalendarError

from .base import Contact, Parsed, Rejected, SourceConfig, Timed
from .fetch import fetch
from .registry import source

MAX_ROWS: Final = 20_000
_NAMES: Final = {
    "start": {"start", "debut", "début", "from", "du"},
    "end": {"end", "fin", "to", "au"},
    "space": {"space", "salle", "espace", "room", "lieu", "location"},
    "title": {"title", "titre", "objet", "subject", "intitule", "intitulé"},
    "people": {"people", "personnes", "effectif"},
    "uid": {"uid", "id", "reference", "référence"},
    "name": {"name", "nom", "contact"},
    "mail": {"mail", "email", "e-mail", "courriel"},
    "phone": {"phone", "telephone", "téléphone", "mobile"},
    "group": {"group", "association", "groupe"},
    "amplified": {"amplified", "amplifie", "amplifié", "sono", "sonorisation"},
    "status": {"status", "statut", "etat", "état"},
}
_YES: Final = {"1", "x", "yes", "true", "oui", "vrai"}
_CANCELLED: Final = {"cancelled", "canceled", "annule", "annulé", "annulee", "annulée"}
_FRENCH: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})[ T](\d{1,2})[:hH](\d{2})(?::\d{2})?")


class CsvConfig(SourceConfig, frozen=True, kw_only=True):
    """``url`` is a path or an http(s) address."""

    url: str

    def located(self, base: Path) -> Self:
        here = super().located(base)
        return here if "://" in self.url else replace(here, url=str(base / self.url))


def parse_table(data: bytes, zone: str) -> Parsed:
    """Every row of ``data``; a row that cannot be used harms itself only. Raises CalendarError without the
    columns ``start`` and ``end``.
    """
    if b"\0" in data:
        raise CalendarError("no table of bookings: it is not text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    header = text.partition("\n")[0]
    separator = max(";,\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    found: list[Timed] = []
    rejected: list[Rejected] = []
    try:
        columns = _columns(next(rows, []))
        for number, row in enumerate(rows, start=2):
            if number > MAX_ROWS:
                raise CalendarError(f"more than {MAX_ROWS} rows")
            if not any(cell.strip() for cell in row):
                continue
            values = {name: row[place].strip() for name, place in columns.items() if place < len(row)}
            if values.get("status", "").casefold() in _CANCELLED:
                continue
            uid = values.get("uid", "")[:400]
            try:
                found.append(_row(values, uid, ZoneInfo(zone)))
            except ValueError as error:
                rejected.append(Rejected(uid or f"line-{number}", str(error)[:200]))
    except csv.Error as error:
        raise CalendarError(f"no table of bookings: {error}") from error
    return Parsed(sorted(found, key=lambda item: (item.start, item.uid)), rejected)


def _columns(header: list[str]) -> dict[str, int]:
    said = [cell.strip().casefold() for cell in header]
    columns = {name: said.index(word) for name, words in _NAMES.items() for word in words if word in said}
    for name in ("start", "end"):
        if name not in columns:
            raise CalendarError(f"no table of bookings: its first line has no column {name!r}")
    return columns


def _row(values: Mapping[str, str], uid: str, zone: ZoneInfo) -> Timed:
    start, end = _time(values.get("start", ""), zone), _time(values.get("end", ""), zone)
    if end <= start:
        raise ValueError("it does not end after it starts")
    title, space = values.get("title", "")[:200], values.get("space", "")[:200]
    if not uid:
        # without a name of its own a row is what it says: moved, it is another booking
        uid = hashlib.sha256("\0".join((str(start), str(end), space, title)).encode()).hexdigest()[:32]
    people = values.get("people", "")
    return Timed(
        uid=uid,
        event=uid,
        start=start,
        end=end,
        title=" ".join(title.split()),
        location=" ".join(space.split()),
        people=min(int(people[:6]), 100_000) if people.isascii() and people.isdigit() else None,
        contact=Contact(
            name=values.get("name", "")[:200],
            mail=values.get("mail", "")[:254],
            phone=values.get("phone", "")[:40],
        ),
        group=values.get("group", "")[:200],
        amplified=values.get("amplified", "").casefold() in _YES,
    )


def _time(text: str, zone: ZoneInfo) -> int:
    french = _FRENCH.fullmatch(text)
    try:
        if french:
            day, month, year, hour, minute = (int(part) for part in french.groups())
            when = datetime(year, month, day, hour, minute, tzinfo=zone)
        else:
            when = datetime.fromisoformat(text)
            when = when.replace(tzinfo=zone) if when.tzinfo is None else when
        milliseconds = round(when.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no time") from error
    if milliseconds < 0:
        raise ValueError(f"{text[:40]!r} is no time")
    return milliseconds


@source("csv", CsvConfig)
class CsvTable:
    """The whole table at each change."""

    def __init__(self, config: CsvConfig, zone: str) -> None:
        self._url = config.url
        self._zone = zone
        self._etag: str | None = None

    def read(self, now: int) -> Parsed | None:
        fetched = fetch(self._url, self._etag, "text/csv")
        if fetched.data is None:
            return None
        parsed = parse_table(fetched.data, self._zone)
        self._etag = fetched.etag
        return parsed

    def forget(self) -> None:
        self._etag = None
