"""Bookings of a scenario that stand in an iCalendar file (RFC 5545): single events, UTC or local times."""

import re
from pathlib import Path
from typing import Final

from .records import EventRecord

MAX_BYTES: Final = 256 * 1024
_TIME: Final = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(Z?)\Z", re.ASCII)


def read_events(folder: Path, name: str) -> tuple[EventRecord, ...]:
    """Raises ValueError, in one line, for a file that is not there or holds what is not read here."""
    try:
        if (folder / name).resolve().parent != folder.resolve():
            raise ValueError("has to lie beside the scenario")
        with (folder / name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except RuntimeError:  # what pathlib makes of links that lead round in a circle
        raise ValueError("cannot be read: it is a link to itself") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    return tuple(_events(re.sub(r"\r?\n[ \t]", "", text).splitlines()))


def _events(lines: list[str]) -> list[EventRecord]:
    found: list[EventRecord] = []
    event: dict[str, str] | None = None
    for number, line in enumerate(lines, 1):
        name, _, value = line.partition(":")
        key = name.partition(";")[0].upper()
        if line.upper() == "BEGIN:VEVENT":
            event = {}
        elif line.upper() == "END:VEVENT":
            if event is None:
                raise ValueError(f"event {len(found) + 1} ends before it begins")
            found.append(_event(event, len(found) + 1))
            event = None
        elif event is not None and key in ("RRULE", "RDATE", "RECURRENCE-ID", "DURATION"):
            raise ValueError(f"line {number}: {key} is not read here; write single events")
        elif event is not None:
            event[key] = value
    if event is not None:
        raise ValueError("ends within an event")
    if not found:
        raise ValueError("holds no event")
    return found


def _event(event: dict[str, str], number: int) -> EventRecord:
    times = []
    for key in ("DTSTART", "DTEND"):
        found = _TIME.match(event.get(key, ""))
        if found is None:
            raise ValueError(f"event {number}: {key} is no date with time")
        year, month, day, hour, minute, second, utc = found.groups()
        times.append(f"{year}-{month}-{day}T{hour}:{minute}:{second}{'+00:00' if utc else ''}")
    return EventRecord(
        space=event.get("LOCATION", "").strip(),
        title=event.get("SUMMARY", "")[:200].replace("\\,", ",").replace("\\;", ";"),
        start=times[0],
        end=times[1],
    )
