"""Rows to InfluxDB line protocol, in milliseconds.

    sound      value                  dB, dB(A), dB(C)    kind: level, LAeq, ... sensor: agent/series
    range      value                  0 in range, 1 under the floor, 2 overload  sensor: agent/series
    presence   value                  wire values  kind: motion, radar          sensor: agent/series
    contact    value                  1 is open    kind: contact                sensor: agent/series
    occupancy  state, probability     -1 unknown, 0 vacant, 1 occupied; 0 to 1  kind: state
    noise      laeq_db, limit_db      dB(A)        kind: window
    alerts     opened, resolved       1 each       kind: of the alert           sensor: door, agent or device
    door       alarm                  0 normal, 1 forced open, 2 open too long  kind: alarm  sensor: door
    agent      online, silent_s, backlog, lost, ill, clock, clock_trusted, version, certificate_days
                                      clock: 0 none, 1 gateway, 2 ntp, 3 rtc, 4 simulated; version: 1.2.3 is
                                      1002003             kind: state           sensor: agent
    hours      known_min, used_min, booked_min, both_min   of the hour that begins then   kind: hour

Every line has the same four tags, because InfluxDB 3 fixes the tags of a table at its first line; ``*`` is
"not of one". Fields are always floats: every version refuses a field that is now integer, now float, and
VictoriaMetrics makes 0 of text. Points are named by tags and time: writing one twice changes nothing.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Final

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorAlarm
from pleintemps_contract.units import OCTAVES, Quantity

from .rows import (
    AgentNow,
    AlertChange,
    DoorAlarmState,
    NoiseWindow,
    Row,
    Said,
    Samples,
    SpaceHour,
    SpaceState,
)

NONE: Final = "*"
FAMILY: Final[Mapping[Quantity, str]] = {
    Quantity.MOTION: "presence",
    Quantity.RADAR: "presence",
    Quantity.TARGETS: "targets",
    Quantity.CONTACT: "contact",
    Quantity.LEVEL: "sound",
    Quantity.LAEQ: "sound",
    Quantity.LAFMAX: "sound",
    Quantity.LCEQ: "sound",
    Quantity.LCPEAK: "sound",
    Quantity.L10: "sound",
    Quantity.L50: "sound",
    Quantity.L90: "sound",
    **dict.fromkeys(OCTAVES.values(), "sound"),
    Quantity.RANGE: "range",
}
STATE: Final[Mapping[Occupancy, float]] = {
    Occupancy.UNKNOWN: -1.0,
    Occupancy.VACANT: 0.0,
    Occupancy.OCCUPIED: 1.0,
}
ALARM: Final[Mapping[DoorAlarm, float]] = {
    DoorAlarm.NORMAL: 0.0,
    DoorAlarm.FORCED_OPEN: 1.0,
    DoorAlarm.OPEN_TOO_LONG: 2.0,
}
CLOCK: Final[Mapping[ClockSource, float]] = {
    ClockSource.NONE: 0.0,
    ClockSource.GATEWAY: 1.0,
    ClockSource.NTP: 2.0,
    ClockSource.RTC: 3.0,
    ClockSource.SIMULATED: 4.0,
}
_MINUTE_MS: Final = 60_000
# A backslash before a delimiter is read differently by different servers, so it is refused, not escaped.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\]")
_DELIMITER: Final = re.compile(r"([,= ])")


@lru_cache(maxsize=65_536)
def escape_tag(text: str) -> str:
    """A tag's value as line protocol has it; raises ValueError if it is empty or cannot be written."""
    if not text or _UNSAFE.search(text):
        raise ValueError(f"{text!r} cannot be a tag")
    return _DELIMITER.sub(r"\\\1", text)


def head(measurement: str, *, site: str, space: str, sensor: str, kind: str) -> str:
    """Measurement and tags, in the order that InfluxDB sorts them in."""
    where = f"site={escape_tag(site)},space={escape_tag(space)}"
    return f"{measurement},kind={escape_tag(kind)},sensor={escape_tag(sensor)},{where}"


def render(site: str, rows: Iterable[Row]) -> list[str]:
    """One string a point; fields that are not finite are left out, and points without fields."""
    return [line for row in rows for line in lines_of(site, row)]


def lines_of(site: str, row: Row) -> list[str]:
    """The points of one row."""
    if isinstance(row, Samples):  # nineteen of twenty lines: 0.4 us each
        start = _start(site, row.space, row.agent, row.series, row.quantity)
        points = zip(row.ats, map(float, row.values), strict=True)
        if all(map(isfinite, row.values)):
            return [f"{start}{value!r} {at}" for at, value in points]
        return [f"{start}{value!r} {at}" for at, value in points if isfinite(value)]
    line = _line(site, row)
    return [line] if line else []


@lru_cache(maxsize=65_536)
def _start(site: str, space: str, agent: str, series: str, quantity: Quantity) -> str:
    named = head(FAMILY[quantity], site=site, space=space, sensor=f"{agent}/{series}", kind=quantity.value)
    return f"{named} value="


def _line(site: str, row: Said) -> str:
    match row:
        case SpaceState():
            start = head("occupancy", site=site, space=row.space, sensor=NONE, kind="state")
            return _point(start, row.at, state=STATE[row.state], probability=row.probability)
        case NoiseWindow():
            start = head("noise", site=site, space=row.space, sensor=NONE, kind="window")
            return _point(start, row.at, laeq_db=row.laeq_db, limit_db=row.limit_db)
        case AlertChange():
            start = head(
                "alerts", site=site, space=row.space or NONE, sensor=row.about or NONE, kind=row.kind
            )
            return _point(start, row.at, **{"resolved" if row.resolved else "opened": 1.0})
        case DoorAlarmState():
            start = head("door", site=site, space=row.space, sensor=row.door, kind="alarm")
            return _point(start, row.at, alarm=ALARM[row.alarm])
        case AgentNow():
            start = head("agent", site=site, space=NONE, sensor=row.agent, kind="state")
            return _point(
                start,
                row.at,
                online=row.online,
                silent_s=row.silent_s,
                backlog=row.backlog,
                lost=row.lost,
                ill=row.ill,
                clock=None if row.clock is None else CLOCK[row.clock],
                clock_trusted=row.clock_trusted,
                version=row.version,
                certificate_days=row.certificate_days,
            )
        case SpaceHour():
            start = head("hours", site=site, space=row.space, sensor=NONE, kind="hour")
            return _point(
                start,
                row.at,
                known_min=row.known_ms / _MINUTE_MS,
                used_min=row.used_ms / _MINUTE_MS,
                booked_min=row.booked_ms / _MINUTE_MS,
                both_min=row.both_ms / _MINUTE_MS,
            )


def _point(start: str, at: int, **fields: float | None) -> str:
    parts = [
        f"{name}={float(value)!r}" for name, value in fields.items() if value is not None and isfinite(value)
    ]
    return f"{start} {','.join(parts)} {at}" if parts else ""
