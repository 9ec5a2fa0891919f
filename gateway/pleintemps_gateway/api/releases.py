"""Bookings that were warned or given back: seen and taken back by caretakers, and by their people's link."""

import hmac
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection, Row, or_, select

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings import releasing
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings
from pleintemps_gateway.web.booking_page import Keeping, keeping_of

from .auth import Account, Helper, InContext, Posts, Reader
from .context import Context
from .free_schemas import Releases
from .links import unknown_link
from .pages import show
from .problems import Problem, not_found
from .rest import REFUSALS, told
from .rights import Right
from .schemas import IdText, SlugText

SHOWN_MS: Final = 24 * 3_600_000
"""So long after its time a release is shown."""

router = APIRouter()
Mark = SlugText


def _desk(context: Context) -> CodeDesk:
    if context.desk is None:
        raise Problem(503, "This process has no keys.", where="desk")
    return context.desk


def _keep(context: Context, site: SiteConfig, booking: str, by: str) -> None:
    """Raises Problem 404 or 409 with the reason."""
    try:
        with write_transaction(context.engine, [site.site]) as conn:
            releasing.keep(conn, site, _desk(context), booking, by)
    except BookingError as error:
        if error.reason == "unknown-booking":
            raise not_found("booking") from error
        raise Problem(409, str(error), where="booking", code=error.reason) from error


def _shown(conn: Connection, sites: Sequence[str], now: int) -> list[Row[Any]]:
    """Bookings of these days that were given back, or are on and were warned."""
    warned = bookings.c.warned.is_not(None) & (bookings.c.warned >= bookings.c.start)
    told = or_(bookings.c.released.is_not(None), warned & (bookings.c.end > now))
    mine = bookings.c.site.in_(sites) & (bookings.c.status == "confirmed") & told
    recent = (bookings.c.start <= now) & (bookings.c.end > now - SHOWN_MS)
    return list(conn.execute(select(bookings).where(mine, recent).order_by(bookings.c.start.desc())).all())


# --- caretakers -----------------------------------------------------------------------------------------


@router.get("/released", include_in_schema=False)
def released_page(request: Request, context: InContext, account: Reader) -> HTMLResponse:
    now, sites = context.world.now(), {site.site: site for site in context.sites(account.sites)}
    with context.engine.connect() as conn:
        rows = _shown(conn, account.sites, now)
        stuck = {row.booking: releasing.obstacle(conn, sites[row.site], row, now) for row in rows}
        missed = [(site, *one) for site in sites for one in releasing.strikes(conn, site, now)]
    places = {(site.site, space.space): space.name for site in sites.values() for space in site.spaces}
    return show(
        request,
        context,
        "released.html",
        account,
        now=now,
        rows=rows,
        stuck=stuck,
        missed=missed,
        sites=sites,
        places=places,
    )


@router.post("/bookings/{site}/{booking}/keep", include_in_schema=False)
def keep_form(
    context: InContext,
    account: Annotated[Account, Depends(Posts(Right.HELP))],
    site: SlugText,
    booking: IdText,
) -> RedirectResponse:
    _keep(context, context.site(account.sites, site), booking, account.name)
    return RedirectResponse("/released", 303)


@router.get(
    "/api/v1/released",
    tags=["reading"],
    responses=REFUSALS,
    summary="Bookings that were given back or warned since yesterday",
)
def list_released(reader: Reader, context: InContext) -> Releases:
    now = context.world.now()
    with context.engine.connect() as conn:
        rows = _shown(conn, reader.sites, now)
        missed = [
            {"site": site} | one._asdict()
            for site in reader.sites
            for one in releasing.strikes(conn, site, now)
        ]
    return Releases(items=[told(row) for row in rows], missed=missed)


@router.post(
    "/api/v1/bookings/{booking}/keep",
    status_code=204,
    tags=["acting"],
    responses={**REFUSALS, 503: REFUSALS[404]},
    summary="Say that a space is wanted: it is not given back, or taken back",
)
def keep_booking(actor: Helper, context: InContext, booking: IdText) -> Response:
    """409 says why not: ``cancelled``, ``not-begun``, ``over``, or ``taken`` by somebody else since."""
    with context.engine.connect() as conn:
        row = reading.booking(conn, actor.sites, booking)
    if row is None:
        raise not_found("booking")
    _keep(context, context.site(actor.sites, row.site), booking, actor.name)
    return Response(status_code=204)


# --- its people, by the link of a message ---------------------------------------------------------------


def _linked(
    request: Request, context: Context, site: str, booking: str, mark: str
) -> tuple[SiteConfig, Row[Any], Keeping]:
    """The booking of a link, and whether it is wanted; raises Problem 404 for a link that is not ours."""
    known = next((one for one in context.config.sites if one.site == site), None)
    is_ours = hmac.compare_digest(_desk(context).vault.keep_mark(site, booking), mark)
    row: Row[Any] | None = None
    if known is not None and is_ours:
        mine = (bookings.c.site == site) & (bookings.c.booking == booking)
        with context.engine.connect() as conn:
            row = conn.execute(select(bookings).where(mine)).first()
            if row is not None:
                return known, row, keeping_of(conn, known, row, context.world.now())
    raise unknown_link(request, context)


def keep_if_free(context: Context, site: SiteConfig, booking: str, by: str) -> None:
    """Keep a booking, or take its release back; what came in between leaves it as it is."""
    try:
        _keep(context, site, booking, by)
    except Problem as problem:
        if problem.status != 409:
            raise


@router.get("/b/keep/{site}/{booking}/{mark}", include_in_schema=False)
def keep_page(
    request: Request, context: InContext, site: SlugText, booking: IdText, mark: Mark
) -> HTMLResponse:
    """Nothing happens by looking: mail programs follow links by themselves."""
    known, row, keeping = _linked(request, context, site, booking, mark)
    place = next((space.name for space in known.spaces if space.space == row.space), row.space)
    return show(
        request,
        context,
        "keep.html",
        None,
        zone=known.zone,
        site=known,
        row=row,
        place=place,
        keeping=keeping,
        action=f"/b/keep/{site}/{booking}/{mark}",
    )


@router.post("/b/keep/{site}/{booking}/{mark}", include_in_schema=False)
def keep_by_link(
    request: Request, context: InContext, site: SlugText, booking: IdText, mark: Mark
) -> RedirectResponse:
    known, _, keeping = _linked(request, context, site, booking, mark)
    if not keeping.stuck:
        keep_if_free(context, known, booking, releasing.PEOPLE)
    return RedirectResponse(f"/b/keep/{site}/{booking}/{mark}", 303)
