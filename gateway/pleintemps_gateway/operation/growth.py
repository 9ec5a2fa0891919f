"""How fast the store grows: its size is noted once a day at most, beside it, by whoever looks."""

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pleintemps_contract.keyfiles import write_secret

FILE: Final = "growth.json"
DAY_MS: Final = 86_400_000
KEPT: Final = 60


class Point(NamedTuple):
    at: int
    size: int


def noted(points: list[Point], now: int, size: int) -> list[Point]:
    """``points`` with the present size, unless the last one is of the same day."""
    past = [point for point in points if point.at <= now]
    if past and now - past[-1].at < DAY_MS:
        return past
    return [*past, Point(now, size)][-KEPT:]


def growth(points: list[Point], now: int, size: int) -> float | None:
    """Bytes a day since the first point; None where that is less than a day ago."""
    first = next((point for point in points if point.at <= now), None)
    if first is None or now - first.at < DAY_MS:
        return None
    return (size - first.size) / ((now - first.at) / DAY_MS)


def look(state: Path, now: int, size: int) -> float | None:
    """Note the size if it is time, and say how the store grows; a note that cannot be kept is not missed."""
    path = state / FILE
    try:
        points = msgspec.json.decode(path.read_bytes(), type=list[Point])
    except (OSError, msgspec.MsgspecError):
        points = []
    after = noted(points, now, size)
    if after != points:
        try:
            write_secret(path, msgspec.json.encode(after))
        except OSError:
            return growth(points, now, size)
    return growth(after, now, size)
