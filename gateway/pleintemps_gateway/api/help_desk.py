"""Help by telephone: the number of a booking leads to its doors, and to a code that is read out."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from pleintemps_gateway.access.service import ONE_TIME_MS
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.help_desk import find_bookings, load_call

from .auth import Account, InContext, Reader, check_csrf, check_role
from .context import Context
from .pages import Csrf, show
from .problems import Problem, not_found
from .schemas import NO_NUL, IdText, SlugText

router = APIRouter(prefix="/help", include_in_schema=False, default_response_class=HTMLResponse)


@router.get("")
def search(
    request: Request,
    context: InContext,
    account: Reader,
    number: Annotated[str, Query(max_length=20, pattern=NO_NUL)] = "",
) -> Any:
    """Finds a booking by the number that its people read out."""
    now = context.world.now()
    with context.engine.connect() as conn:
        found = find_bookings(conn, context.config, account.sites, number, now)
    return show(request, context, "help.html", account, number=number, found=found, tab="alerts")


@router.get("/{site}/{booking}")
def call_page(request: Request, context: InContext, account: Reader, site: SlugText, booking: IdText) -> Any:
    return _page(request, context, account, site, booking)


@router.post("/{site}/{booking}/code")
def make_code(
    request: Request, context: InContext, account: Reader, site: SlugText, booking: IdText, csrf: Csrf = ""
) -> Any:
    """A code for 15 minutes, shown this once."""
    check_csrf(account.csrf, csrf)
    check_role(account)
    config, now, desk = context.site(account.sites, site), context.world.now(), context.clerk()
    try:
        with write_transaction(context.engine, [site]) as conn:
            issued = desk.one_time(conn, config, booking, now)
            facts = {"by": account.name, "grant": issued.grant, "purpose": "one-time"}
            record(conn, site, context.world, "code.issued", f"booking/{booking}", facts)
    except BookingError as error:
        raise Problem(409, str(error), where="booking") from error
    return _page(request, context, account, site, booking, once=issued.code, until=now + ONE_TIME_MS)


def _page(
    request: Request, context: Context, account: Account, site: str, booking: str, **values: Any
) -> HTMLResponse:
    config, now = context.site(account.sites, site), context.world.now()
    with context.engine.connect() as conn:
        call = load_call(conn, context.config, config, booking, now)
    if call is None:
        raise not_found("booking")
    shown: dict[str, Any] = {"once": "", "until": 0, "call": call, "zone": config.zone, "now": now}
    shown["tab"] = "alerts"
    return show(request, context, "call.html", account, **(shown | values))
