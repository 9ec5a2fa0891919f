"""All doors, the change of a door's mode, the lockdown of a whole site: each in two steps, with a reason."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.web.board import Door
from pleintemps_gateway.web.door_list import load_site_doors, offered
from pleintemps_gateway.web.tonight import load_doors

from . import writes
from .auth import Account, InContext, Posts, Reads
from .context import Context, find_door
from .pages import show
from .problems import Problem
from .rights import Right
from .schemas import NO_NUL, SlugText

Looks = Annotated[Account, Depends(Reads(Right.LOOK))]
Acts = Annotated[Account, Depends(Reads(Right.DOORS))]
Opens = Annotated[Account, Depends(Posts(Right.DOORS))]
Reason = Annotated[str, Form(max_length=200, pattern=NO_NUL)]
LOCKDOWN: Final = (DoorAction.LOCK_DOWN, DoorAction.LOCK_DOWN_RELEASE)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/doors")
def door_list(request: Request, context: InContext, account: Looks) -> Any:
    now = context.world.now()
    with context.engine.connect() as conn:
        found = load_site_doors(conn, context.config, context.sites(account.sites), now)
    return show(request, context, "doors.html", account, now=now, found=found, tab="doors")


@router.get("/doors/{site}/{door}/change")
def change_page(
    request: Request, context: InContext, account: Acts, site: SlugText, door: SlugText, action: DoorAction
) -> Any:
    """Says what the change of mode will do, and asks for a reason."""
    return _change(request, context, account, site, door, action)


@router.post("/doors/{site}/{door}/change")
def change(
    request: Request,
    context: InContext,
    account: Opens,
    site: SlugText,
    door: SlugText,
    action: Annotated[DoorAction, Form()],
    reason: Reason = "",
) -> Any:
    config = context.site(account.sites, site)
    known = find_door(config, door)
    if not reason.strip():
        return _change(request, context, account, site, door, action, status=422)
    _offered(context, site, door, action)
    command = writes.command_door(context, account, config, known, action, reason.strip())
    return RedirectResponse(f"/commands/{site}/{command}", 303)


def _offered(context: Context, site: str, door: str, action: DoorAction) -> Door:
    """The door, if ``action`` may be asked of it in its mode; raises Problem 409."""
    with context.engine.connect() as conn:
        view = load_doors(conn, context.config, (site,), context.world.now())[site, door]
    if action not in offered(view):
        raise Problem(409, "This does not change the door's mode now.", where="action", code="door-mode")
    return view


def _change(
    request: Request,
    context: Context,
    account: Account,
    site: str,
    door: str,
    action: DoorAction,
    status: int = 200,
) -> HTMLResponse:
    config = context.site(account.sites, site)
    find_door(config, door)
    view = _offered(context, site, door, action)
    values: dict[str, Any] = {"site": config, "door": view, "action": action, "fault": status != 200}
    return show(request, context, "change.html", account, status, zone=config.zone, tab="doors", **values)


@router.get("/lockdown/{site}")
def lockdown_page(
    request: Request,
    context: InContext,
    account: Acts,
    site: SlugText,
    action: Annotated[DoorAction, Query()] = DoorAction.LOCK_DOWN,
) -> Any:
    """What a lockdown of the site will do, and how far one has come."""
    return _lockdown(request, context, account, site, action)


@router.post("/lockdown/{site}")
def lock_down(
    request: Request,
    context: InContext,
    account: Opens,
    site: SlugText,
    action: Annotated[DoorAction, Form()],
    reason: Reason = "",
    sure: Annotated[str, Form(max_length=8)] = "",
) -> Any:
    config = context.site(account.sites, site)
    if sure != "yes" or not reason.strip():
        return _lockdown(request, context, account, site, action, status=422)
    if action not in LOCKDOWN:
        raise Problem(422, "A site is locked down or released.", where="action")
    writes.command_site(context, account, config, action, reason.strip())
    return RedirectResponse(f"/lockdown/{site}?action={action.value}", 303)


def _lockdown(
    request: Request, context: Context, account: Account, site: str, action: DoorAction, status: int = 200
) -> HTMLResponse:
    if action not in LOCKDOWN:
        raise Problem(422, "A site is locked down or released.", where="action")
    config, now = context.site(account.sites, site), context.world.now()
    with context.engine.connect() as conn:
        (here,) = load_site_doors(conn, context.config, [config], now)
    asked = [row.door.asked for row in here.rows if row.door.asked and row.door.asked.action == action.value]
    values: dict[str, Any] = {"site": config, "here": here, "action": action, "fault": status != 200}
    values |= {"asked": asked, "pending": any(each.pending for each in asked)}
    return show(
        request, context, "lockdown.html", account, status, now=now, zone=config.zone, tab="doors", **values
    )
