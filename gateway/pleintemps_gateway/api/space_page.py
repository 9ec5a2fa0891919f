"""All spaces, and one of them on one axis of time."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.web.board import Tile
from pleintemps_gateway.web.picture import load_board
from pleintemps_gateway.web.space_chart import draw_space
from pleintemps_gateway.web.space_series import RANGES, Range, axis_of, load_series
from pleintemps_gateway.web.spaces import lines_of, load_alerts, load_sensors

from .auth import InContext, Reader
from .context import Context
from .csv_answer import InCsvForm, csv_answer
from .pages import show
from .problems import not_found
from .schemas import SlugText

_COLUMNS: Final = (
    "start",
    "end",
    "presence",
    "unknown",
    "booked",
    "level_db",
    "over_limit",
    "opened",
    "codes",
)

router = APIRouter(include_in_schema=False)
Wanted = Annotated[Range, Query(alias="range")]


@router.get("/spaces")
def spaces_page(
    request: Request,
    context: InContext,
    account: Reader,
    q: Annotated[str, Query(max_length=80)] = "",
    site: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Every space with its state, its booking and its age; by name and by building."""
    now, sites = context.world.now(), context.sites(account.sites)
    names = tuple(each.site for each in sites if site in ("", each.site))
    with context.engine.connect() as conn:
        board = load_board(conn, context.config, names, now)
    word = q.strip().casefold()
    groups = [
        (each, [tile for tile in each.tiles if word in tile.name.casefold() or word in each.name.casefold()])
        for each in board.sites
    ]
    values: dict[str, Any] = {"groups": [(s, tiles) for s, tiles in groups if tiles], "sites": sites}
    return show(request, context, "spaces.html", account, tab="spaces", now=now, q=q, chosen=site, **values)


def _space(site: SiteConfig, name: str) -> SpaceConfig:
    """Raises Problem 404."""
    for space in site.spaces:
        if space.space == name:
            return space
    raise not_found("space")


def _tile(context: Context, site: SiteConfig, space: SpaceConfig, now: int) -> Tile:
    with context.engine.connect() as conn:
        board = load_board(conn, context.config, (site.site,), now)
    for tile in (tile for each in board.sites for tile in each.tiles):
        if tile.space == space.space:
            return tile
    raise not_found("space")


@router.get("/spaces/{site}/{space}")
def space_page(
    request: Request,
    context: InContext,
    account: Reader,
    site: SlugText,
    space: SlugText,
    wanted: Wanted = "evening",
) -> HTMLResponse:
    """What is known now, one axis of time, the same as a table, sensors, rules."""
    home = context.site(account.sites, site)
    room = _space(home, space)
    now = context.world.now()
    with context.engine.connect() as conn:
        found = load_series(conn, home, room, axis_of(wanted, home.zone, now))
        sensors = load_sensors(conn, home, room, now)
        own_alerts = load_alerts(conn, home, room)
    values: dict[str, Any] = {
        "site": home,
        "space": room,
        "t": _tile(context, home, room, now),
        "found": found,
        "lines": lines_of(found, home.zone),
        "sensors": sensors,
        "own_alerts": own_alerts,
        "ranges": RANGES,
        "draw_space": draw_space,
        "doors": [door for door in home.doors if room.space in (door.from_, door.to)],
    }
    return show(request, context, "space.html", account, tab="spaces", now=now, zone=home.zone, **values)


@router.get("/spaces/{site}/{space}/series.json")
def space_series(
    context: InContext, account: Reader, site: SlugText, space: SlugText, wanted: Wanted = "evening"
) -> Response:
    """The lists behind the chart, for the page's script."""
    home = context.site(account.sites, site)
    room = _space(home, space)
    with context.engine.connect() as conn:
        found = load_series(conn, home, room, axis_of(wanted, home.zone, context.world.now()))
    body = {
        "start": found.axis.start,
        "end": found.axis.end,
        "step": found.axis.step,
        "now": found.axis.now,
        **{
            name: getattr(found, name)
            for name in ("presence", "booked", "level", "window", "limit", "quiet", "bookings", "events")
        },
    }
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), media_type="application/json", headers=headers)


@router.get("/spaces/{site}/{space}/table.csv")
def space_csv(
    context: InContext,
    account: Reader,
    form: InCsvForm,
    site: SlugText,
    space: SlugText,
    wanted: Wanted = "evening",
) -> Response:
    """The table of the page; times are Unix ms, shares from 0 to 1."""
    home = context.site(account.sites, site)
    room = _space(home, space)
    with context.engine.connect() as conn:
        found = load_series(conn, home, room, axis_of(wanted, home.zone, context.world.now()))
    rows = [
        [
            line.start,
            line.end,
            None if line.presence is None else round(line.presence, 3),
            round(line.unknown, 3),
            round(line.booked, 3),
            line.level,
            line.over,
            line.events.get("open", 0),
            line.events.get("granted", 0),
        ]
        for line in lines_of(found, home.zone)
    ]
    return csv_answer(f"space-{home.site}-{room.space}"[:80], _COLUMNS, rows, form)
