"""``/account``: one's own account: password, sessions, language, look."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select

from pleintemps_gateway.accounts import book
from pleintemps_gateway.accounts.rules import check_password
from pleintemps_gateway.errors import AccountError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import sessions

from .auth import Account, InContext, Posts, Reads, address_of, is_https
from .context import Context
from .language import LANGUAGE_COOKIE
from .pages import show
from .passwords import hash_password, verify_password
from .problems import Problem
from .rights import Right
from .schemas import NO_NUL
from .sessions import end, give_cookie, start

router = APIRouter(prefix="/account", include_in_schema=False, default_response_class=HTMLResponse)
Own = Annotated[Account, Depends(Reads(Right.OWN))]
Poster = Annotated[Account, Depends(Posts(Right.OWN))]
Password = Annotated[str, Form(max_length=1000)]
_YEAR_S = 31_536_000
_SHOWN = 16
"""So much of a session's hash tells it from the others of its account."""


@router.get("")
def account_page(request: Request, context: InContext, account: Own) -> Any:
    return _page(request, context, account)


def _page(
    request: Request, context: Context, account: Account, *, status: int = 200, fault: str = "", at: str = ""
) -> HTMLResponse:
    now, table = context.world.now(), sessions.c
    with context.engine.connect() as conn:
        user = book.row_of(conn, account.home, account.name)
        mine = (table.site == account.home) & (table.name == account.name)
        good = (table.expires > now) & (table.idle_at.is_(None) | (table.idle_at > now))
        rows = conn.execute(select(sessions).where(mine, good).order_by(table.created.desc())).all()
    return show(
        request,
        context,
        "account.html",
        account,
        status,
        now=now,
        user=user,
        rows=[(row.token_hash[:_SHOWN], row, row.token_hash == account.token_hash) for row in rows],
        done=request.query_params.get("done", ""),
        fault=fault,
        at=at,
        sites=context.sites(account.sites),
        web=context.config.web,
        tab="account",
    )


@router.post("/password")
def change_password(
    request: Request,
    context: InContext,
    account: Poster,
    present: Password = "",
    password: Password = "",
    again: Password = "",
) -> Any:
    """Every session ends, and this browser gets a new one."""
    wait = context.throttle.begin(account.name, address_of(request), context.world.monotonic())
    if wait:
        raise Problem(429, "Wait a little.", headers={"Retry-After": str(-(-wait // 1000))})
    with context.engine.connect() as conn:
        user = book.row_of(conn, account.home, account.name)
    try:
        if user.subject is not None:
            raise AccountError("elsewhere", "this account logs in elsewhere")
        if not verify_password(user.password, present):
            raise AccountError("wrong", "the present password is another one")
        check_password(password, account.name.split())
        if password != again:
            raise AccountError("twice", "the passwords differ")
    except AccountError as error:
        if error.reason != "wrong":
            context.throttle.succeeded(account.name, address_of(request))
        return _page(request, context, account, status=422, fault=error.reason, at="password")
    context.throttle.succeeded(account.name, address_of(request))
    encoded, agent = hash_password(password), request.headers.get("user-agent", "")
    with write_transaction(context.engine, [account.home]) as conn:
        ended = book.set_password(conn, context.world, account.home, account.name, encoded, account.name)
        session = start(conn, context, user, via="password", agent=agent)
    for token_hash in ended:
        context.over(token_hash)
    redirect = RedirectResponse("/account?done=password", 303)
    give_cookie(request, redirect, session)
    return redirect


@router.post("/look")
def change_look(
    request: Request,
    context: InContext,
    account: Poster,
    language: Annotated[str, Form(pattern="^(fr|en|)$")] = "",
    theme: Annotated[str, Form(pattern="^(light|dark|)$")] = "",
    mail: Annotated[str, Form(max_length=300, pattern=NO_NUL)] = "",
) -> Any:
    try:
        with write_transaction(context.engine, [account.home]) as conn:
            book.set_own(conn, account.home, account.name, mail.strip(), language, theme)
    except AccountError as error:
        return _page(request, context, account, status=422, fault=error.reason, at="look")
    redirect = RedirectResponse("/account?done=look", 303)
    if language:
        redirect.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=_YEAR_S,
            httponly=True,
            samesite="lax",
            secure=is_https(request),
        )
    else:
        redirect.delete_cookie(LANGUAGE_COOKIE)
    return redirect


@router.post("/end")
def end_session(
    context: InContext,
    account: Poster,
    session: Annotated[str, Form(pattern="^([0-9a-f]{16}|others)$")],
) -> Any:
    """One session, or all but this one; ending this very one is a log-out."""
    if session == "others":
        end(context, account.home, account.name, but=account.token_hash)
        return RedirectResponse("/account?done=ended", 303)
    table = sessions.c
    with context.engine.connect() as conn:
        mine = (table.site == account.home) & (table.name == account.name)
        found = set(conn.scalars(select(table.token_hash).where(mine, table.token_hash.startswith(session))))
    end(context, account.home, account.name, only=found)
    return RedirectResponse("/account?done=ended", 303)
