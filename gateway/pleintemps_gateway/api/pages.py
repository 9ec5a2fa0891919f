"""The pages of caretakers: HTML first, forms that post."""

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_gateway.alerts.records import AlertKind
from pleintemps_gateway.store import reading
from pleintemps_gateway.web import upkeep
from pleintemps_gateway.web.help_desk import load_call
from pleintemps_gateway.web.render import View
from pleintemps_gateway.web.sources import source_health
from pleintemps_gateway.web.tonight import alert_view, load_alerts, load_board, load_doors

from . import writes
from .auth import (
    FORM_COOKIE,
    SESSION_COOKIE,
    Account,
    InContext,
    Reader,
    Visitor,
    address_of,
    check_csrf,
    check_role,
    log_in,
    log_out,
)
from .context import Context
from .language import LANGUAGE_COOKIE, language_of
from .problems import Problem, not_found
from .schemas import NO_NUL, IdText, SlugText

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Csrf = Annotated[str, Form(max_length=128)]
_YEAR_S: Final = 31_536_000


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
    html = context.pages.page(
        template, language, account=account, path=request.url.path, **({"tab": ""} | values)
    )
    response = HTMLResponse(html, status)
    if request.query_params.get("lang") == language:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_YEAR_S, httponly=True, samesite="lax", secure=_https(request)
        )
    return response


def _https(request: Request) -> bool:
    return request.url.scheme == "https"


def _here(target: str) -> str:
    """``target`` if it is a page of ours, else the first page: a log-in must not lead elsewhere."""
    parts = urlsplit(target)
    ours = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    )
    return target if ours and target.isprintable() else "/"


@router.get("/login")
def login_page(
    request: Request, context: InContext, visitor: Visitor, next: Annotated[str, Query(max_length=500)] = "/"
) -> Any:
    if visitor is not None:
        return RedirectResponse(_here(next), 303)
    return _login_form(request, context, target=_here(next))


def _login_form(
    request: Request,
    context: Context,
    *,
    target: str,
    status: int = 200,
    fault: str = "",
    name: str = "",
    wait: int = 0,
) -> HTMLResponse:
    token = request.cookies.get(FORM_COOKIE) or context.world.random_bytes(32).hex()
    response = show(
        request,
        context,
        "login.html",
        None,
        status,
        csrf=token,
        target=target,
        fault=fault,
        name=name,
        wait=wait,
    )
    response.set_cookie(FORM_COOKIE, token, httponly=True, samesite="lax", secure=_https(request))
    return response


@router.post("/login")
def do_login(
    request: Request,
    context: InContext,
    csrf: Csrf = "",
    name: Annotated[str, Form(max_length=80, pattern=NO_NUL)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Any:
    check_csrf(request.cookies.get(FORM_COOKIE, ""), csrf)
    try:
        session = log_in(context, name.strip(), password, address_of(request))
    except Problem as problem:
        wait = int(problem.headers.get("Retry-After", 0))
        fault = "wait" if problem.status == 429 else "wrong"
        response = _login_form(
            request, context, target=_here(next), status=problem.status, fault=fault, name=name, wait=wait
        )
        response.headers.update(problem.headers)
        return response
    redirect = RedirectResponse(_here(next), 303)
    redirect.set_cookie(SESSION_COOKIE, session.token, httponly=True, samesite="lax", secure=_https(request))
    redirect.delete_cookie(FORM_COOKIE)
    return redirect


@router.post("/logout")
def do_logout(context: InContext, account: Reader, csrf: Csrf = "") -> Any:
    check_csrf(account.csrf, csrf)
    log_out(context, account)
    redirect = RedirectResponse("/login", 303)
    redirect.delete_cookie(SESSION_COOKIE)
    return redirect


@router.get("/")
def tonight(request: Request, context: InContext, account: Reader) -> Any:
    now = context.world.now()
    with context.engine.connect() as conn:
        board = load_board(conn, context.config, account.sites, now)
    view = View(language_of(request), account.sites, account.may_act)
    parts = context.pages.parts(view, board, account.csrf)
    return show(
        request,
        context,
        "tonight.html",
        account,
        now=now,
        zone=board.zone,
        board=board,
        parts=parts,
        tab="tonight",
    )


@router.get("/alerts")
def alerts(request: Request, context: InContext, account: Reader) -> Any:
    with context.engine.connect() as conn:
        found = load_alerts(conn, context.config, account.sites, limit=100)
    return show(request, context, "alerts.html", account, alerts=found, tab="alerts")


@router.get("/alerts/{site}/{alert}")
def alert_page(request: Request, context: InContext, account: Reader, site: SlugText, alert: IdText) -> Any:
    return _alert_page(request, context, account, site, alert)


def _alert_page(
    request: Request,
    context: Context,
    account: Account,
    site: str,
    alert: str,
    status: int = 200,
    fault: str = "",
) -> HTMLResponse:
    config = context.site(account.sites, site)
    with context.engine.connect() as conn:
        row = reading.alert(conn, (site,), alert)
        doors = load_doors(conn, context.config, (site,), context.world.now())
        call = None
        if row is not None and row.kind == AlertKind.HELP and row.booking:
            call = load_call(conn, context.config, config, row.booking, context.world.now())
    if row is None:
        raise not_found("alert")
    view = alert_view(row, config)
    door = doors.get((site, view.door))
    return show(
        request,
        context,
        "alert.html",
        account,
        status,
        zone=config.zone,
        alert=view,
        door=door,
        call=call,
        once="",
        fault=fault,
        tab="alerts",
    )


@router.post("/alerts/{site}/{alert}/take")
def take(
    request: Request,
    context: InContext,
    account: Reader,
    site: SlugText,
    alert: IdText,
    csrf: Csrf = "",
    comment: Annotated[str, Form(max_length=500, pattern=NO_NUL)] = "",
    back: Annotated[str, Form(max_length=200)] = "/",
) -> Any:
    check_csrf(account.csrf, csrf)
    check_role(account)
    context.site(account.sites, site)
    try:
        writes.acknowledge(context, account, site, alert, comment)
    except Problem as problem:
        if problem.status != 409:
            raise
        return _alert_page(request, context, account, site, alert, status=409, fault=problem.code)
    return RedirectResponse(_here(back), 303)


@router.get("/health")
def health_page(request: Request, context: InContext, account: Reader) -> Any:
    """Agents and their devices, calendars, messages, codes, and what was refused."""
    with context.engine.connect() as conn:
        values: dict[str, Any] = {
            "agents": reading.agents(conn, account.sites),
            "devices": reading.devices(conn, account.sites),
            "feeds": source_health(conn, context.sites(account.sites), context.world.now()),
            "refusals": reading.refusals(conn, account.sites),
            "messages": upkeep.messages(conn, context.sites(account.sites), context.world.now()),
            "faulty": upkeep.faulty(conn, context.sites(account.sites)),
            "weaknesses": upkeep.weaknesses(conn, context.sites(account.sites)),
        }
    sites = {site.site: site for site in context.config.sites}
    return show(request, context, "health.html", account, sites=sites, tab="health", **values)
