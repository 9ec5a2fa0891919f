"""``/accounts``: who may log in, for managers."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection

from pleintemps_gateway.accounts import book, links
from pleintemps_gateway.accounts.book import Draft, Person
from pleintemps_gateway.errors import AccountError
from pleintemps_gateway.store.engine import write_transaction

from .account_mail import mail_desk, send
from .auth import Account, InContext, Posts, Reads
from .context import Context
from .pages import show
from .problems import not_found
from .rights import Right
from .schemas import NO_NUL, SlugText

router = APIRouter(prefix="/accounts", include_in_schema=False, default_response_class=HTMLResponse)
Reader = Annotated[Account, Depends(Reads(Right.ACCOUNTS))]
Manager = Annotated[Account, Depends(Posts(Right.ACCOUNTS))]
Key = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, Form(max_length=300, pattern=NO_NUL)]
Sites = Annotated[list[SlugText], Form()]
EVERYWHERE: Final = "all"
"""The value of the box for every site; sites are named beside it otherwise."""


@router.get("")
def accounts_page(request: Request, context: InContext, account: Reader) -> Any:
    return _page(request, context, account)


def _page(
    request: Request,
    context: Context,
    account: Account,
    *,
    status: int = 200,
    fault: str = "",
    at: str = "",
    **told: Any,
) -> HTMLResponse:
    now = context.world.now()
    with context.engine.connect() as conn:
        everybody = book.people(conn, now)
    shown = [person for person in everybody if _rules(account, person)]
    values: dict[str, Any] = {"draft": Draft("", "caretaker"), "made": None, "mailed": "", "whom": None}
    return show(
        request,
        context,
        "accounts.html",
        account,
        status,
        now=now,
        people=shown,
        own=book.key_of(account.home, account.name),
        sites=context.sites(account.sites),
        fault=fault,
        at=at,
        can_mail=mail_desk(context) is not None,
        oidc=context.config.web.oidc,
        base=context.config.web.public_url or str(request.base_url).rstrip("/"),
        tab="accounts",
        **(values | told),
    )


def _rules(account: Account, person: Person) -> bool:
    return person.within(account.sites, account.everywhere)


def _one(conn: Connection, context: Context, account: Account, key: str) -> Person:
    """Raises Problem 404 for who is not there, or not ruled by this manager."""
    try:
        person = book.find(conn, key, context.world.now())
    except AccountError as error:
        raise not_found("account") from error
    if not _rules(account, person):
        raise not_found("account")
    return person


def _sites(account: Account, named: list[str]) -> tuple[str, ...]:
    """Raises AccountError ``sites`` for none, or for more than the manager's own."""
    if EVERYWHERE in named and account.everywhere:
        return ()
    wanted = tuple(site for site in named if site in account.sites)
    if not wanted:
        raise AccountError("sites", "no site was chosen")
    return wanted


@router.post("/add")
def add(
    request: Request,
    context: InContext,
    account: Manager,
    name: Text = "",
    role: Text = "caretaker",
    mail: Text = "",
    sites: Sites = [],  # noqa: B006 - FastAPI copies it
) -> Any:
    """An account without a password, and a link to choose one."""
    draft = Draft(name, role, mail=mail)
    try:
        draft = draft._replace(sites=_sites(account, sites))
        with write_transaction(context.engine, ["*"]) as conn:
            home, known = book.add(conn, context.world, draft, account.name)
            key = book.key_of(home, known)
            person = book.find(conn, key, context.world.now())
            link, mailed = _invite(conn, context, account, person, links.INVITE)
    except AccountError as error:
        return _page(request, context, account, status=422, fault=error.reason, at="add", draft=draft)
    return _page(request, context, account, at=key, made=link, mailed=mailed, whom=person)


@router.post("/{key}/link")
def link(request: Request, context: InContext, account: Manager, key: Key) -> Any:
    """A new link: to choose a first password, or another one. It is mailed, or shown this once."""
    with context.engine.connect() as conn:
        person = _one(conn, context, account, key)
    if person.issuer:
        return _page(request, context, account, status=409, fault="elsewhere", at=key)
    with write_transaction(context.engine, [person.home]) as conn:
        purpose = links.RESET if person.has_password else links.INVITE
        made, mailed = _invite(conn, context, account, person, purpose)
    return _page(request, context, account, at=key, made=made, mailed=mailed, whom=person)


def _invite(
    conn: Connection, context: Context, account: Account, person: Person, purpose: str
) -> tuple[links.Link | None, str]:
    """(the link to show, "") or (None, the address that it goes to)."""
    made = links.make(conn, context.world, person.home, person.name, purpose)
    book.written(conn, context.world, person.home, person.name, "user.link", account.name, purpose=purpose)
    return (None, person.mail) if send(conn, context, person, purpose, made) else (made, "")


def _change(
    request: Request, context: Context, account: Account, key: str, act: Any
) -> HTMLResponse | RedirectResponse:
    """Let ``act(conn, person)`` change somebody else's account and end the sessions that it returns."""
    with context.engine.connect() as conn:
        person = _one(conn, context, account, key)
    try:
        if (person.home, person.name) == (account.home, account.name):
            raise AccountError("own", "this is one's own account")
        with write_transaction(context.engine, [person.home]) as conn:
            ended = act(conn, person)
    except AccountError as error:
        return _page(request, context, account, status=409, fault=error.reason, at=key)
    for token_hash in ended:
        context.over(token_hash)
    return RedirectResponse(f"/accounts#a-{key}", 303)


@router.post("/{key}/role")
def change(
    request: Request,
    context: InContext,
    account: Manager,
    key: Key,
    role: Text,
    sites: Sites = [],  # noqa: B006 - FastAPI copies it
) -> Any:
    """Another role or other sites; its sessions end, so that none goes on with what it may no more."""

    def act(conn: Connection, person: Person) -> list[str]:
        wanted = (person.home,) if person.home != "*" else _sites(account, sites)
        return book.change(conn, context.world, person, role, wanted, account.name)

    return _change(request, context, account, key, act)


@router.post("/{key}/disable")
def disable(request: Request, context: InContext, account: Manager, key: Key) -> Any:
    def act(conn: Connection, person: Person) -> list[str]:
        return book.disable(conn, context.world, person, account.name)

    return _change(request, context, account, key, act)


@router.post("/{key}/enable")
def enable(request: Request, context: InContext, account: Manager, key: Key) -> Any:
    def act(conn: Connection, person: Person) -> list[str]:
        return book.disable(conn, context.world, person, account.name, disabled=False)

    return _change(request, context, account, key, act)


@router.post("/{key}/end")
def end(request: Request, context: InContext, account: Manager, key: Key) -> Any:
    """End every session of an account."""

    def act(conn: Connection, person: Person) -> list[str]:
        return book.end_all(conn, context.world, person, account.name)

    return _change(request, context, account, key, act)


@router.post("/{key}/remove")
def remove(request: Request, context: InContext, account: Manager, key: Key) -> Any:
    def act(conn: Connection, person: Person) -> list[str]:
        return book.remove(conn, context.world, person, account.name)

    return _change(request, context, account, key, act)
