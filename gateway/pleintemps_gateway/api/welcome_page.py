"""``/welcome/<link>``: the one-time link of an invitation, a reset, or the first account of all."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Row

from pleintemps_gateway.accounts import book, links
from pleintemps_gateway.accounts.rules import check_password
from pleintemps_gateway.errors import AccountError
from pleintemps_gateway.store.engine import write_transaction

from .auth import InContext, address_of
from .context import Context
from .links import unknown_link
from .login_page import check_form_token, form_token, give_form_token
from .pages import Csrf, show
from .passwords import hash_password
from .problems import Problem
from .rights import MANAGER
from .schemas import NO_NUL
from .sessions import forget, give_cookie, start

router = APIRouter(prefix="/welcome", include_in_schema=False, default_response_class=HTMLResponse)
LinkText = Annotated[str, Path(max_length=200)]
Password = Annotated[str, Form(max_length=1000)]


def _link(request: Request, context: Context, text: str) -> Row[Any]:
    """Raises Problem 404 for a link that is used, too old or of nobody, 429 for an address with many."""
    with context.engine.connect() as conn:
        row = links.find(conn, text, context.world.now())
        if row is not None and row.purpose == links.FIRST and book.has_manager(conn):
            row = None  # it is not the first account any more
    if row is None:
        raise unknown_link(request, context)
    return row


def _form(
    request: Request, context: Context, row: Row[Any], fault: str = "", name: str = "", status: int = 200
) -> HTMLResponse:
    token = form_token(request, context)
    response = show(
        request,
        context,
        "welcome.html",
        None,
        status,
        csrf=token,
        purpose=row.purpose,
        name=row.name or name,
        fault=fault,
    )
    give_form_token(request, response, token)
    return response


@router.get("/{link}")
def welcome(request: Request, context: InContext, link: LinkText) -> Any:
    """Nothing happens by looking: mail programs follow links by themselves."""
    return _form(request, context, _link(request, context, link))


@router.post("/{link}")
def choose(
    request: Request,
    context: InContext,
    link: LinkText,
    csrf: Csrf = "",
    name: Annotated[str, Form(max_length=200, pattern=NO_NUL)] = "",
    password: Password = "",
    again: Password = "",
) -> Any:
    """The password is chosen, the link is used up, every other session of the account is over."""
    check_form_token(request, csrf)
    row = _link(request, context, link)
    wait = context.throttle.begin(f"link/{row.link_hash}", address_of(request), context.world.monotonic())
    if wait:
        raise Problem(429, "Wait a little.", headers={"Retry-After": str(-(-wait // 1000))})
    first = row.purpose == links.FIRST
    who = row.name or name
    try:
        check_password(password, who.split())
        if password != again:
            raise AccountError("twice", "the passwords differ")
        encoded = hash_password(password)
        world, agent = context.world, request.headers.get("user-agent", "")
        with write_transaction(context.engine, [row.site]) as conn:
            links.use(conn, link, world.now())
            if first:
                home, who = book.add(conn, world, book.Draft(name, MANAGER), name, encoded)
            else:
                home = row.site
                ended = book.set_password(conn, world, home, who, encoded, who)
            user = book.row_of(conn, home, who)
            if user.disabled is not None:
                raise AccountError("link", "this account is disabled")
            session = start(conn, context, user, via="link", agent=agent)
    except AccountError as error:
        if error.reason in ("link", "unknown"):
            raise unknown_link(request, context) from error
        return _form(request, context, row, error.reason, name, 422)
    context.throttle.succeeded(f"link/{row.link_hash}", address_of(request))
    for token_hash in () if first else ended:
        context.over(token_hash)
    forget(request, context)
    redirect = RedirectResponse("/setup" if first else "/", 303)
    give_cookie(request, redirect, session)
    return redirect
