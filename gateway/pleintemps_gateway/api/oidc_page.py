"""``/login/oidc``: to the provider, and back."""

import hmac
import threading
from collections import OrderedDict
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_gateway.errors import LogInError
from pleintemps_gateway.oidc.config import OidcConfig
from pleintemps_gateway.oidc.people import admit
from pleintemps_gateway.oidc.provider import Begun, Provider
from pleintemps_gateway.store.engine import write_transaction

from .auth import InContext, cookie_name, hash_token
from .context import Context
from .leaving import LIVES_MS, OUT_COOKIE, lend_cookie, took_hint
from .login_page import login_form
from .pages import here
from .problems import not_found
from .sessions import forget, give_cookie, start, take_cookie

router = APIRouter(prefix="/login/oidc", include_in_schema=False, default_response_class=HTMLResponse)
BROWSER_COOKIE: Final = "pleintemps_oidc"
"""Ties a log-in under way to the browser that began it."""
_REMEMBERED: Final = 1_000


class _Waiting(NamedTuple):
    begun: Begun
    browser: str
    target: str
    at: int


class OidcDesk:
    """The provider, and the log-ins under way: kept in memory, used once. Any thread may call."""

    def __init__(self, config: OidcConfig, provider: Provider) -> None:
        self.config = config
        self.provider = provider
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()

    def keep(self, waiting: _Waiting) -> None:
        with self._lock:
            self._waiting[hash_token(waiting.begun.state)] = waiting
            if len(self._waiting) > _REMEMBERED:
                self._waiting.popitem(last=False)

    def take(self, state: str, browser: str, now: int) -> _Waiting:
        """The log-in under way, which is none any more; raises LogInError ``state``. ``now`` is monotonic."""
        with self._lock:
            waiting = self._waiting.pop(hash_token(state), None)
        if waiting is None or now - waiting.at >= LIVES_MS:
            raise LogInError("state", "no such log-in is under way")
        if not browser or not hmac.compare_digest(waiting.browser, hash_token(browser)):
            raise LogInError("state", "another browser began this log-in")
        return waiting


def _desk(request: Request) -> OidcDesk:
    desk: OidcDesk | None = request.app.state.oidc
    if desk is None:
        raise not_found("page")
    return desk


def _base(request: Request, context: Context) -> str:
    return context.config.web.public_url or str(request.base_url).rstrip("/")


def _failed(request: Request, context: Context, error: LogInError) -> HTMLResponse:
    response = login_form(request, context, status=401, fault=f"oidc-{error.reason}")
    take_cookie(request, response, BROWSER_COOKIE)
    return response


@router.get("")
def go(request: Request, context: InContext, next: Annotated[str, Query(max_length=500)] = "/") -> Any:
    desk = _desk(request)
    try:
        begun = desk.provider.begin(f"{_base(request, context)}/login/oidc/back")
    except LogInError as error:
        return _failed(request, context, error)
    browser = context.world.random_bytes(32).hex()
    desk.keep(_Waiting(begun, hash_token(browser), here(next), context.world.monotonic()))
    redirect = RedirectResponse(begun.address, 303)
    lend_cookie(request, redirect, BROWSER_COOKIE, browser)
    return redirect


@router.get("/back")
def back(
    request: Request,
    context: InContext,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    iss: Annotated[str, Query(max_length=500)] = "",
) -> Any:
    """Where the provider sends the browser; every answer is good once."""
    desk, world = _desk(request), context.world
    browser = request.cookies.get(cookie_name(request, BROWSER_COOKIE), "")
    try:
        waiting = desk.take(state, browser, world.monotonic())
        if not code:
            raise LogInError("refused", "the provider let nobody in")
        address = f"{_base(request, context)}/login/oidc/back"
        claims, token = desk.provider.finish(waiting.begun, code, address, iss)
        with write_transaction(context.engine, ["*"]) as conn:
            user, ended = admit(conn, world, desk.config, claims)
            session = start(conn, context, user, via="oidc", agent=request.headers.get("user-agent", ""))
    except LogInError as error:
        return _failed(request, context, error)
    for token_hash in ended:
        context.over(token_hash)
    forget(request, context)
    now = world.monotonic()
    context.hints.keep(hash_token(session.token), token, now + session.expires - world.now(), now)
    redirect = RedirectResponse(waiting.target, 303)
    give_cookie(request, redirect, session)
    take_cookie(request, redirect, BROWSER_COOKIE)
    return redirect


@router.get("/out")
def leave(request: Request, context: InContext) -> Any:
    """Log out of the provider as well: a link of our page, since no form may lead elsewhere."""
    desk = _desk(request)
    try:
        address = desk.provider.leave(f"{_base(request, context)}/login", took_hint(request, context))
    except LogInError as error:
        return _failed(request, context, error)
    redirect = RedirectResponse(address or "/login", 303)
    take_cookie(request, redirect, OUT_COOKIE)
    return redirect
