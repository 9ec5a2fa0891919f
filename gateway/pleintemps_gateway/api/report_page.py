"""The morning report as a page and as a PDF."""

from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_gateway.report.night import last_night
from pleintemps_gateway.report.paper import EVERYTHING, Press

from .auth import Account, InContext, Reader
from .context import Context
from .language import language_of
from .pages import show
from .problems import not_found

_FIRST: Final = date(2000, 1, 1)

router = APIRouter(include_in_schema=False)


@router.get("/reports")
def latest(request: Request, context: InContext, account: Reader) -> Response:
    """The youngest night that is over, in the language that was asked for."""
    asked = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/reports/{_last(context)}{asked}", 303)


def _last(context: Context) -> date:
    zone = ZoneInfo(context.config.sites[0].zone)
    return last_night(context.config.report, zone, context.world.now()).day


@router.get("/reports/{name}")
def report(request: Request, context: InContext, account: Reader, name: str) -> Response:
    """``name`` is the local day on which the night began, with ``.pdf`` as a file."""
    day = _day(context, name.removesuffix(".pdf"))
    press = Press(context.config, context.engine, context.world)
    sheet = press.sheet(account.sites, day)
    if not name.endswith(".pdf"):
        return _page(request, context, account, sheet)
    made = press.pdf(sheet, language_of(request))
    if made is None:
        return _page(request, context, account, sheet, 503)
    headers = {"Content-Disposition": f'inline; filename="{day}.pdf"', "Cache-Control": "no-store"}
    return Response(made, media_type="application/pdf", headers=headers)


def _page(
    request: Request, context: Context, account: Account, sheet: Any, status: int = 200
) -> HTMLResponse:
    day, last = sheet.night.day, _last(context)
    following = day + timedelta(days=1) if day <= last else None
    values = {
        "before": day - timedelta(days=1),
        "following": following,
        "no_pdf": status != 200,
        "most": EVERYTHING,
    }
    return show(
        request, context, "report.html", account, status, zone=sheet.zone, sheet=sheet, tab="report", **values
    )


def _day(context: Context, text: str) -> date:
    """A night that has begun at the latest today; raises Problem 404."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise not_found("night") from error
    if not _FIRST <= day <= _last(context) + timedelta(days=1):
        raise not_found("night")
    return day
