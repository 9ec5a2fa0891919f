"""REST under ``/api/v1``: log-in for programs, and everything that changes something."""

from fastapi import APIRouter, Request, Response

from pleintemps_gateway.store import reading

from . import writes
from .auth import CSRF_HEADER, Actor, InContext, Reader, address_of, check_csrf, log_in, log_out
from .context import find_door, find_panel
from .problems import not_found
from .rest import REFUSALS
from .schemas import (
    Accepted,
    Acknowledgement,
    DoorCommand,
    IdText,
    LogIn,
    PanelAction,
    SlugText,
    Token,
)

router = APIRouter(prefix="/api/v1", tags=["acting"], responses=REFUSALS)


@router.post("/sessions", status_code=201, summary="Log in as a program")
def open_session(body: LogIn, request: Request, context: InContext) -> Token:
    session = log_in(context, body.name, body.password, address_of(request))
    return Token(token=session.token, expires=session.expires)


@router.delete("/sessions/current", status_code=204, summary="Log out")
def close_session(reader: Reader, request: Request, context: InContext) -> Response:
    if not reader.bearer:
        check_csrf(reader.csrf, request.headers.get(CSRF_HEADER, ""))
    log_out(context, reader)
    return Response(status_code=204)


@router.post("/alerts/{alert}/acknowledge", status_code=204, summary="Take an alert")
def acknowledge(actor: Actor, context: InContext, alert: IdText, body: Acknowledgement) -> Response:
    with context.engine.connect() as conn:
        row = reading.alert(conn, actor.sites, alert)
    if row is None:
        raise not_found("alert")
    writes.acknowledge(context, actor, row.site, alert, body.comment)
    return Response(status_code=204)


@router.post("/doors/{site}/{door}/commands", status_code=202, summary="Ask a door to do something")
def command_door(
    actor: Actor, context: InContext, site: SlugText, door: SlugText, body: DoorCommand, response: Response
) -> Accepted:
    here = context.site(actor.sites, site)
    command = writes.command_door(context, actor, here, find_door(here, door), body.action)
    status_url = f"/api/v1/commands/{command}"
    response.headers["Location"] = status_url
    return Accepted(command=command, status_url=status_url)


@router.post("/panels/{site}/{panel}/commands", status_code=202, summary="Set or unset an intrusion alarm")
def command_panel(
    actor: Actor, context: InContext, site: SlugText, panel: SlugText, body: PanelAction, response: Response
) -> Accepted:
    here = context.site(actor.sites, site)
    command = writes.command_panel(context, actor, here, find_panel(context, here, panel), body.action)
    status_url = f"/api/v1/commands/{command}"
    response.headers["Location"] = status_url
    return Accepted(command=command, status_url=status_url)
