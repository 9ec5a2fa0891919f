"""The pages of caretakers: HTML first, forms that post."""

import hashlib
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse

from pleintemps_gateway.store.live import count_open
from pleintemps_gateway.web.fragments import View

from .auth import Account, InContext, Reader, is_https
from .context import Context
from .language import LANGUAGE_COOKIE, language_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Csrf = Annotated[str, Form(max_length=128)]
_YEAR_S: Final = 31_536_000
MANY: Final = 24
"""With more spaces the first page can be narrowed down."""


def show(
    request: Request,
    context: Context,
    template: str,
    account: Account | None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A whole page in the reader's language."""
    language = language_of(request)
    values.setdefault("now", context.world.now())
    values.setdefault("zone", context.config.sites[0].zone)
    if account is not None:
        with context.engine.connect() as conn:
            values.setdefault("open_alerts", count_open(conn, account.sites))
    html = context.pages.page(
        template, language, account=account, path=request.url.path, **({"tab": ""} | values)
    )
    response = HTMLResponse(html, status)
    if request.query_params.get("lang") == language:
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=_YEAR_S,
            httponly=True,
            samesite="lax",
            secure=is_https(request),
        )
    return response


def here(target: str) -> str:
    """``target`` if it is a page of ours, else the first page: a log-in must not lead elsewhere."""
    parts = urlsplit(target)
    ours = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    )
    return target if ours and target.isprintable() else "/"


@router.get("/")
def tonight(
    request: Request,
    context: InContext,
    account: Reader,
    site: Annotated[str, Query(max_length=40)] = "",
    use: bool = False,
) -> Any:
    """All sites, or the tiles of one ``site``; with ``use`` those only where something goes on."""
    now = context.world.now()
    view = View(language_of(request), account.sites, account.may_act)
    chosen = site if site in account.sites else ""
    shown = (chosen,) if chosen else account.sites
    board, parts, frame = context.hub.drawing.page(view, account.csrf, now, shown)
    return show(
        request,
        context,
        "tonight.html",
        account,
        now=now,
        zone=board.zone,
        board=board,
        parts=parts,
        frame=frame,
        # tabs of one session and view share a stream under this name
        channel=hashlib.blake2b(f"{account.token_hash} {view}".encode(), digest_size=8).hexdigest(),
        many=len(board.tiles) > MANY,
        chosen=chosen,
        only_use=use,
        tab="tonight",
    )
