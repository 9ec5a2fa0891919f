"""Who is on duty: shifts of the week, exceptions before them, and who is asked last. Pure.

A shift that crosses midnight belongs to the day of its evening; hours are those of a clock on the wall there.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final, get_args
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from pleintemps_gateway.access.weeks import Weekday, WeekRule, instant

Person = Annotated[str, Meta(min_length=1, max_length=80)]
LocalTime = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
_DAYS: Final[tuple[str, ...]] = get_args(Weekday)
_LOOK_MS: Final = 8 * 86_400_000


class ShiftConfig(WeekRule, frozen=True, kw_only=True):
    """``people`` in the order in which they are asked."""

    people: Annotated[list[Person], Meta(min_length=1, max_length=20)]


class ExceptionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From ``from`` to ``to`` (local time of the site) these people are on duty, and nobody else."""

    from_: LocalTime = msgspec.field(name="from")
    to: LocalTime
    people: Annotated[list[Person], Meta(max_length=20)]

    def __post_init__(self) -> None:
        if datetime.fromisoformat(self.to) <= datetime.fromisoformat(self.from_):
            raise ValueError("an exception ends after it begins")


class RotaConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rota of ``sites`` (all where there are none). Who does not take an alert within ``wait_min`` is
    followed by the next; ``last`` are asked after everybody of the shift. Who has taken one that goes on is
    reminded after ``remind_min``. The same is not told to the same person again within ``again_min``.
    """

    sites: list[str] = []
    shifts: list[ShiftConfig] = []
    exceptions: list[ExceptionConfig] = []
    last: Annotated[list[Person], Meta(max_length=20)] = []
    wait_min: Annotated[float, Meta(ge=1, le=1_440)] = 10
    remind_min: Annotated[float, Meta(ge=1, le=1_440)] = 30
    again_min: Annotated[float, Meta(ge=0, le=1_440)] = 15


class OnDuty(msgspec.Struct, frozen=True, kw_only=True):
    """``people`` in their order, then who is asked ``last``; ``until``: the next change within eight days."""

    people: tuple[str, ...]
    last: tuple[str, ...]
    until: int | None

    @property
    def chain(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.people, *self.last)))


def on_duty(rota: RotaConfig, zone: ZoneInfo, now: int) -> OnDuty:
    """Who is on duty at ``now`` (Unix ms)."""
    edges = sorted({edge for start, end, _ in _spans(rota, zone, now) for edge in (start, end) if edge > now})
    here = _people(rota, zone, now)
    until = next((edge for edge in edges if _people(rota, zone, edge) != here), None)
    return OnDuty(people=here, last=tuple(rota.last), until=until)


def _people(rota: RotaConfig, zone: ZoneInfo, at: int) -> tuple[str, ...]:
    for start, end, people in _exceptions(rota, zone):
        if start <= at < end:
            return people
    found = [
        person for start, end, people in _shifts(rota, zone, at) if start <= at < end for person in people
    ]
    return tuple(dict.fromkeys(found))


Span = tuple[int, int, tuple[str, ...]]


def _spans(rota: RotaConfig, zone: ZoneInfo, now: int) -> list[Span]:
    near = [span for span in _exceptions(rota, zone) if span[1] > now and span[0] < now + _LOOK_MS]
    return near + _shifts(rota, zone, now, 8)


def _exceptions(rota: RotaConfig, zone: ZoneInfo) -> list[Span]:
    found = []
    for each in rota.exceptions:
        first, last = datetime.fromisoformat(each.from_), datetime.fromisoformat(each.to)
        start = instant(zone, first.date(), first.time(), fold=0)
        end = instant(zone, last.date(), last.time(), fold=1)
        found.append((start, end, tuple(each.people)))
    return found


def _shifts(rota: RotaConfig, zone: ZoneInfo, at: int, days: int = 1) -> list[Span]:
    """Those that begin on the day before the one of ``at``, on it, or within ``days`` after."""
    today = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).date()
    found = []
    for shift in rota.shifts:
        opens, closes = time.fromisoformat(shift.from_), time.fromisoformat(shift.to)
        for offset in range(-1, days + 1):
            day = today + timedelta(days=offset)
            if _DAYS[day.weekday()] in shift.days:
                last = day if closes > opens else day + timedelta(days=1)
                start = instant(zone, day, opens, fold=0)
                found.append((start, instant(zone, last, closes, fold=1), tuple(shift.people)))
    return found
