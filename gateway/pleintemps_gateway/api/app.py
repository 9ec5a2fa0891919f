"""Composition of the web process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine, text
from starlette.exceptions import HTTPException

from pleintemps_contract.world import World
from pleintemps_gateway import __doc__ as description
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.notify.duty import DutyBook
from pleintemps_gateway.oidc.provider import Provider
from pleintemps_gateway.web.drawing import Drawing
from pleintemps_gateway.web.picture import Picture
from pleintemps_gateway.web.render import STATIC, Pages

from . import (
    account_page,
    accounts_page,
    agents_page,
    alerts_page,
    audit_page,
    backups_page,
    booking_page,
    calendar_feeds,
    connections_page,
    docs,
    door_list_page,
    doors,
    free,
    help_desk,
    hooks,
    learnt_page,
    login_page,
    map_page,
    matrix_page,
    metrics_page,
    more_page,
    notifications_page,
    oidc_page,
    pages,
    person_page,
    releases,
    report_page,
    rest,
    rest_alerts,
    rest_bookings,
    rest_doors,
    rest_groups,
    rest_learnt,
    rest_matrix,
    rest_usage,
    rest_write,
    setup_page,
    shell_page,
    space_page,
    stream,
    tables,
    updates_page,
    usage_page,
    welcome_page,
)
from .activity import keep_alive
from .context import Context
from .guard import Guard
from .hooks_config import Hooks
from .language import language_of
from .live import Hub
from .oidc_page import OidcDesk
from .problems import Problem
from .tally import Tally
from .throttle import LoginThrottle

_MOST_DUTIES: Final = 3
"""Numbers to call on the page of a link that shows nothing."""


def create_app(config: GatewayConfig, world: World, engine: Engine, desk: CodeDesk | None = None) -> FastAPI:
    """The pages and the API over an open, migrated store; one process serves all viewers.

    ``desk`` issues the codes of bookings made here; without it such bookings are refused.
    """

    renderer = Pages(config, simulated=world.source == "simulated")
    drawing = Drawing(renderer, Picture(engine, config), world.new_id()[:8])
    hub = Hub(engine, world, drawing, used=lambda rows: keep_alive(app.state.context, rows))
    tally = Tally(engine, world)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        hub.close()
        tally.flush()

    app = FastAPI(
        title="Plein Temps",
        description=description or "",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.state.context = Context(
        config, world, engine, renderer, LoginThrottle(), hub, desk, Hooks(config), tally, DutyBook(config)
    )
    oidc = config.web.oidc
    app.state.oidc = OidcDesk(oidc, Provider(oidc, world)) if oidc else None
    for router in (  # their routes as they stand: include_router makes each anew at its first request
        rest.router,
        rest_write.router,
        rest_bookings.router,
        rest_doors.router,
        rest_groups.router,
        rest_usage.router,
        rest_learnt.router,
        rest_matrix.router,
        hooks.router,
        free.router,
        releases.router,
        stream.router,
        docs.router,
        login_page.router,
        oidc_page.router,
        welcome_page.router,
        account_page.router,
        accounts_page.router,
        agents_page.router,
        backups_page.router,
        updates_page.router,
        setup_page.router,
        pages.router,
        alerts_page.router,
        rest_alerts.router,
        report_page.router,
        notifications_page.router,
        door_list_page.router,
        map_page.router,
        audit_page.router,
        person_page.router,
        doors.router,
        learnt_page.router,
        matrix_page.router,
        space_page.router,
        more_page.router,
        shell_page.router,
        usage_page.router,
        calendar_feeds.router,
        connections_page.router,
        metrics_page.router,
        tables.router,
        booking_page.router,
        help_desk.router,
    ):
        app.router.routes.extend(router.routes)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_error)
    app.add_middleware(Guard)

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> PlainTextResponse:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
        return PlainTextResponse("ok\n")

    return app


def _on_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    path = request.url.path
    if path.startswith(("/api/", "/hooks/")) and path != "/api/docs":
        return JSONResponse(error.body(), error.status, headers=error.headers)
    if error.status == 401 and request.method in ("GET", "HEAD"):
        wanted = f"{path}?{request.url.query}" if request.url.query else path
        return RedirectResponse(f"/login?next={quote(wanted)}", 303)
    context: Context = request.app.state.context
    html = context.pages.page(
        "error.html",
        language_of(request),
        now=context.world.now(),
        zone=context.config.sites[0].zone,
        account=None,
        tab="",
        status=error.status,
        code=error.code,
        path=path,
        duties=sorted({site.about.duty for site in context.config.sites if site.about.duty})[:_MOST_DUTIES],
    )
    return HTMLResponse(html, error.status, headers=error.headers)


def _on_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return _on_problem(request, Problem(422, str(first["msg"]), where=where or str(first["loc"][0])))


def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _on_problem(
        request, Problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))
    )


def _on_error(request: Request, error: Exception) -> Response:
    # the server's log has the traceback; the reader gets no inside of ours
    return _on_problem(request, Problem(500, "Something is wrong at the gateway; it is in its log."))
