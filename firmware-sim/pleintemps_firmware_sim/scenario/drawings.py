"""The demo town's outline, and a floor plan for any building on paper: what the gateway's map shows."""

import math
from pathlib import Path
from typing import Final

from .plan import Plan

OUTLINE: Final = Path(__file__).parents[1] / "scenarios" / "saint-aubin.geojson"
"""A town that does not exist (GeoJSON, RFC 7946)."""
LAT: Final = 46.5972
LON: Final = 0.3335
WIDTH: Final = 640
HEIGHT: Final = 360
_PASSAGE: Final = 90
_MARGIN: Final = 10


def corners(plan: Plan) -> dict[str, list[tuple[int, int]]]:
    """By space: bookable rooms side by side, as wide as the roots of their capacities, passages below."""
    rooms = [room for room in plan.rooms if room.bookable]
    passages = [room for room in plan.rooms if not room.bookable]
    below = _PASSAGE if passages else 0
    found = _row(
        [(room.space, math.sqrt(max(room.capacity, 9))) for room in rooms],
        _MARGIN,
        HEIGHT - _MARGIN - below,
    )
    return found | _row([(room.space, 1.0) for room in passages], HEIGHT - _MARGIN - below, HEIGHT - _MARGIN)


def _row(parts: list[tuple[str, float]], top: int, bottom: int) -> dict[str, list[tuple[int, int]]]:
    # half of the width in equal parts: the smallest room still has room for its words
    whole, found, at = sum(weight for _, weight in parts), dict[str, list[tuple[int, int]]](), 0.0
    for space, weight in parts:
        share = (weight / whole + 1 / len(parts)) / 2
        left, at = at, at + share
        x0, x1 = (_MARGIN + round(edge * (WIDTH - 2 * _MARGIN)) for edge in (left, at))
        found[space] = [(x0, top), (x1, top), (x1, bottom), (x0, bottom)]
    return found


def tables(plan: Plan) -> str:
    """TOML for the end of the plan's site: its place, its one floor."""
    lines = ["[sites.place]", f"lat = {LAT}", f"lon = {LON}", ""]
    lines += [
        "[[sites.plans]]",
        'plan = "ground"',
        'name = "Rez-de-chaussée"',
        f"width = {WIDTH}",
        f"height = {HEIGHT}",
        "",
    ]
    for space, polygon in corners(plan).items():
        points = ", ".join(f"[{x}, {y}]" for x, y in polygon)
        lines += ["[[sites.plans.spaces]]", f'space = "{space}"', f"corners = [{points}]", ""]
    return "\n".join(lines)
