"""How long an event lasts, and which messages call it off: what the parser's own types do not keep."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

SAID: Final = "X-PLEINTEMPS-DURATION"
"""Property that repeats a DURATION as it was written: a timedelta does not tell P1D from PT24H."""
_LINE: Final = re.compile(rb"^DURATION[^:\r\n]*:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_OWN: Final = re.compile(rb"^X-PLEINTEMPS-DURATION[^\r\n]*(?:\r?\n|\Z)", re.MULTILINE | re.IGNORECASE)
_PART: Final = r"(?:(\d{1,6})%s)?"
_DAYS: Final = "".join(_PART % unit for unit in "WD")
_TIME: Final = "".join(_PART % unit for unit in "HMS")
_SPAN: Final = re.compile(rf"\+?P{_DAYS}(?:T{_TIME})?", re.IGNORECASE)


def with_durations(data: bytes) -> bytes:
    """``data``, unfolded, with SAID after each DURATION."""
    return _LINE.sub(rb"\g<0>\r\n" + SAID.encode() + rb":\g<1>", _OWN.sub(b"", data))


def exact_end(event: Any, zone: ZoneInfo) -> datetime | None:
    """When an occurrence with a DURATION ends (RFC 5545, 3.3.6): days and weeks on the wall clock, hours,
    minutes and seconds as they pass. None for one that ends otherwise.
    """
    said = _SPAN.fullmatch(str(event.get(SAID, "")).strip())
    start, end = event.start, event.end
    if said is None or not isinstance(start, datetime) or not isinstance(end, datetime):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in said.groups())
    nominal = timedelta(days=7 * weeks + days)
    passing = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if end.replace(tzinfo=None) - start.replace(tzinfo=None) != nominal + passing:
        return None  # a PERIOD of its own, or another end
    local = start if start.tzinfo is not None else start.replace(tzinfo=zone)
    wall = local + nominal if nominal else local  # an addition forgets which of two equal hours it is
    return datetime.fromtimestamp(wall.timestamp() + passing.total_seconds(), zone)


def is_cancelling(calendar: Any) -> bool:
    """Whether a calendar is a message that calls its events off (RFC 5546, 3.2.5)."""
    return str(calendar.get("METHOD", "")).strip().upper() == "CANCEL"


def without_cancelled(group: list[Any], cancelling: Iterable[Any]) -> list[Any]:
    """The components of one UID after the messages that call it off: none if the whole is, unless it has a
    younger SEQUENCE; an instance that is called off takes its place as a cancelled one.
    """
    left = list(group)
    for event in cancelling:
        if "RECURRENCE-ID" not in event:
            left = [each for each in left if _sequence(each) > _sequence(event)]
            continue
        at = event["RECURRENCE-ID"].dt
        rest = [each for each in left if not ("RECURRENCE-ID" in each and each["RECURRENCE-ID"].dt == at)]
        if rest:
            event["STATUS"] = "CANCELLED"
            if "DTSTART" not in event:
                event["DTSTART"] = event["RECURRENCE-ID"]
            left = [*rest, event]
    return left


def _sequence(event: Any) -> int:
    try:
        return int(event.get("SEQUENCE", 0))
    except (TypeError, ValueError):
        return 0
