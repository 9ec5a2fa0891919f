"""REST under ``/api/v1``: log-in for programs, and everything that changes something."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from . import writes
from .auth import Account, Calls, InContext, address_of
from .context import find_door, find_panel
from .rest import REFUSALS
from .rights import Right
from .schemas import (
    Accepted,
    DoorCommand,
    LogIn,
    PanelAction,
    SlugText,
    Token,
)
from .sessions import log_in, log_out

DoorActor = Annotated[Account, Depends(Calls(Right.DOORS))]
Own = Annotated[Account, Depends(Calls(Right.OWN))]
router = APIRouter(prefix="/api/v1", tags=["acting"], responses=REFUSALS)


@router.post("/sessions", status_code=201, summary="Log in as a program")
def open_session(body: LogIn, request: Request, context: InContext) -> Token:
    agent = request.headers.get("user-agent", "")
    session = log_in(context, body.name, body.password, address_of(request), agent=agent, program=True)
    return Token(token=session.token, expires=session.expires)


@router.delete("/sessions/current", status_code=204, summary="Log out")
def close_session(own: Own, context: InContext) -> Response:
    log_out(context, own)
    return Response(status_code=204)


@router.post("/doors/{site}/{door}/commands", status_code=202, summary="Ask a door to do something")
def command_door(
    actor: DoorActor,
    context: InContext,
    site: SlugText,
    door: SlugText,
    body: DoorCommand,
    response: Response,
) -> Accepted:
    here = context.site(actor.sites, site)
    command = writes.command_door(context, actor, here, find_door(here, door), body.action, body.reason)
    status_url = f"/api/v1/commands/{command}"
    response.headers["Location"] = status_url
    return Accepted(command=command, status_url=status_url)


@router.post("/panels/{site}/{panel}/commands", status_code=202, summary="Set or unset an intrusion alarm")
def command_panel(
    actor: DoorActor,
    context: InContext,
    site: SlugText,
    panel: SlugText,
    body: PanelAction,
    response: Response,
) -> Accepted:
    here = context.site(actor.sites, site)
    command = writes.command_panel(context, actor, here, find_panel(context, here, panel), body.action)
    status_url = f"/api/v1/commands/{command}"
    response.headers["Location"] = status_url
    return Accepted(command=command, status_url=status_url)
