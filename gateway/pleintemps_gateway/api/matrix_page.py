"""The matrix: time by space by service, as a page, a table for spreadsheets and a document."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from pleintemps_gateway.matrix.dates import days_of
from pleintemps_gateway.matrix.grid import Period
from pleintemps_gateway.matrix.matrix import Matrix, load_matrix
from pleintemps_gateway.matrix.wish import CAPACITIES, CLOCKS, LENGTHS, SERVICES, SPANS, Wish
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.matrix import COLUMNS, MatrixWords, csv_rows

from .auth import InContext, Reader
from .context import Context
from .csv_answer import InCsvForm, csv_answer
from .language import language_of
from .pages import show

SHOWN: Final = 4
"""Spaces with a table of their own on a page."""
PRINTED: Final = 4
MOST_DATES: Final = 28

router = APIRouter(include_in_schema=False)
View = Literal["week", "date"]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _load(context: Context, names: tuple[str, ...], wish: Wish) -> Matrix:
    with context.engine.connect() as conn:
        return load_matrix(conn, context.sites(names), wish, context.world.now())


@router.get("/matrix")
def matrix_page(
    request: Request,
    context: InContext,
    account: Reader,
    view: View = "week",
    at: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> HTMLResponse:
    """Summary, hour by hour for some spaces, every space by hour of day, the best free slots."""
    wish = _wish(request)
    found = _load(context, account.sites, wish)
    at = at if at < len(found.spaces) else 0
    shown = found.spaces[at : at + SHOWN]
    values = _values(request, context, found, account.sites)
    days: dict[tuple[str, str], Any] = {}
    if view == "date":
        period = Period(max(found.period.first, _back(found.period.last)), found.period.last)
        with context.engine.connect() as conn:
            for each in shown:
                key = (each.site.site, each.space.space)
                days[key] = days_of(conn, each.site, each.space.space, period)
    values |= {"view": view, "at": at, "step": SHOWN, "shown": shown, "days": days}
    return show(request, context, "matrix.html", account, tab="matrix", **values)


def _back(last: date) -> date:
    return date.fromordinal(last.toordinal() - MOST_DATES + 1)


def _wish(request: Request) -> Wish:
    """What the filters of the page say; what cannot be read counts as not filled in."""
    told = request.query_params
    first, last = _date(told.get("from", "")), _date(told.get("to", ""))
    span = told.get("span", "")
    people, length = told.get("people", ""), told.get("length", "")
    chosen = next((each for each in SPANS if each == span), SPANS[1])
    return Wish(
        span=SPANS[1] if chosen == "dates" and not (first or last) else chosen,
        first=first,
        last=last,
        site=told.get("site", ""),
        service=told.get("service", "") if told.get("service") in SERVICES else "",
        people=int(people) if people.isdecimal() and len(people) < 7 else 0,
        clock=told.get("clock", "") if told.get("clock") in CLOCKS else "all",
        length=next((each for each in LENGTHS if str(each) == length), 2),
    )


def _values(request: Request, context: Context, found: Matrix, names: tuple[str, ...]) -> dict[str, Any]:
    told = request.query_params.multi_items()
    query = [(name, value) for name, value in told if name not in ("at", "view", "lang")]
    places = {(s.site, space.space): space for s in context.config.sites for space in s.spaces}
    offered = sorted({service for s in context.sites(names) for p in s.spaces for service in p.services})
    return {
        "m": found,
        "w": MatrixWords(catalogue(language_of(request))),
        "sites": context.sites(names),
        "places": places,
        "site_names": {site.site: site for site in context.config.sites},
        "query": query,
        "spans": SPANS,
        "clocks": CLOCKS,
        "capacities": CAPACITIES,
        "lengths": LENGTHS,
        "offered": offered,
        "groups": _by_service(found),
    }


def _by_service(found: Matrix) -> list[tuple[str, list[Any]]]:
    """The spaces that offer each service."""
    services = sorted({service for each in found.spaces for service in each.space.services})
    return [(service, [e for e in found.spaces if service in e.space.services]) for service in services]


@router.get("/matrix.csv")
def matrix_csv(request: Request, context: InContext, account: Reader, form: InCsvForm) -> Response:
    """Every hour of the week of every space that was asked for."""
    wish = _wish(request)
    found = _load(context, account.sites, wish)
    return csv_answer("matrix", COLUMNS, csv_rows(found.spaces, wish.hours), form)


@router.get("/matrix.pdf")
def matrix_pdf(request: Request, context: InContext, account: Reader) -> Response:
    """The summary, every space, and the first spaces hour by hour, on A4."""
    from pleintemps_gateway.web.paper import to_pdf

    found = _load(context, account.sites, _wish(request))
    values = _values(request, context, found, account.sites)
    language = language_of(request)
    now, zone = context.world.now(), context.config.sites[0].zone
    values |= {"shown": found.spaces[:PRINTED]}
    html = context.pages.page("matrix_print.html", language, account=account, now=now, zone=zone, **values)
    headers = {"Content-Disposition": 'attachment; filename="matrix.pdf"', "Cache-Control": "no-store"}
    return Response(to_pdf(html), media_type="application/pdf", headers=headers)
