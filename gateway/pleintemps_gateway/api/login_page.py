"""Log-in and log-out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.background import BackgroundTask

from .account_mail import mail_desk, send_forgotten
from .auth import (
    FORM_COOKIE,
    Account,
    InContext,
    Posts,
    Visitor,
    address_of,
    check_csrf,
    cookie_name,
    is_https,
)
from .context import Context
from .leaving import log_out_here
from .pages import Csrf, here, show
from .problems import Problem, not_found
from .rights import Right
from .schemas import NO_NUL
from .sessions import forget, give_cookie, log_in, take_cookie

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/login")
def login_page(
    request: Request, context: InContext, visitor: Visitor, next: Annotated[str, Query(max_length=500)] = "/"
) -> Any:
    if visitor is not None:
        return RedirectResponse(here(next), 303)
    return login_form(request, context, target=here(next))


def login_form(
    request: Request,
    context: Context,
    *,
    target: str = "/",
    status: int = 200,
    fault: str = "",
    name: str = "",
    wait: int = 0,
) -> HTMLResponse:
    """The form, with what was wrong the last time in one word."""
    token = form_token(request, context)
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
        oidc=context.config.web.oidc,
        can_mail=mail_desk(context) is not None,
        out=request.query_params.get("out") == "1",
    )
    give_form_token(request, response, token)
    return response


def form_token(request: Request, context: Context) -> str:
    """What a form of who is not logged in carries: the browser's, or a new one."""
    found = request.cookies.get(cookie_name(request, FORM_COOKIE))
    return found or context.world.random_bytes(32).hex()


def give_form_token(request: Request, response: HTMLResponse, token: str) -> None:
    response.set_cookie(
        cookie_name(request, FORM_COOKIE), token, httponly=True, samesite="lax", secure=is_https(request)
    )


def check_form_token(request: Request, csrf: str) -> None:
    """Raises Problem 403 unless the form came from our own page."""
    check_csrf(request.cookies.get(cookie_name(request, FORM_COOKIE), ""), csrf)


@router.post("/login")
def do_login(
    request: Request,
    context: InContext,
    csrf: Csrf = "",
    name: Annotated[str, Form(max_length=80, pattern=NO_NUL)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Any:
    check_form_token(request, csrf)
    agent = request.headers.get("user-agent", "")
    try:
        session = log_in(context, name.strip(), password, address_of(request), agent=agent)
    except Problem as problem:
        wait = int(problem.headers.get("Retry-After", 0))
        fault = "wait" if problem.status == 429 else "wrong"
        response = login_form(
            request, context, target=here(next), status=problem.status, fault=fault, name=name, wait=wait
        )
        response.headers.update(problem.headers)
        return response
    forget(request, context)
    redirect = RedirectResponse(here(next), 303)
    give_cookie(request, redirect, session)
    take_cookie(request, redirect, FORM_COOKIE)
    return redirect


@router.get("/forgotten")
def forgotten_page(request: Request, context: InContext) -> HTMLResponse:
    return _forgotten(request, context)


def _forgotten(request: Request, context: Context, *, sent: bool = False, wait: int = 0) -> HTMLResponse:
    if mail_desk(context) is None:
        raise not_found("page")
    token = form_token(request, context)
    status = 429 if wait else 200
    response = show(request, context, "forgotten.html", None, status, csrf=token, sent=sent, wait=wait)
    give_form_token(request, response, token)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


@router.post("/forgotten")
def send_link(
    request: Request,
    context: InContext,
    csrf: Csrf = "",
    said: Annotated[str, Form(max_length=254, pattern=NO_NUL)] = "",
) -> HTMLResponse:
    """A link by mail to whoever has an account of that name or address. The answer is the same for all, and
    what is done comes after it: neither tells who has an account.
    """
    check_form_token(request, csrf)
    wait = context.forgotten.begin("", address_of(request), context.world.monotonic())
    if wait:
        return _forgotten(request, context, wait=-(-wait // 1000))
    response = _forgotten(request, context, sent=True)
    if said.strip():
        response.background = BackgroundTask(send_forgotten, context, said)
    return response


@router.post("/logout")
def do_logout(
    request: Request, context: InContext, account: Annotated[Account, Depends(Posts(Right.OWN))]
) -> Any:
    return log_out_here(request, context, account)
