"""Somebody stands outside: from what a caller says to the open door, or to a code that is read out."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_contract.offline import QUARTER_MS
from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.access.service import ONE_TIME_MS
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.delivery.reference import reference_of
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.help_desk import Call, load_call
from pleintemps_gateway.web.help_find import find_bookings, on_now

from . import writes
from .auth import Account, InContext, Posts, Reads
from .context import Context, find_door
from .looking import looked
from .pages import show
from .problems import Problem, not_found
from .rights import Right
from .schemas import NO_NUL, IdText, SlugText

Helper = Annotated[Account, Depends(Reads(Right.HELP))]
Helps = Annotated[Account, Depends(Posts(Right.HELP))]
Opens = Annotated[Account, Depends(Posts(Right.DOORS))]
router = APIRouter(prefix="/help", include_in_schema=False, default_response_class=HTMLResponse)
NOTHING: Final[dict[str, Any]] = {"once": "", "offline": "", "since": 0, "until": 0, "fault": ""}
"""What the page shows while no code was made."""


@router.get("")
def search(
    request: Request,
    context: InContext,
    account: Helper,
    said: Annotated[str, Query(alias="q", max_length=80, pattern=NO_NUL)] = "",
) -> Any:
    """Whom a call is most likely about, and a booking found by whatever its people say."""
    now = context.world.now()
    with context.engine.connect() as conn:
        found = find_bookings(conn, context.config, account.sites, said, now)
        near = on_now(conn, context.config, account.sites, now)
    looked(context, account, "booking/list")
    sites = context.sites(account.sites)
    duties = sorted({(site.name, site.about.duty) for site in sites if site.about.duty})
    values: dict[str, Any] = {"said": said.strip(), "found": found, "near": near, "duties": duties}
    return show(request, context, "help.html", account, now=now, tab="help", **values)


@router.get("/{site}/{booking}")
def call_page(request: Request, context: InContext, account: Helper, site: SlugText, booking: IdText) -> Any:
    return _page(request, context, account, site, booking)


@router.post("/{site}/{booking}/open")
def open_door(
    context: InContext,
    account: Opens,
    site: SlugText,
    booking: IdText,
    door: Annotated[SlugText, Form()],
) -> Any:
    """Opens a door on the way once, however often it is asked while the door has not answered."""
    config = context.site(account.sites, site)
    call = _call(context, config.site, account, booking)
    here = next((each for each in call.doors if each.door.door == door), None)
    if here is None:
        raise not_found("door")
    if not here.pending:
        reason = f"help {reference_of(booking)}"
        writes.command_door(context, account, config, find_door(config, door), DoorAction.ACCESS, reason)
    return RedirectResponse(f"/help/{site}/{booking}#d-{door}", 303)


@router.post("/{site}/{booking}/code")
def make_code(request: Request, context: InContext, account: Helps, site: SlugText, booking: IdText) -> Any:
    """A code for 15 minutes, shown this once."""
    config, now, desk = context.site(account.sites, site), context.world.now(), context.clerk()
    try:
        with write_transaction(context.engine, [site]) as conn:
            issued = desk.one_time(conn, config, booking, now)
            facts = {"by": account.name, "grant": issued.grant, "purpose": "one-time"}
            record(conn, site, context.world, "code.issued", f"booking/{booking}", facts)
    except BookingError as error:
        raise Problem(409, str(error), where="booking") from error
    return _page(request, context, account, site, booking, once=issued.code, until=now + ONE_TIME_MS)


@router.post("/{site}/{booking}/offline")
def make_offline_code(
    request: Request, context: InContext, account: Helps, site: SlugText, booking: IdText
) -> Any:
    """A code that a door without network checks by itself, shown this once."""
    config, now, desk = context.site(account.sites, site), context.world.now(), context.clerk()
    try:
        with write_transaction(context.engine, [site]) as conn:
            issued, part = desk.offline_to_read(conn, config, booking, now)
            facts = {"by": account.name, "grant": issued.grant, "purpose": "offline"}
            record(conn, site, context.world, "code.issued", f"booking/{booking}", facts)
    except BookingError as error:
        raise Problem(409, str(error), where="booking", code=error.reason) from error
    since, until = part.start * QUARTER_MS, part.end * QUARTER_MS
    return _page(request, context, account, site, booking, offline=issued.code, since=since, until=until)


def _call(context: Context, site: str, account: Account, booking: str) -> Call:
    config = context.site(account.sites, site)
    with context.engine.connect() as conn:
        call = load_call(conn, context.config, config, booking, context.world.now())
    if call is None:
        raise not_found("booking")
    return call


def _page(
    request: Request, context: Context, account: Account, site: str, booking: str, **values: Any
) -> HTMLResponse:
    call = _call(context, site, account, booking)
    looked(context, account, f"booking/{booking}", site)
    shown = {**NOTHING, "call": call, "zone": call.zone, "now": context.world.now(), "tab": "help", **values}
    return show(request, context, "call.html", account, **shown)
