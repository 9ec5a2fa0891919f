"""Since when a series that was heard of late has told of somebody without a break."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from . import parameters as p
from .sensors import Sensor
from .tracks import Track


class Signs(NamedTuple):
    """States that told of somebody, each within the silence allowed of the one before; Unix ms."""

    begin: int
    last: int


def lasting(before: Signs | None, ats: Sequence[int], values: Sequence[int], silence_ms: int) -> Signs | None:
    """The signs that reach to the end of what a series said late, at rising times; ``before`` is what earlier
    pieces said. A journal that comes out of order tells of its last part alone."""
    if not values[-1]:
        return None
    begin = following = ats[-1]
    for at, value in zip(reversed(ats), reversed(values), strict=True):
        if not value or following - at > silence_ms:
            return Signs(begin, ats[-1])
        begin = following = at
    if before is not None and 0 <= begin - before.last <= silence_ms:
        begin = before.begin
    return Signs(begin, ats[-1])


def since(late: Signs | None, track: Track | None, sensor: Sensor, closed: int) -> int | None:
    """When the signs of today's belief began, if they began before ``closed``, the committed moment;
    ``sensor`` is what is believed of the series there, ``track`` what it told since."""
    if late is None or sensor.last_at > late.last:
        return None  # something in between came in time
    silence_ms, last = sensor.stale_ms // p.STALE_FACTOR, late.last
    if track is not None:
        start = bisect_left(track.ats, closed)
        for at, value in zip(track.ats[start:], track.values[start:], strict=True):
            if not value or at - last > silence_ms:
                return None
            last = at
    return late.begin
