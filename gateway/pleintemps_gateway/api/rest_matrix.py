"""REST: the matrix of uses as data."""

from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from pleintemps_gateway.config import Service
from pleintemps_gateway.matrix.figures import SpaceFigures, Totals
from pleintemps_gateway.matrix.matrix import Matrix, load_matrix
from pleintemps_gateway.matrix.wish import Span, Wish

from .auth import InContext, Reader
from .rest import REFUSALS
from .schemas import SlugText

_NUMBERS: Final = {"type": "array", "minItems": 168, "maxItems": 168, "items": {"type": "integer"}}
_SHARE: Final = {"type": ["number", "null"]}
_TOTALS: Final = {"type": "object", "properties": {name: _SHARE for name in Totals._fields}}
_LISTS: Final = ("known", "used", "booked", "both", "free", "hours", "barred")
_SPACE: Final = {
    "type": "object",
    "required": ["site", "space", "totals", *_LISTS],
    "properties": {
        "site": {"type": "string"},
        "space": {"type": "string"},
        "totals": _TOTALS,
        **dict.fromkeys(_LISTS, _NUMBERS),
    },
}
_SLOT: Final = {
    "type": "object",
    "required": ["site", "space", "start", "length", "weeks", "free", "unknown", "ahead", "next"],
    "properties": {"site": {"type": "string"}, "start": {"type": "integer"}},
}
_DOCUMENT: Final = {
    "type": "object",
    "required": ["first", "last", "totals", "spaces", "slots"],
    "properties": {
        "first": {"type": "string"},
        "last": {"type": "string"},
        "totals": _TOTALS,
        "spaces": {"type": "array", "items": _SPACE},
        "slots": {"type": "array", "items": _SLOT},
    },
}

router = APIRouter(prefix="/api/v1", tags=["reading"], responses=REFUSALS)


@router.get(
    "/matrix",
    summary="Booked, really used and free by hour of the week",
    response_class=Response,
    responses={
        200: {
            "description": "Milliseconds by hour of the week",
            "content": {"application/json": {"schema": _DOCUMENT}},
        }
    },
)
def read_matrix(
    reader: Reader,
    context: InContext,
    span: Annotated[Span, Query(description="dates: those of from and to")] = "12-weeks",
    first: Annotated[date | None, Query(alias="from", description="First local day")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last local day, included")] = None,
    site: Annotated[SlugText | Literal[""], Query(description="One site alone")] = "",
    service: Annotated[Service | Literal[""], Query(description="Spaces that offer it")] = "",
    people: Annotated[int, Query(ge=0, le=100_000, description="Spaces for so many")] = 0,
    clock: Annotated[
        Literal["all", "day", "evening", "night"], Query(description="Hours that count")
    ] = "all",
    length: Annotated[int, Query(ge=1, le=12, description="Hours of a wanted slot")] = 2,
) -> Response:
    """Lists have 168 numbers, from Monday at midnight of the site's time: milliseconds ``known`` (measured),
    ``used``, ``booked``, ``both``, ``free`` (known, bookable, neither used nor booked); how many ``hours``
    there were, how many of them nobody could book (``barred``). What is not known counts neither as used
    nor as free. ``totals`` are hours a week, but for the shares ``intensity`` and ``known`` and for
    ``trend``, points against the period before. A slot's ``start`` is an hour of the week, ``next`` Unix ms.
    """
    if site:
        context.site(reader.sites, site)
    wish = Wish(span, first, last, site, service, people, clock, length)
    with context.engine.connect() as conn:
        found = load_matrix(conn, context.sites(reader.sites), wish, context.world.now())
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(_document(found)), media_type="application/json", headers=headers)


def _document(found: Matrix) -> dict[str, Any]:
    return {
        "first": found.period.first,
        "last": found.period.last,
        "totals": _rounded(found.totals),
        "spaces": [_space(each) for each in found.spaces],
        "slots": [slot._asdict() for slot in found.slots],
    }


def _space(figures: SpaceFigures) -> dict[str, Any]:
    space, sums = figures.space, figures.sums
    return {
        "site": figures.site.site,
        "space": space.space,
        "name": space.name,
        "capacity": space.capacity,
        "services": sorted(space.services),
        "totals": _rounded(figures.totals),
        **{name: getattr(sums, name) for name in _LISTS},
    }


def _rounded(totals: Totals) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in totals._asdict().items()}
