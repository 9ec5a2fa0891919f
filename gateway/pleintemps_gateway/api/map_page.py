"""Map and plans: for those who are logged in with live spaces; for everybody what can be booked now."""

from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, HTMLResponse

from pleintemps_gateway.places_config import IMAGES
from pleintemps_gateway.web.picture import load_board
from pleintemps_gateway.web.places import draw_plan, load_vacant, plans_of, public_map, town_map

from .auth import Account, InContext, Reads, Visitor
from .free import check_pace
from .pages import show
from .problems import not_found
from .rights import Right
from .schemas import SlugText

Looks = Annotated[Account, Depends(Reads(Right.LOOK))]
_IMAGE_S: Final = 300

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/map")
def map_page(
    request: Request,
    context: InContext,
    account: Looks,
    plan: Annotated[str, Query(max_length=81, pattern="^([a-z0-9-]{1,40}/[a-z0-9-]{1,40})?$")] = "",
) -> Any:
    """What is free, the town, one floor with its doors."""
    now, sites = context.world.now(), context.sites(account.sites)
    plans = plans_of(sites)
    chosen = next((each for each in plans if f"{each[0].site}/{each[1].plan}" == plan), None)
    if plan and chosen is None:
        raise not_found("plan")
    chosen = chosen or (plans[0] if plans else None)
    with context.engine.connect() as conn:
        board = load_board(conn, context.config, account.sites, now)
    tiles = [tile for tile in board.tiles if tile.bookable]
    names = {site.site: site.name for site in board.sites}
    capacity = {(site.site, space.space): space.capacity for site in sites for space in site.spaces}
    free = [t for t in tiles if t.freshness == "fresh" and t.state == "vacant" and t.current is None]
    unknown = [t for t in tiles if t.freshness != "fresh"]
    doors = {}
    if chosen is not None:
        mine = [tile for tile in board.tiles if tile.site == chosen[0].site]
        doors = {door.door: door for tile in mine for door in tile.doors}
    values: dict[str, Any] = {
        "chart": town_map(context.config, board),
        "free": free,
        "unknown": unknown,
        "busy": len(tiles) - len(free) - len(unknown),
        "names": names,
        "capacity": capacity,
        "plans": plans,
        "plan": draw_plan(*chosen, board) if chosen else None,
        "doors": list(doors.values()),
    }
    zone = chosen[0].zone if chosen else context.config.sites[0].zone
    return show(request, context, "map.html", account, now=now, zone=zone, tab="map", **values)


@router.get("/plans/{site}/{plan}")
def plan_image(context: InContext, account: Looks, site: SlugText, plan: SlugText) -> FileResponse:
    """The picture behind a plan."""
    config = context.site(account.sites, site)
    found = next((each for each in config.plans if each.plan == plan and each.image), None)
    if found is None or not Path(found.image).is_file():
        raise not_found("plan")
    headers = {"Cache-Control": f"private, max-age={_IMAGE_S}"}
    return FileResponse(found.image, media_type=IMAGES[Path(found.image).suffix.lower()], headers=headers)


@router.get("/free/map")
def free_map(request: Request, context: InContext, visitor: Visitor) -> Any:
    """Public spaces and what of them is free to book now: from bookings, never from presence."""
    check_pace(request, context)
    now = context.world.now()
    with context.engine.connect() as conn:
        vacant = load_vacant(conn, context.config, now)
    zone = next((site.zone for site in context.config.sites if site.public), context.config.sites[0].zone)
    values: dict[str, Any] = {"chart": public_map(context.config, vacant), "vacant": vacant}
    response = show(request, context, "freemap.html", visitor, now=now, zone=zone, **values)
    response.headers["Cache-Control"] = "private, max-age=30"
    return response
