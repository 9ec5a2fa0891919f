"""The town's booking calendar as the people of the demo fill it: an iCalendar file (RFC 5545)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Event:
    """One booking. ``start`` and ``end`` in Unix ms, whole seconds."""

    uid: str
    title: str
    space: str
    start: int
    end: int


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _fold(line: str) -> str:
    """Lines of at most 75 octets (RFC 5545, 3.1)."""
    data = line.encode()
    parts = []
    while len(data) > 74:
        cut = 74
        while data[cut] & 0xC0 == 0x80:  # never within a character
            cut -= 1
        parts.append(data[:cut].decode())
        data = data[cut:]
    return "\r\n ".join([*parts, data.decode()])


def render(events: list[Event], now: int) -> str:
    """The whole calendar."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Plein Temps//Demo//FR"]
    for event in events:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{event.uid}",
            f"DTSTAMP:{_stamp(now)}",
            f"DTSTART:{_stamp(event.start)}",
            f"DTEND:{_stamp(event.end)}",
            f"SUMMARY:{_text(event.title)}",
            f"LOCATION:{_text(event.space)}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(_fold(line) + "\r\n" for line in lines)


class Calendar:
    """The file; always whole for whoever reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: dict[str, Event] = {}

    def publish(self, now: int, *events: Event) -> None:
        """Add events, or change those of the same uid; without any it still writes the file."""
        self._events |= {event.uid: event for event in events}
        self._write(now)

    def withdraw(self, now: int, uid: str) -> None:
        """Take an event out; nothing if it is not there."""
        self._events.pop(uid, None)
        self._write(now)

    def _write(self, now: int) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(render(list(self._events.values()), now), encoding="utf-8", newline="")
        fresh.replace(self.path)
