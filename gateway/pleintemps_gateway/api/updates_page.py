"""``/updates/…``: releases and offers as files. Each is signed, and whoever fetches it checks that."""

import re
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, PlainTextResponse

from pleintemps_gateway.updates.desk import FOLDER

from .auth import InContext

router = APIRouter(include_in_schema=False)
_PATH: Final = re.compile(
    r"(releases/[0-9.]{5,20}/[a-z0-9_]{1,10}/[A-Za-z0-9][A-Za-z0-9._+-]{0,199}"
    r"|[a-z0-9-]{1,40}/[a-z0-9-]{1,40}/offer)\Z"
)


@router.get("/updates/{path:path}")
def updates(path: str, context: InContext) -> Response:
    """404 without ``[updates]``, and for whatever was not laid out to be fetched."""
    if context.config.updates is None or _PATH.match(path) is None:
        return PlainTextResponse("nothing here\n", 404)
    file = Path(context.config.state) / FOLDER / path
    if not file.is_file():
        return PlainTextResponse("nothing here\n", 404)
    return FileResponse(file, media_type="application/octet-stream")
