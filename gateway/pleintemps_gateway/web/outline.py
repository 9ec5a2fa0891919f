"""A plain outline of the town from a GeoJSON file (RFC 7946), as paths of a drawing.

A feature's property ``kind`` says how it looks: ``limit``, ``built``, ``wood``, ``water``, ``road`` or
``rail``; ``name`` is written beside it. What cannot be drawn is left out alone, and counted.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from pleintemps_gateway.errors import OutlineError

MAX_BYTES: Final = 2_000_000
MOST_POINTS: Final = 50_000
WIDE: Final = 720.0
_KINDS: Final = frozenset({"limit", "built", "wood", "water", "road", "rail"})
_DEPTH: Final = {"Polygon": 1, "MultiPolygon": 2, "LineString": 0, "MultiLineString": 1}
_MARGIN: Final = 40.0
_LEAST_DEGREES: Final = 0.002

Position = tuple[float, float]


class Shape(NamedTuple):
    """Lines of (longitude, latitude); ``area``: they are closed and filled."""

    kind: str
    name: str
    area: bool
    lines: tuple[tuple[Position, ...], ...]


class Outline(NamedTuple):
    shapes: tuple[Shape, ...]
    left_out: int


class Stroke(NamedTuple):
    """A shape as SVG: ``d`` of a path, where its name stands (empty if it has none)."""

    kind: str
    name: str
    d: str
    x: float
    y: float


class Frame(NamedTuple):
    """From degrees to a drawing of ``width`` by ``height``: equirectangular at its own middle."""

    west: float
    north: float
    scale: float
    squeeze: float
    width: float
    height: float

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        x = (lon - self.west) * self.squeeze * self.scale + _MARGIN
        return round(x, 1), round((self.north - lat) * self.scale + _MARGIN, 1)

    @property
    def metres(self) -> float:
        """Metres in one unit of the drawing."""
        return 111_320 / self.scale


def load_outline(path: str) -> Outline:
    """The outline at ``path``, read again when the file changes; raises OutlineError."""
    if not path:
        return Outline((), 0)
    try:
        status = Path(path).stat()
    except OSError as error:
        raise OutlineError("the outline cannot be read") from error
    return _load(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _load(path: str, _changed: int, size: int) -> Outline:
    if size > MAX_BYTES:
        raise OutlineError(f"the outline has more than {MAX_BYTES} bytes")
    try:
        return read_outline(Path(path).read_bytes())
    except OSError as error:
        raise OutlineError("the outline cannot be read") from error


def read_outline(data: bytes) -> Outline:
    """The shapes of a feature collection; raises OutlineError for what is none."""
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OutlineError("the outline is no JSON") from error
    features = told.get("features") if isinstance(told, dict) else None
    if not isinstance(features, list):
        raise OutlineError("the outline is no GeoJSON feature collection")
    shapes, left_out, points = [], 0, 0
    for feature in features:
        shape = _shape(feature)
        points += 0 if shape is None else sum(len(line) for line in shape.lines)
        if shape is None or points > MOST_POINTS:
            left_out += 1
        else:
            shapes.append(shape)
    return Outline(tuple(shapes), left_out)


def _shape(feature: Any) -> Shape | None:
    if not isinstance(feature, dict):
        return None
    geometry, told = feature.get("geometry"), feature.get("properties")
    properties = told if isinstance(told, dict) else {}
    if not isinstance(geometry, dict) or geometry.get("type") not in _DEPTH:
        return None
    kind, name = properties.get("kind"), properties.get("name")
    area = geometry["type"].endswith("Polygon")
    try:
        lines = tuple(_lines(geometry.get("coordinates"), _DEPTH[geometry["type"]]))
    except (TypeError, ValueError, IndexError):
        return None
    if not lines:
        return None
    return Shape(
        kind if isinstance(kind, str) and kind in _KINDS else ("built" if area else "road"),
        name[:60] if isinstance(name, str) else "",
        area,
        lines,
    )


def _lines(told: Any, depth: int) -> Iterator[tuple[Position, ...]]:
    if not isinstance(told, list):
        raise TypeError("coordinates are lists")
    if depth:
        for each in told:
            yield from _lines(each, depth - 1)
    else:
        yield tuple(_position(each) for each in told)


def _position(told: Any) -> Position:
    lon, lat = float(told[0]), float(told[1])
    if not (-180 <= lon <= 180 and -85 <= lat <= 85):
        raise ValueError("degrees")
    return lon, lat


def frame_of(places: Iterable[Position], shapes: Sequence[Shape]) -> Frame | None:
    """The frame around all of them; None around nothing."""
    every = [*places, *(at for shape in shapes for line in shape.lines for at in line)]
    if not every:
        return None
    west, east = min(lon for lon, _ in every), max(lon for lon, _ in every)
    south, north = min(lat for _, lat in every), max(lat for _, lat in every)
    squeeze = max(0.05, math.cos(math.radians((south + north) / 2)))
    across = max((east - west) * squeeze, _LEAST_DEGREES)
    down = max(north - south, _LEAST_DEGREES)
    scale = min((WIDE - 2 * _MARGIN) / across, (WIDE - 2 * _MARGIN) / down)
    # a town in one place, or in a line, still lies in the middle
    west -= (across - (east - west) * squeeze) / 2 / squeeze
    north += (down - (north - south)) / 2
    size = (round(across * scale + 2 * _MARGIN, 1), round(down * scale + 2 * _MARGIN, 1))
    return Frame(west, north, scale, squeeze, *size)


def paths_of(shapes: Sequence[Shape], frame: Frame) -> list[Stroke]:
    """Areas first, so that lines lie on them."""
    found = []
    for shape in sorted(shapes, key=lambda each: not each.area):
        lines = [[frame.at(*at) for at in line] for line in shape.lines if line]
        text = "".join(
            "M" + "L".join(f"{x:g} {y:g}" for x, y in line) + ("z" if shape.area else "") for line in lines
        )
        x, y = lines[0][len(lines[0]) // 2] if lines else (0.0, 0.0)
        found.append(Stroke(shape.kind, shape.name, text, x, y))
    return found


def scale_bar(frame: Frame) -> tuple[int, float]:
    """Metres of a round length near a sixth of the drawing, and its units."""
    wanted = frame.width / 6 * frame.metres
    step = 10 ** math.floor(math.log10(wanted))
    metres = max(factor * step for factor in (1, 2, 5) if factor * step <= wanted)
    return int(metres), round(metres / frame.metres, 1)
