"""Sites on the map and spaces on their plans, as frozen records for drawings."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import wrap
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pleintemps_contract.logs import line
from pleintemps_gateway.bookings.vacancies import find, public_spaces
from pleintemps_gateway.bookings.wishes import Wish
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.errors import OutlineError
from pleintemps_gateway.places_config import PlanConfig

from .board import Board, Tile
from .outline import Frame, Outline, Stroke, frame_of, load_outline, paths_of, scale_bar

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pin:
    """A site on the map. ``sign`` is its window, ``rank`` its worst alert; ``free`` of ``total`` spaces."""

    site: str
    name: str
    x: float
    y: float
    left: bool
    sign: str
    rank: str
    free: int
    total: int
    unknown: int


@dataclass(frozen=True, slots=True)
class TownMap:
    """A drawing of ``width`` by ``height``; ``bar`` is a length in metres and in units."""

    width: float
    height: float
    strokes: tuple[Stroke, ...]
    pins: tuple[Pin, ...]
    bar: tuple[int, float]
    fault: str


class Area(NamedTuple):
    """A space on its plan: ``points`` of a polygon, and a box of ``room`` by ``tall`` where its words go, its
    name in ``lines`` that fit.
    """

    tile: Tile
    lines: tuple[str, ...]
    points: str
    x: float
    y: float
    room: float
    tall: float


@dataclass(frozen=True, slots=True)
class Plan:
    site: str
    site_name: str
    plan: str
    name: str
    width: float
    height: float
    unit: float
    image: bool
    areas: tuple[Area, ...]


class Vacant(NamedTuple):
    """A public space that nobody has booked now, until ``until`` (Unix ms; None: for the rest of the day)."""

    site: str
    site_name: str
    zone: str
    space: str
    name: str
    capacity: int
    services: tuple[str, ...]
    until: int | None


def town_map(config: GatewayConfig, board: Board) -> TownMap | None:
    """The sites of ``board`` that have a place; None if none has."""
    outline, fault, frame = _frame(config)
    known = {site.site: site for site in config.sites}
    if frame is None:
        return None
    pins = []
    for site in board.sites:
        place = known[site.site].place
        if place is None:
            continue
        tiles = [tile for tile in site.tiles if tile.bookable]
        x, y = frame.at(place.lon, place.lat)
        pins.append(
            Pin(
                site=site.site,
                name=site.name,
                x=x,
                y=y,
                left=x > frame.width * 0.6,
                sign=_sign(tiles),
                rank="alert" if site.alerts else ("watch" if site.watches else ""),
                free=sum(_is_free(tile) for tile in tiles),
                total=len(tiles),
                unknown=sum(tile.freshness != "fresh" for tile in tiles),
            )
        )
    return _drawn(outline, fault, frame, pins)


def public_map(config: GatewayConfig, vacant: Sequence[Vacant]) -> TownMap | None:
    """Sites with public spaces, from bookings alone; None if none has a place."""
    outline, fault, frame = _frame(config)
    if frame is None:
        return None
    spaces = public_spaces(config)
    pins = []
    for site in {site.site: site for site, _ in spaces}.values():
        if site.place is None:
            continue
        x, y = frame.at(site.place.lon, site.place.lat)
        total = sum(owner is site for owner, _ in spaces)
        free = sum(each.site == site.site for each in vacant)
        sign = "free" if free else "book"
        pins.append(Pin(site.site, site.name, x, y, x > frame.width * 0.6, sign, "", free, total, 0))
    return _drawn(outline, fault, frame, pins) if pins else None


def _frame(config: GatewayConfig) -> tuple[Outline, str, Frame | None]:
    fault = ""
    try:
        outline = load_outline(config.map.outline)
    except OutlineError as error:
        outline, fault = Outline((), 0), str(error)
        _log.warning(line("outline-not-read", error=fault))
    places = [(site.place.lon, site.place.lat) for site in config.sites if site.place]
    return outline, fault, frame_of(places, outline.shapes) if places else None


def _drawn(outline: Outline, fault: str, frame: Frame, pins: list[Pin]) -> TownMap:
    strokes = tuple(paths_of(outline.shapes, frame))
    return TownMap(frame.width, frame.height, strokes, tuple(pins), scale_bar(frame), fault)


def _is_free(tile: Tile) -> bool:
    return tile.freshness == "fresh" and tile.state == "vacant" and tile.current is None


def _sign(tiles: Sequence[Tile]) -> str:
    """Lit while somebody is known to be there; what is not known does not hide that."""
    if any(tile.occupied for tile in tiles):
        return "lit"
    if tiles and all(tile.freshness != "fresh" for tile in tiles):
        return "unk"
    return "free"


def plans_of(sites: Sequence[SiteConfig]) -> list[tuple[SiteConfig, PlanConfig]]:
    """Every plan of ``sites``."""
    return [(site, plan) for site in sites for plan in site.plans]


def draw_plan(site: SiteConfig, plan: PlanConfig, board: Board) -> Plan:
    """``plan`` with its spaces as ``board`` has them."""
    tiles = {(tile.site, tile.space): tile for tile in board.tiles}
    # words are written in 45ths of the plan's width: a plan has no size of its own
    unit = plan.width / 45
    areas = []
    for each in plan.spaces:
        tile = tiles.get((site.site, each.space))
        if tile is None:
            continue
        xs, ys = [x for x, _ in each.corners], [y for _, y in each.corners]
        points = " ".join(f"{x:g},{y:g}" for x, y in each.corners)
        room, tall = max(xs) - min(xs), max(ys) - min(ys)
        signs = max(6, int((room - 3.2 * unit) / (0.6 * unit)))
        areas.append(Area(tile, tuple(wrap(tile.name, signs)[:3]), points, min(xs), min(ys), room, tall))
    return Plan(
        site.site,
        site.name,
        plan.plan,
        plan.name,
        plan.width,
        plan.height,
        unit,
        bool(plan.image),
        tuple(areas),
    )


def load_vacant(conn: Connection, config: GatewayConfig, now: int) -> list[Vacant]:
    """Public spaces that can be booked from now on: from bookings and the calendar, never from presence."""
    found = []
    for each in find(conn, config, Wish(), now):
        span = next((span for span in each.free if span.start <= now < span.end), None)
        if span is not None:
            # the search ends with the day: what is free until then may be free for longer
            rest = max(other.end for other in each.free) == span.end and _ends_day(span.end, each.zone)
            found.append(
                Vacant(
                    each.site,
                    each.site_name,
                    each.zone,
                    each.space,
                    each.name,
                    each.capacity,
                    tuple(each.services),
                    None if rest else span.end,
                )
            )
    return found


def _ends_day(at: int, zone: str) -> bool:
    local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone))
    return (local.hour, local.minute) == (0, 0)
