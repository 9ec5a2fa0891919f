"""The page "More": every page that the reader may see, with one line each."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from .auth import InContext, Reader
from .pages import show

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/more")
def more(request: Request, context: InContext, account: Reader) -> Any:
    return show(request, context, "more.html", account, tab="more")
