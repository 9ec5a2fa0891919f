"""The OpenAPI document and a plain listing of it, for those who are logged in; nothing from elsewhere."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from .auth import InContext, Reader
from .language import language_of

router = APIRouter(include_in_schema=False)


@router.get("/api/openapi.json")
def openapi(request: Request, reader: Reader) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.get("/api/docs")
def docs(request: Request, reader: Reader, context: InContext) -> HTMLResponse:
    calls: list[dict[str, Any]] = [
        {"method": method.upper(), "path": path, "summary": call.get("summary", "")}
        for path, methods in request.app.openapi()["paths"].items()
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
