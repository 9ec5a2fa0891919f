"""What a recording of several days tells beyond its own order: a sensor ill for a day, days in other orders.

Each trial lives through the recording anew."""

from collections.abc import Sequence
from statistics import mean, median
from typing import Final, NamedTuple

from .recording import DAY_MS, Recording, kind_of, with_fault
from .replay import believed
from .scores import score

FAULTS: Final = ("high", "low", "missing")


class Drop(NamedTuple):
    """How much of a day's accuracy a fault of ``series`` on that day (from 0) costs."""

    accuracy: float
    series: str
    fault: str
    day: int


class Drops(NamedTuple):
    """Over every sensor, fault and day after the first."""

    mean: float
    worst: Drop
    trials: int


def drops(recording: Recording) -> Drops:
    """Each evidence series ``high``, ``low`` and ``missing`` for one day after the first, each by itself."""
    days = sorted({truth.day for truth in recording.truths})
    sane = believed(recording)
    found = []
    for series in sorted({s.series for s in recording.samples if kind_of(s.series) != "door"}):
        for fault in FAULTS:
            for place, day in enumerate(days[1:], start=1):
                ill = _through(with_fault(recording, series, fault, day), day)
                loss = _right(recording, sane, day) - _right(ill, believed(ill), day)
                found.append(Drop(round(loss, 4), series, fault, place))
    return Drops(round(mean(drop.accuracy for drop in found), 4), max(found), len(found))


def in_orders(recording: Recording, orders: Sequence[Sequence[int]]) -> list[float]:
    """F1 for each order of the days (by their place from 0), smallest first."""
    found = []
    for order in orders:
        other = in_order(recording, order)
        found.append(round(score(other.truths, believed(other)).f1, 4))
    return sorted(found)


def in_order(recording: Recording, order: Sequence[int]) -> Recording:
    """The recording with its days one after the other in this order."""
    days = sorted({truth.day for truth in recording.truths})
    moved = {days[day]: (place - days[day]) * DAY_MS for place, day in enumerate(order)}
    samples = [
        s._replace(at=s.at + moved[s.at // DAY_MS]) for s in recording.samples if s.at // DAY_MS in moved
    ]
    truths = [t._replace(at=t.at + moved[t.day]) for t in recording.truths if t.day in moved]
    return recording._replace(samples=sorted(samples), truths=sorted(truths))


def middle(found: Sequence[float]) -> float:
    """The median."""
    return round(median(found), 4)


def _through(recording: Recording, day: int) -> Recording:
    return recording._replace(
        samples=[s for s in recording.samples if s.at // DAY_MS <= day],
        truths=[t for t in recording.truths if t.day <= day],
    )


def _right(recording: Recording, said: list[bool | None], day: int) -> float:
    own = [t.occupied is s for t, s in zip(recording.truths, said, strict=False) if t.day == day]
    return sum(own) / len(own)
