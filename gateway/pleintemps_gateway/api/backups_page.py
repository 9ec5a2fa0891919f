"""``/backups``: when the last one was made, and how to put one back."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from pleintemps_gateway.web.backups import load_backups

from .auth import Account, InContext, Reads
from .pages import show
from .rights import Right

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/backups")
def backups_page(
    request: Request, context: InContext, account: Annotated[Account, Depends(Reads(Right.RUN))]
) -> Any:
    now = context.world.now()
    view = load_backups(context.config, now)
    return show(request, context, "backups.html", account, now=now, backups=view, tab="backups")
