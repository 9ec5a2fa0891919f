"""The OpenAPI document and a plain listing of it, for those who are logged in; nothing from elsewhere."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from .auth import CSRF_HEADER, SESSION_COOKIE, InContext, Reader
from .language import language_of

OPEN: Final = ("/api/v1/sessions", "/api/v1/free", "/hooks/{site}/{feed}")
"""Calls that need no log-in: the log-in itself, what everybody may know, and what is signed otherwise."""
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The token of POST /api/v1/sessions"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": f"A browser's; what changes something also needs the header {CSRF_HEADER}",
    },
}

router = APIRouter(include_in_schema=False)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once: FastAPI's, with how to log in."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        made.setdefault("components", {})["securitySchemes"] = _SCHEMES
        for path, methods in made["paths"].items():
            for call in methods.values():
                if path not in OPEN:
                    call["security"] = [{name: []} for name in _SCHEMES]
        app.openapi_schema = made
    return app.openapi_schema


@router.get("/api/openapi.json")
def openapi(request: Request, reader: Reader) -> JSONResponse:
    return JSONResponse(describe(request.app))


@router.get("/api/docs")
def docs(request: Request, reader: Reader, context: InContext) -> HTMLResponse:
    calls: list[dict[str, Any]] = [
        {"method": method.upper(), "path": path, "summary": call.get("summary", "")}
        for path, methods in describe(request.app)["paths"].items()
        for method, call in methods.items()
    ]
    return HTMLResponse(
        context.pages.page(
            "docs.html",
            language_of(request),
            now=context.world.now(),
            zone=context.config.sites[0].zone,
            account=reader,
            tab="",
            calls=calls,
        )
    )
