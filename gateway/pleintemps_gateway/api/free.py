"""Free now: what anybody may ask without a log-in, as a page, JSON and iCalendar."""

import hashlib
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from pleintemps_gateway.bookings.vacancies import MINUTE_MS, Vacancy, find, free_days, released, today
from pleintemps_gateway.bookings.wishes import SERVICES, Read, read_wish
from pleintemps_gateway.web.free_calendar import to_ics

from .auth import InContext, Visitor, address_of
from .context import Context
from .csv_answer import InCsvForm, csv_answer
from .free_schemas import FreeSpaces
from .language import language_of
from .pages import show
from .problems import Problem
from .schemas import ErrorBody

CACHE_S: Final = 60
ICS_DAYS: Final = 14
_TEXT: Final = 40
_FIELDS: Final = ("site", "space", "day", "from", "to", "minutes", "people", "until")

router = APIRouter()
Text = Annotated[str, Query(max_length=_TEXT)]


def check_pace(request: Request, context: Context) -> None:
    """Raises Problem 429 for an address that asks too often."""
    wait = context.pace.wait(address_of(request), context.world.monotonic())
    if wait:
        seconds = -(-wait // 1000)
        raise Problem(429, f"Wait {seconds} s.", headers={"Retry-After": str(seconds)})


def _read(request: Request, context: Context) -> Read:
    told: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in (*_FIELDS, "service") and len(told.setdefault(name, [])) < len(SERVICES):
            told[name].append(value[: _TEXT + 1])
    return read_wish(told, today(context.config, context.world.now()))


def _cached(request: Request, content: bytes, media_type: str, **headers: str) -> Response:
    """``content``, or 304 for who has it already."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers |= {"ETag": tag, "Cache-Control": f"public, max-age={CACHE_S}"}
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


@router.get(
    "/api/v1/free",
    tags=["public"],
    summary="Public spaces that are free; no log-in",
    response_model=FreeSpaces,
    responses={
        304: {"description": "As the ETag says"},
        422: {"model": ErrorBody},
        429: {"model": ErrorBody},
    },
)
def list_free(
    request: Request,
    context: InContext,
    site: Text = "",
    space: Text = "",
    day: Annotated[str, Query(max_length=_TEXT, description="YYYY-MM-DD, today by default")] = "",
    from_: Annotated[str, Query(alias="from", max_length=_TEXT, description="HH:MM, local")] = "",
    to: Annotated[str, Query(max_length=_TEXT, description="HH:MM; not after from: on the next day")] = "",
    minutes: Annotated[str, Query(max_length=_TEXT, description="enough within these hours")] = "",
    people: Text = "",
    service: Annotated[list[str], Query(max_length=len(SERVICES), description=", ".join(SERVICES))] = [],  # noqa: B006
    until: Annotated[str, Query(max_length=_TEXT, description="YYYY-MM-DD: this weekday of every week")] = "",
) -> Response:
    """From bookings, releases and the calendar of the site, never from who is there.

    With ``until`` each space has ``dates``: how many are free, those that are taken, those not sure yet.
    """
    check_pace(request, context)
    read = _read(request, context)
    if read.faults:
        raise Problem(422, f"This cannot be read: {', '.join(read.faults)}.", where=read.faults[0])
    now = context.world.now()
    with context.engine.connect() as conn:
        found = find(conn, context.config, read.wish, now)
    body = {"at": now // MINUTE_MS * MINUTE_MS, "items": [_item(vacancy) for vacancy in found]}
    return _cached(request, msgspec.json.encode(body), "application/json")


def _item(vacancy: Vacancy) -> dict[str, Any]:
    dates = vacancy.dates
    return vacancy._asdict() | {
        "free": [span._asdict() for span in vacancy.free],
        "dates": None if dates is None else dates._asdict(),
    }


@router.get("/free", include_in_schema=False)
def free_page(request: Request, context: InContext, visitor: Visitor) -> HTMLResponse:
    check_pace(request, context)
    now, read = context.world.now(), _read(request, context)
    with context.engine.connect() as conn:
        found = [] if read.faults else find(conn, context.config, read.wish, now)
    zone = next((site.zone for site in context.config.sites if site.public), context.config.sites[0].zone)
    response = show(
        request,
        context,
        "free.html",
        visitor,
        status=422 if read.faults else 200,
        now=now,
        zone=zone,
        wish=read.wish,
        faults=read.faults,
        found=found,
        services=SERVICES,
        asked=bool(request.query_params.keys() - {"lang"}),
        today=today(context.config, now),
        query=request.url.query,
        day_text=_day_text,
    )
    response.headers["Cache-Control"] = "private, max-age=30"
    return response


@router.get("/free.csv", include_in_schema=False)
def free_table(request: Request, context: InContext, form: InCsvForm) -> Response:
    """What the page finds, one line a time that is free, or a space of a lasting need; Unix ms."""
    check_pace(request, context)
    read = _read(request, context)
    if read.faults:
        raise Problem(422, "This cannot be read.", where=read.faults[0])
    with context.engine.connect() as conn:
        found = find(conn, context.config, read.wish, context.world.now())
    rows = [
        (each.site, each.space, each.name, each.capacity, span and span.start, span and span.end)
        + ((None, None) if each.dates is None else (each.dates.free, len(each.dates.taken)))
        for each in found
        for span in (each.free if each.dates is None else [None])
    ]
    columns = ("site", "space", "name", "capacity", "start", "end", "dates_free", "dates_taken")
    return csv_answer("free", columns, rows, form)


def _day_text(day: date) -> int:
    """Noon of a day as Unix ms, for the formats of the pages."""
    return round(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)


@router.get("/free.ics", include_in_schema=False)
def free_calendar(
    request: Request, context: InContext, only: Annotated[str, Query(max_length=_TEXT)] = ""
) -> Response:
    """The next days of the public spaces, of one ``site`` or ``space`` if it says so.

    With ``only=released`` nothing but what releases have freed: for booking platforms that cannot be told.
    """
    check_pace(request, context)
    read = _read(request, context)
    if read.faults or only not in ("", "released"):
        raise Problem(422, "This cannot be read.", where=(read.faults or ["only"])[0])
    now = context.world.now()
    with context.engine.connect() as conn:
        if only:
            found = released(conn, context.config, read.wish, now)
        else:
            found = free_days(conn, context.config, read.wish, now, ICS_DAYS)
    content = to_ics(found, language_of(request), now)
    return _cached(request, content, "text/calendar", Vary="Accept-Language")
