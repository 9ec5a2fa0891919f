"""What a space says of its noise: the tables ``[sites.spaces.noise]``."""

from datetime import date
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pleintemps_gateway.access.weeks import ClockTime
from pleintemps_gateway.bookings.calendar_config import DayType

from .emergence import OCTAVES_HZ

Decibels = Annotated[float, Meta(ge=0, le=140)]
Window = Annotated[float, Meta(ge=1, le=7_200)]
_OCTAVES: Final = tuple(str(hertz) for hertz in OCTAVES_HZ)
GLOBAL: Final = "global"


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class LimitConfig(_Table, frozen=True, kw_only=True):
    """A limit from ``from`` to ``to``, on ``days`` of these types, or on all.

    Hours that cross midnight are those of the day of their evening; equal times are the whole day. Without
    ``window_s`` the window is that of the space.
    """

    days: list[DayType] = []
    from_: ClockTime = msgspec.field(name="from", default="00:00")
    to: ClockTime = "00:00"
    limit_db: Decibels
    window_s: Window | None = None


class ResidualConfig(_Table, frozen=True, kw_only=True):
    """The neighbour's residual sound: dB by octave, and dB(A) as ``global``; from 7 to 22 h and at night."""

    day: dict[str, Decibels]
    night: dict[str, Decibels]

    def __post_init__(self) -> None:
        for name, levels in (("day", self.day), ("night", self.night)):
            _complete(f"residual_db.{name}", levels, (*_OCTAVES, GLOBAL))


class MeasurementConfig(_Table, frozen=True, kw_only=True):
    """What an acoustician has measured on ``date``: emergence is indicated with it, and never without.

    ``difference_db`` is the level difference from the sensor to the neighbour by octave (Hz). ``dwelling``:
    the neighbour lives there (from 25 dB(A)), else from 30 dB(A).
    """

    date: date
    by: Annotated[str, Meta(min_length=1, max_length=100)]
    difference_db: dict[str, Decibels]
    residual_db: ResidualConfig
    dwelling: bool = True

    def __post_init__(self) -> None:
        _complete("difference_db", self.difference_db, _OCTAVES)


class NoiseConfig(_Table, frozen=True, kw_only=True):
    """Limits on a sliding LAeq over ``window_s``, indicative, at the sensor; the lower one in quiet hours.

    Where some of ``limits`` hold, they count in their place, all of them. ``rise_db`` above the room's own
    background is too loud in quiet hours while nobody has booked; 0: never. The people in the room are warned
    once it is too loud, over ``warn_window_s`` where that is set, the caretaker if it still is
    ``warn_first_s`` later. An alert that nobody takes is repeated each ``remind_after_s`` (0: never),
    ``remind_max`` times. ``children``: for activities of children up to six years.
    """

    limit_db: Decibels = 75
    quiet_limit_db: Decibels = 65
    window_s: Window = 900
    hysteresis_db: Annotated[float, Meta(ge=0, le=20)] = 2
    min_coverage: Annotated[float, Meta(gt=0, le=1)] = 0.5
    limits: list[LimitConfig] = []
    rise_db: Annotated[float, Meta(ge=0, le=60)] = 20
    warn_first_s: Annotated[float, Meta(ge=0, le=7_200)] = 300
    warn_window_s: Window | None = None
    remind_after_s: Annotated[float, Meta(ge=0, le=86_400)] = 900
    remind_max: Annotated[int, Meta(ge=0, le=20)] = 2
    children: bool = False
    measurement: MeasurementConfig | None = None

    def __post_init__(self) -> None:
        if self.warn_window_s is not None and self.warn_window_s > self.window_s:
            raise ValueError("warn_window_s is not longer than window_s")


def by_octave(levels: dict[str, float]) -> tuple[float, ...]:
    """The levels of the octaves in their order."""
    return tuple(levels[name] for name in _OCTAVES)


def _complete(what: str, levels: dict[str, float], wanted: tuple[str, ...]) -> None:
    if set(levels) != set(wanted):
        raise ValueError(f"{what} has exactly {', '.join(wanted)}")
