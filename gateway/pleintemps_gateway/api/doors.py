"""The pages of one door, one intrusion panel, one command: what will happen, and what became of it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.store import reading
from pleintemps_gateway.web import stories
from pleintemps_gateway.web.tonight import command_view, load_doors, load_panels
from pleintemps_gateway.web.words import PANEL_ACTIONS, SIGNAL_ACTIONS

from . import writes
from .auth import Account, InContext, Reader, check_csrf, check_role
from .context import Context, find_door, find_panel
from .pages import Csrf, show
from .problems import not_found
from .schemas import IdText, PanelCommand, SlugText

HISTORY: Final = 50
"""Events of a door that its page tells."""

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/doors/{site}/{door}")
def door_page(request: Request, context: InContext, account: Reader, site: SlugText, door: SlugText) -> Any:
    """Says what opening will do, and asks; below, what happened there."""
    config = context.site(account.sites, site)
    known = find_door(config, door)
    now = context.world.now()
    with context.engine.connect() as conn:
        view = load_doors(conn, context.config, (site,), now)[site, door]
        rows = reading.door_events(conn, site, door, known.agent, stories.OF_AGENT, HISTORY)
        grants, commands = stories.grants_of(rows)
        titles = reading.grant_titles(conn, site, grants)
        users = reading.command_users(conn, site, commands)
    history = stories.entries(rows, titles, users)
    values: dict[str, Any] = {"site": config, "door": view, "history": history}
    return show(request, context, "door.html", account, now=now, zone=config.zone, **values)


@router.post("/doors/{site}/{door}/open")
def open_door(context: InContext, account: Reader, site: SlugText, door: SlugText, csrf: Csrf = "") -> Any:
    check_csrf(account.csrf, csrf)
    check_role(account)
    config = context.site(account.sites, site)
    command = writes.command_door(context, account, config, find_door(config, door), DoorAction.ACCESS)
    return RedirectResponse(f"/commands/{site}/{command}", 303)


@router.get("/doors/{site}/{door}/fire")
def fire_page(request: Request, context: InContext, account: Reader, site: SlugText, door: SlugText) -> Any:
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
    account: Reader,
    site: SlugText,
    door: SlugText,
    csrf: Csrf = "",
    checked: Annotated[str, Form(max_length=8)] = "",
) -> Any:
    check_csrf(account.csrf, csrf)
    check_role(account)
    config = context.site(account.sites, site)
    known = find_door(config, door)
    if checked != "yes":
        return _fire_page(request, context, account, site, door, status=422)
    command = writes.command_door(context, account, config, known, DoorAction.CONFIRM_FIRE_RESET)
    return RedirectResponse(f"/commands/{site}/{command}", 303)


@router.get("/panels/{site}/{panel}")
def panel_page(request: Request, context: InContext, account: Reader, site: SlugText, panel: SlugText) -> Any:
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
    account: Reader,
    site: SlugText,
    panel: SlugText,
    action: Annotated[PanelCommand, Form()],
    csrf: Annotated[str, Form(max_length=128)] = "",
) -> Any:
    check_csrf(account.csrf, csrf)
    check_role(account)
    config = context.site(account.sites, site)
    command = writes.command_panel(context, account, config, find_panel(context, config, panel), action)
    return RedirectResponse(f"/commands/{site}/{command}", 303)


@router.get("/commands/{site}/{command}")
def command_page(
    request: Request, context: InContext, account: Reader, site: SlugText, command: IdText
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
