"""The page of bookings beside what was measured, and presence without a booking as a signed document."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from pleintemps_contract.errors import KeyFileError
from pleintemps_gateway.presence.document import encode
from pleintemps_gateway.presence.reading import MOST_MS, read_unbooked
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.usage.seal import sign
from pleintemps_gateway.web.usages import load_usage

from .auth import InContext, Reader
from .pages import show
from .problems import Problem
from .rest import REFUSALS, times
from .rest_usage import SIGNATURE
from .schemas import ErrorBody, SlugText, TimeText

_DAY_MS: Final = 86_400_000
_ROW: Final = {
    "type": "object",
    "required": ["space", "begin", "end", "evidence", "confidence"],
    "properties": {"space": {"type": "string"}, "begin": {"type": "integer"}},
}
_DOCUMENT: Final = {
    "type": "object",
    "required": ["schema", "site", "from", "to", "rows"],
    "properties": {"schema": {"type": "string"}, "rows": {"type": "array", "items": _ROW}},
}

router = APIRouter()


@router.get("/usage", include_in_schema=False)
def usage_page(
    request: Request, context: InContext, account: Reader, days: Annotated[int, Query(ge=1, le=31)] = 7
) -> HTMLResponse:
    """What began within the last ``days``."""
    now, sites = context.world.now(), context.sites(account.sites)
    start = now - days * _DAY_MS
    with context.engine.connect() as conn:
        found = load_usage(conn, sites, start, now, now)
    places = {(site.site, space.space): space.name for site in sites for space in site.spaces}
    values: dict[str, Any] = {"found": found, "places": places, "days": days, "start": start}
    return show(request, context, "usage.html", account, now=now, **values)


@router.get(
    "/api/v1/sites/{site}/unbooked",
    tags=["reading"],
    summary="Presence without a booking, signed",
    response_class=Response,
    responses={
        **REFUSALS,
        200: {
            "description": "The exact bytes that the header signs",
            "headers": {SIGNATURE: {"schema": {"type": "string"}, "description": "alg, kid and sig as JSON"}},
            "content": {
                "application/json": {"schema": _DOCUMENT},
                "text/csv": {"schema": {"type": "string"}},
            },
        },
        503: {"model": ErrorBody},
    },
)
def export_unbooked(
    reader: Reader,
    context: InContext,
    site: SlugText,
    since: Annotated[
        TimeText | None, Query(alias="from", description="Unix ms; a day ago by default")
    ] = None,
    until: Annotated[
        TimeText | None, Query(alias="to", description="Unix ms; a week ahead by default")
    ] = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """At most 31 days at once. ``end`` is null while somebody is still there; a booking that is made
    afterwards takes away what it explains."""
    known = context.site(reader.sites, site)
    now = context.world.now()
    start, end = times(now, since, until)
    if end - start > MOST_MS:
        raise Problem(409, "At most 31 days are told at once.", where="to", code="too-long")
    try:
        signer = load_signing(Path(context.config.keys)).signer
    except KeyFileError as error:
        raise Problem(503, "This process has no key to sign with.", where="keys") from error
    with context.engine.connect() as conn:
        body = encode(known.site, start, end, read_unbooked(conn, known, start, end, now), form)
    headers = {SIGNATURE: sign(signer, body).decode(), "Cache-Control": "no-store"}
    if form == "csv":
        headers["Content-Disposition"] = f'attachment; filename="unbooked-{known.site}.csv"'
    media = "application/json" if form == "json" else "text/csv; charset=utf-8"
    return Response(body, media_type=media, headers=headers)
