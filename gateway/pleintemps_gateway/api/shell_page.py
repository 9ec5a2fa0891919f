"""What makes the pages installable: the worker, its list of files, and the page for "no connection"."""

import hashlib
import json
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from pleintemps_gateway.web.i18n import LANGUAGES
from pleintemps_gateway.web.render import STATIC, static_url

from .auth import InContext
from .language import language_of
from .pages import show

router = APIRouter(include_in_schema=False)
OFFLINE: Final = "/offline"
SHELL: Final = (
    "tokens.css",
    "pages.css",
    "tonight.css",
    "keys.js",
    "live.js",
    "stream.js",
    "offline.css",
    "offline.js",
    "icon.svg",
)
"""Files that the worker keeps: those of the page for "no connection" and of the first page."""


@router.get("/sw.js")
def worker(request: Request, context: InContext) -> Response:
    """The service worker, whose scope is the whole site; a change of any file of the shell is a new one."""
    source = (STATIC / "sw.js").read_text()
    files = [static_url(name) for name in SHELL]
    digest = hashlib.sha256("\n".join([*files, source, *map(str, _duties(context))]).encode()).hexdigest()
    shell = {"version": digest[:12], "files": files, "offline": OFFLINE}
    headers = {"Cache-Control": "no-cache"}
    return Response(
        f"const SHELL = {json.dumps(shell)};\n{source}", media_type="text/javascript", headers=headers
    )


@router.get(OFFLINE, response_class=HTMLResponse)
def offline(request: Request, context: InContext) -> HTMLResponse:
    """Public, without anything personal: it is kept by the browser. Both languages, the reader's first."""
    first = language_of(request)
    parts = [
        Markup(context.pages.page("_offline.html", language, duties=_duties(context)))
        for language in sorted(LANGUAGES, key=lambda language: language != first)
    ]
    return show(request, context, "offline.html", None, languages_shown=parts)


def _duties(context: InContext) -> list[tuple[str, str]]:
    """(building, number to call) of every site that has one."""
    return [(site.name, site.about.duty) for site in context.config.sites if site.about.duty]
