"""The page on which caretakers see what rooms have learnt, and mark hours that were empty or used."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_gateway.errors import MarkError
from pleintemps_gateway.learnt import marking
from pleintemps_gateway.web.taught import load_taught

from .auth import Account, InContext, Posts, Reader
from .context import Context
from .pages import show
from .problems import Problem
from .rest_learnt import space_of
from .rights import Right
from .schemas import IdText, SlugText

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Day = Annotated[str, Form(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Teacher = Annotated[Account, Depends(Posts(Right.TEACH))]
Clock = Annotated[str, Form(pattern=r"^\d{2}:\d{2}$")]


@router.get("/learnt")
def learnt_page(request: Request, context: InContext, account: Reader) -> Any:
    return _page(request, context, account)


def _page(
    request: Request, context: Context, account: Account, status: int = 200, space: str = "", fault: str = ""
) -> HTMLResponse:
    sites = context.sites(account.sites)
    with context.engine.connect() as conn:
        taught = {
            (site.site, each.space): load_taught(conn, site.site, each.space)
            for site in sites
            for each in site.spaces
            if each.kind == "room"
        }
    now = context.world.now()
    days = {site.site: datetime.fromtimestamp(now / 1000, ZoneInfo(site.zone)).date() for site in sites}
    return show(
        request,
        context,
        "learnt.html",
        account,
        status,
        now=now,
        sites=sites,
        taught=taught,
        days=days,
        manages=account.may(Right.BOOK),
        fault=fault,
        at_fault=space,
        tab="learnt",
    )


@router.post("/learnt/{site}/{space}/marks")
def mark_form(
    request: Request,
    context: InContext,
    account: Teacher,
    site: SlugText,
    space: SlugText,
    day: Day,
    begin: Clock,
    over: Clock,
    state: Annotated[str, Form(pattern="^(empty|used)$")],
) -> Any:
    """Local times of the site; an end that is not after the beginning is on the next day."""
    known = space_of(context, account.sites, site, space)
    try:
        start, end = _span(day, begin, over, known.zone)
    except (ValueError, OverflowError) as error:
        raise Problem(422, "This is no day or hour.", where="day") from error
    wish = marking.Wish(space, start, end, "used" if state == "used" else "empty")
    try:
        marking.mark(context.engine, known, context.world, wish, account.name)
    except MarkError as error:
        return _page(request, context, account, 409, f"{site}/{space}", error.reason)
    return RedirectResponse(f"/learnt#{site}_{space}", 303)


def _span(day: str, begin: str, over: str, zone: str) -> tuple[int, int]:
    first, clocks = date.fromisoformat(day), (time.fromisoformat(begin), time.fromisoformat(over))
    last = first if clocks[1] > clocks[0] else first + timedelta(days=1)
    start, end = (
        datetime.combine(each, clock, ZoneInfo(zone))
        for each, clock in zip((first, last), clocks, strict=True)
    )
    return round(start.timestamp() * 1000), round(end.timestamp() * 1000)


@router.post("/learnt/{site}/{space}/marks/{mark}/remove")
def unmark_form(
    request: Request,
    context: InContext,
    account: Teacher,
    site: SlugText,
    space: SlugText,
    mark: IdText,
) -> Any:
    known = space_of(context, account.sites, site, space)
    try:
        marking.unmark(context.engine, known, context.world, space, mark, account.name)
    except MarkError as error:
        return _page(request, context, account, 409, f"{site}/{space}", error.reason)
    return RedirectResponse(f"/learnt#{site}_{space}", 303)


@router.post("/learnt/{site}/{space}/reset")
def reset_form(
    context: InContext,
    account: Annotated[Account, Depends(Posts(Right.BOOK))],
    site: SlugText,
    space: SlugText,
) -> RedirectResponse:
    known = space_of(context, account.sites, site, space)
    marking.reset(context.engine, known, context.world, space, account.name)
    return RedirectResponse(f"/learnt#{site}_{space}", 303)
