"""REST under ``/api/v1/sites/{site}/usage``: minutes of use, signed, for a system that accounts for them."""

from pathlib import Path
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Response

from pleintemps_contract.errors import KeyFileError
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.usage.document import encode, read_usage
from pleintemps_gateway.usage.seal import sign

from .auth import InContext, Reader
from .problems import Problem
from .rest import REFUSALS, times
from .schemas import ErrorBody, SlugText, TimeText

SIGNATURE: Final = "Pleintemps-Signature"
MORE: Final = "Pleintemps-More"
MOST: Final = 10_000
_MEDIA: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
_ROW: Final = {
    "type": "object",
    "properties": {"booking": {"type": "string"}, "revision": {"type": "integer"}},
}
_DOCUMENT: Final = {
    "type": "object",
    "required": ["schema", "site", "from", "to", "cursor", "more", "rows"],
    "properties": {
        "schema": {"type": "string"},
        "site": {"type": "string"},
        "from": {"type": "integer"},
        "to": {"type": "integer"},
        "cursor": {"type": "integer"},
        "more": {"type": "boolean"},
        "rows": {"type": "array", "items": _ROW},
    },
}

router = APIRouter(prefix="/api/v1/sites", tags=["reading"], responses=REFUSALS)


@router.get(
    "/{site}/usage",
    summary="Usage records of a site, signed",
    response_class=Response,
    responses={
        200: {
            "description": "The exact bytes that the header signs",
            "headers": {
                SIGNATURE: {"schema": {"type": "string"}, "description": "alg, kid and sig as JSON"},
                MORE: {
                    "schema": {"type": "integer"},
                    "description": "Only if there are more records: what to ask for as updated_after",
                },
            },
            "content": {
                "application/json": {"schema": _DOCUMENT},
                "text/csv": {"schema": {"type": "string"}},
            },
        },
        503: {"model": ErrorBody},
    },
)
def export_usage(
    reader: Reader,
    context: InContext,
    site: SlugText,
    since: Annotated[
        TimeText | None, Query(alias="from", description="Unix ms; a day ago by default")
    ] = None,
    until: Annotated[
        TimeText | None, Query(alias="to", description="Unix ms; a week ahead by default")
    ] = None,
    updated_after: Annotated[TimeText, Query(description="Cursor of an earlier document")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Most records; there may be more")] = 1_000,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Corrected records come again with a higher revision; ``updated_after`` asks for what is new since."""
    known = context.site(reader.sites, site)
    start, end = times(context.world.now(), since, until)
    try:
        signer = load_signing(Path(context.config.keys)).signer
    except KeyFileError as error:
        raise Problem(503, "This process has no key to sign with.", where="keys") from error
    with context.engine.connect() as conn:
        document = read_usage(conn, known.site, start, end, updated_after, limit)
    body = encode(document, form)
    headers = {SIGNATURE: sign(signer, body).decode(), "Cache-Control": "no-store"}
    if document.more:
        headers[MORE] = str(document.cursor)
    if form == "csv":
        headers["Content-Disposition"] = f'attachment; filename="usage-{known.site}.csv"'
    return Response(body, media_type=_MEDIA[form], headers=headers)
