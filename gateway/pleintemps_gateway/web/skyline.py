"""The skyline of the masthead as figures for SVG: a lit pane is half an hour of one space in use. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from .board import Skyline
from .evening import HALF_HOUR_MS, local

_TOP: Final = 14.0
_MOST_HIGH: Final = 6.8
_GAP: Final = 0.3
MOST_STOREYS: Final = 16
"""Of a larger town one pane stands for several spaces."""


@dataclass(frozen=True, slots=True)
class Pane:
    x: float
    y: float
    width: float
    height: float
    look: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """``panes`` are used (u), booked and empty (g), to come (f); ``marks`` are hours; ``now`` is an x.

    ``unit`` is how many spaces one pane stands for.
    """

    width: int
    height: int
    ground: float
    unit: int
    panes: tuple[Pane, ...]
    quiet: tuple[tuple[float, float], ...]
    marks: tuple[tuple[float, str], ...]
    now: float | None


def storeys(sky: Skyline) -> tuple[int, tuple[str, ...]]:
    """How many spaces a pane stands for, and the panes of each slot from the ground up."""
    highest = max((slot.used + slot.missed + slot.coming for slot in sky.slots), default=0)
    unit = max(1, -(-highest // MOST_STOREYS))
    return unit, tuple(
        "u" * -(-slot.used // unit) + "g" * -(-slot.missed // unit) + "f" * -(-slot.coming // unit)
        for slot in sky.slots
    )


def draw(sky: Skyline, now: int, width: int, height: int, hours: int) -> Drawing:
    """Draw ``sky`` on ``width`` by ``height`` units, an hour's mark every ``hours``."""
    ground = height - 18.0
    step = (width - 8) / len(sky.slots)
    unit, towers = storeys(sky)
    highest = max(map(len, towers), default=0)
    storey = min(_MOST_HIGH, (ground - _TOP) / max(1, highest))

    def x_of(at: int) -> float:
        clamped = min(max(at, sky.start), sky.end)
        return round(4 + (clamped - sky.start) / HALF_HOUR_MS * step, 1)

    panes = []
    for index, looks in enumerate(towers):
        for level, look in enumerate(looks, start=1):
            panes.append(
                Pane(
                    x=round(4 + index * step + step * 0.2, 1),
                    y=round(ground - level * storey - 2, 1),
                    width=round(step * 0.6, 1),
                    height=round(storey * (1 - _GAP), 1),
                    look=look,
                )
            )
    zone = ZoneInfo(sky.zone)
    marks = tuple(
        (x_of(slot.start), local(slot.start, zone).strftime("%H:%M")) for slot in sky.slots[:: 2 * hours]
    )
    return Drawing(
        width=width,
        height=height,
        ground=ground,
        unit=unit,
        panes=tuple(panes),
        quiet=tuple((x_of(start), round(x_of(end) - x_of(start), 1)) for start, end in sky.quiet),
        marks=marks,
        now=x_of(now) if sky.start <= now < sky.end else None,
    )


def outline(panes: Iterable[Pane], look: str) -> str:
    """The panes of one look as the data of an SVG path."""
    mine = (pane for pane in panes if pane.look == look)
    return "".join(f"M{p.x:g} {p.y:g}h{p.width:g}v{p.height:g}h{-p.width:g}z" for p in mine)


def meter(level_db: float) -> float:
    """Place of a level on a bar from 30 to 100 dB, in percent."""
    return round(max(0.0, min(100.0, (level_db - 30) / 70 * 100)), 1)
