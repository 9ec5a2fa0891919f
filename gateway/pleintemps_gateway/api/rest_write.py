"""REST under ``/api/v1``: log-in for programs, and everything that changes something."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from pleintemps_gateway.bookings import service
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.engine import write_transaction

from . import writes
from .auth import CSRF_HEADER, Actor, InContext, Reader, address_of, check_csrf, log_in, log_out
from .context import find_door, find_panel
from .problems import Problem, not_found
from .rest import REFUSALS
from .schemas import (
    Accepted,
    Acknowledgement,
    BookingMade,
    DoorCommand,
    IdText,
    LogIn,
    NewBooking,
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


Key = Annotated[str | None, Header(alias="Idempotency-Key", pattern=r"^[!-~]{1,200}$")]


@router.post(
    "/bookings",
    status_code=201,
    response_model_exclude_none=True,
    responses={200: {"model": BookingMade, "description": "Made before under this key: no code again"}},
    summary="Book a space; answers with its code, once",
)
def create_booking(
    actor: Actor, context: InContext, body: NewBooking, response: Response, key: Key = None
) -> BookingMade:
    """The same call with the same ``Idempotency-Key`` books once, however often it comes."""
    site = context.site(actor.sites, body.site)
    desk = context.clerk()
    try:
        with write_transaction(context.engine, [site.site]) as conn:
            wish = service.Occurrence(key or "", body.space, body.title, body.start, body.end, body.people)
            if key is not None and (known := service.repeated(conn, site, wish)) is not None:
                response.status_code = 200
                return BookingMade(booking=known)
            made = service.create(
                conn,
                site,
                desk,
                space=body.space,
                start=body.start,
                end=body.end,
                title=body.title,
                people=body.people,
                uid=key,
                by=actor.name,
            )
    except BookingError as error:
        if error.reason == "key-used":
            raise Problem(409, str(error), where="Idempotency-Key", code=error.reason) from error
        raise Problem(
            422, str(error), where="space" if error.reason == "unknown-space" else "start"
        ) from error
    if made.withheld:
        return BookingMade(booking=made.booking, withheld=made.withheld)
    return BookingMade(booking=made.booking, code=made.issued.code, link=made.issued.link)


@router.delete("/bookings/{booking}", status_code=204, summary="Cancel a booking made here")
def cancel_booking(actor: Actor, context: InContext, booking: IdText) -> Response:
    with context.engine.connect() as conn:
        row = reading.booking(conn, actor.sites, booking)
    if row is None:
        raise not_found("booking")
    if row.source != service.REST:
        # its calendar would bring it back at the next reading
        raise Problem(
            409, f"This booking comes from the calendar {row.source}: cancel it there.", where="booking"
        )
    site = context.site(actor.sites, row.site)
    try:
        with write_transaction(context.engine, [site.site]) as conn:
            service.cancel(conn, site, context.clerk(), booking, actor.name)
    except BookingError as error:
        raise Problem(409, str(error), where="booking", code=f"already-{error.reason}") from error
    return Response(status_code=204)
