"""The pages of one door, one intrusion panel, one command: what will happen, and what became of it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.config import DoorConfig, SiteConfig
from pleintemps_gateway.store import reading
from pleintemps_gateway.web import door_list, stories
from pleintemps_gateway.web.tonight import command_view, load_doors, load_panels
from pleintemps_gateway.web.words import PANEL_ACTIONS, SIGNAL_ACTIONS

from . import writes
from .auth import Account, InContext, Posts, Reads
from .context import Context, find_door, find_panel
from .looking import looked
from .pages import show
from .problems import not_found
from .rights import Right
from .schemas import NO_NUL, IdText, PanelCommand, SlugText

HISTORY: Final = 50
"""Events of a door that its page tells."""

Looks = Annotated[Account, Depends(Reads(Right.LOOK))]
Opens = Annotated[Account, Depends(Posts(Right.DOORS))]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/doors/{site}/{door}")
def door_page(request: Request, context: InContext, account: Looks, site: SlugText, door: SlugText) -> Any:
    """Its state, what opening will do, modes, free openings, codes; for caretakers, what happened there."""
    return _door_page(request, context, account, site, door)


def _door_page(
    request: Request, context: Context, account: Account, site: str, door: str, status: int = 200
) -> HTMLResponse:
    config = context.site(account.sites, site)
    known = find_door(config, door)
    now = context.world.now()
    with context.engine.connect() as conn:
        (here,) = door_list.load_site_doors(conn, context.config, [config], now)
        row = next(each for each in here.rows if each.door.door == door)
        codes = door_list.codes_of_door(conn, config, known, now)
        history = _history(conn, config, known) if account.may(Right.RECORDS) else None
    if history is not None:
        looked(context, account, f"door/{door}", site)
    values: dict[str, Any] = {
        "site": config,
        "door": row.door,
        "row": row,
        "history": history,
        "codes": codes,
    }
    values |= {"actions": door_list.offered(row.door), "openings": door_list.openings_of(config, known, now)}
    values |= {"fault": status != 200, "tab": "doors"}
    return show(request, context, "door.html", account, status, now=now, zone=config.zone, **values)


def _history(conn: Connection, site: SiteConfig, door: DoorConfig) -> list[stories.Entry]:
    rows = reading.door_events(conn, site.site, door.door, door.agent, stories.OF_AGENT, HISTORY)
    grants, commands = stories.grants_of(rows)
    titles = reading.grant_titles(conn, site.site, grants)
    return stories.entries(rows, titles, door_list.askers(conn, site.site, commands))


@router.post("/doors/{site}/{door}/open")
def open_door(
    request: Request,
    context: InContext,
    account: Opens,
    site: SlugText,
    door: SlugText,
    reason: Annotated[str, Form(max_length=200, pattern=NO_NUL)] = "",
) -> Any:
    """One passage, for a reason."""
    config = context.site(account.sites, site)
    known = find_door(config, door)
    if not reason.strip():
        return _door_page(request, context, account, site, door, status=422)
    command = writes.command_door(context, account, config, known, DoorAction.ACCESS, reason.strip())
    return RedirectResponse(f"/commands/{site}/{command}", 303)


@router.get("/doors/{site}/{door}/fire")
def fire_page(request: Request, context: InContext, account: Looks, site: SlugText, door: SlugText) -> Any:
    """Asks again before the end of a fire alarm is confirmed."""
    return _fire_page(request, context, account, site, door)


def _fire_page(
    request: Request, context: Context, account: Account, site: str, door: str, status: int = 200
) -> HTMLResponse:
    config = context.site(account.sites, site)
    find_door(config, door)
    now = context.world.now()
    with context.engine.connect() as conn:
        view = load_doors(conn, context.config, (site,), now)[site, door]
    values: dict[str, Any] = {"site": config, "door": view, "fault": status != 200}
    return show(request, context, "fire.html", account, status, now=now, zone=config.zone, **values)


@router.post("/doors/{site}/{door}/fire")
def confirm_fire(
    request: Request,
    context: InContext,
    account: Opens,
    site: SlugText,
    door: SlugText,
    checked: Annotated[str, Form(max_length=8)] = "",
) -> Any:
    config = context.site(account.sites, site)
    known = find_door(config, door)
    if checked != "yes":
        return _fire_page(request, context, account, site, door, status=422)
    command = writes.command_door(context, account, config, known, DoorAction.CONFIRM_FIRE_RESET)
    return RedirectResponse(f"/commands/{site}/{command}", 303)


@router.get("/panels/{site}/{panel}")
def panel_page(request: Request, context: InContext, account: Looks, site: SlugText, panel: SlugText) -> Any:
    config = context.site(account.sites, site)
    now = context.world.now()
    with context.engine.connect() as conn:
        view = load_panels(conn, context.config, (site,), now).get((site, panel))
    if view is None:
        raise not_found("panel")
    values: dict[str, Any] = {"site": config, "panel": view}
    return show(request, context, "panel.html", account, now=now, zone=config.zone, **values)


@router.post("/panels/{site}/{panel}")
def command_panel(
    context: InContext,
    account: Opens,
    site: SlugText,
    panel: SlugText,
    action: Annotated[PanelCommand, Form()],
) -> Any:
    config = context.site(account.sites, site)
    command = writes.command_panel(context, account, config, find_panel(context, config, panel), action)
    return RedirectResponse(f"/commands/{site}/{command}", 303)


@router.get("/commands/{site}/{command}")
def command_page(
    request: Request, context: InContext, account: Looks, site: SlugText, command: IdText
) -> Any:
    """What became of it; works without script by a link that asks again."""
    config = context.site(account.sites, site)
    now = context.world.now()
    with context.engine.connect() as conn:
        row = reading.command(conn, (site,), command)
    if row is None:
        raise not_found("command")
    place = row.door if row.action in PANEL_ACTIONS | SIGNAL_ACTIONS else find_door(config, row.door).name
    values: dict[str, Any] = {"site": config, "place": place, "asked": command_view(row, now)}
    return show(request, context, "command.html", account, now=now, zone=config.zone, **values)
