"""A town's series for both engines: irregular, with gaps and points that were sent twice."""

from collections.abc import Iterator
from typing import Final

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorAlarm
from pleintemps_contract.units import Quantity
from pleintemps_gateway.series import rows
from pleintemps_gateway.series.lines import render

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
SITE, SPACE = "saint-aubin", "hall"
PLACES: Final = ((SITE, SPACE), (SITE, "yard"), ("elsewhere", SPACE))
QUANTITIES: Final = (
    (Quantity.LEVEL, 60),
    (Quantity.LAFMAX, 80),
    (Quantity.LEQ_500, 50),
    (Quantity.MOTION, 2),
    (Quantity.RADAR, 4),
    (Quantity.CONTACT, 2),
)


def lines(start: int, hours: int, told_hours: int, rhythm_ms: int) -> Iterator[list[str]]:
    """Requests: ``hours`` from ``start`` on, a point every ``rhythm_ms``; ``told_hours`` before its end."""
    for number, (site, space) in enumerate(PLACES):
        yield render(site, _measured(start, hours, space, number, rhythm_ms))
        end = start + hours * HOUR
        told = [_hour(space, end - back * HOUR, number) for back in range(told_hours, 0, -1)]
        yield render(site, told)
        yield render(site, told[::2])  # a request that was sent twice


def _noise(*seeds: int) -> int:
    """The same number for the same seeds, without any order."""
    value = 2_166_136_261
    for seed in seeds:
        value = ((value ^ seed) * 16_777_619 + (value >> 13)) % 4_294_967_296
    return value >> 7


def _times(start: int, hours: int, rhythm_ms: int, seed: int) -> list[int]:
    """Every ``rhythm_ms``, some at its very edges, but for half an hour of each series' own."""
    away = start + _noise(seed) % max(1, hours * HOUR - 30 * MINUTE)
    return [
        at + (0 if index % 5 == 0 else rhythm_ms - 1 if index % 5 == 1 else _noise(seed, index) % rhythm_ms)
        for index, at in enumerate(range(start, start + hours * HOUR, rhythm_ms))
        if not away <= at < away + 30 * MINUTE
    ]


def _measured(start: int, hours: int, space: str, number: int, rhythm_ms: int) -> Iterator[rows.Row]:
    for index, (quantity, most) in enumerate(QUANTITIES):
        ats = _times(start, hours, rhythm_ms, number * 10 + index)
        tenths = quantity.value.startswith("L")
        values = [
            _noise(at // 7, most) % (most * 10) / 10 if tenths else float(_noise(at // 7, most) % most)
            for at in ats
        ]
        yield rows.Samples(
            space=space,
            agent="entrance",
            series=f"{space}-{quantity.value}",
            quantity=quantity,
            ats=ats,
            values=values,
        )
    for at in _times(start, hours, rhythm_ms, number * 10 + 7):
        state = (Occupancy.UNKNOWN, Occupancy.VACANT, Occupancy.OCCUPIED)[_noise(at // 11) % 3]
        known = None if state is Occupancy.UNKNOWN else _noise(at // 13) % 101 / 100
        yield rows.SpaceState(space=space, at=at, state=state, probability=known)
        limit = 65.0 if _noise(at // 17) % 9 else None
        yield rows.NoiseWindow(space=space, at=at, laeq_db=_noise(at // 19) % 900 / 10, limit_db=limit)
        if _noise(at // 23) % 11 == 0:
            yield rows.AlertChange(kind="noise", at=at, resolved=_noise(at // 29) % 2 == 0, space=space)
            alarm = list(DoorAlarm)[_noise(at // 31) % 3]
            yield rows.DoorAlarmState(door=f"{space}-door", space=space, at=at, alarm=alarm)
    for at in _times(start, hours, MINUTE, number * 10 + 9):
        yield rows.AgentNow(
            agent=f"{space}-1",
            at=at,
            online=_noise(at // 37) % 5 > 0,
            silent_s=_noise(at // 41) % 900 / 10,
            backlog=_noise(at // 43) % 500,
            lost=_noise(at // HOUR) % 50,
            ill=_noise(at // 47) % 3,
            clock=list(ClockSource)[_noise(at // 53) % len(ClockSource)],
            clock_trusted=_noise(at // 59) % 4 > 0,
            version=1_002_003.0,
            certificate_days=_noise(at // DAY) % 900 / 10,
        )


def _hour(space: str, at: int, number: int) -> rows.SpaceHour:
    known = 30 + _noise(at // HOUR, number) % 31
    used = _noise(at // HOUR, number, 1) % (known + 1)
    booked = _noise(at // HOUR, number, 2) % 61
    return rows.SpaceHour(
        space=space,
        at=at,
        known_ms=known * MINUTE,
        used_ms=used * MINUTE,
        booked_ms=booked * MINUTE,
        both_ms=min(used, booked) * MINUTE,
    )
