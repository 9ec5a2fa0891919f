"""Who asks, and what a request may do. Every page and call names the right that it needs by one of

    account: Annotated[Account, Depends(Reads(Right.LOOK))]      shows something
    account: Annotated[Account, Depends(Posts(Right.DOORS))]     a form: the page's token is checked
    account: Annotated[Account, Depends(Calls(Right.BOOK))]      REST: the token in a header, or a bearer

or by the names at the end of this file. The rights stand in :mod:`.rights`.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Final

from fastapi import Depends, Form, Request

from pleintemps_gateway.store import reading

from .activity import keep_alive
from .context import Context, context_of
from .problems import Problem
from .rights import MANAGER, Right, may

SESSION_COOKIE: Final = "pleintemps_session"
# Proves that a form came from our own page: before log-in in a cookie of its own, afterwards in the session.
FORM_COOKIE: Final = "pleintemps_form"
CSRF_HEADER: Final = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks. ``sites`` is what they may see; ``bearer`` tells a program from a browser.

    ``home`` is the site of their row in the store, ``*`` for who looks after several.
    """

    name: str
    role: str
    sites: tuple[str, ...]
    csrf: str
    token_hash: str
    bearer: bool
    home: str = reading.EVERY_SITE
    theme: str = ""
    everywhere: bool = False

    def may(self, right: Right | str) -> bool:
        """Whether the role has ``right``; templates give its word."""
        return may(self.role, Right(right))

    @property
    def may_act(self) -> bool:
        """Viewers look and touch nothing."""
        return self.may(Right.ALERTS)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_https(request: Request) -> bool:
    return request.url.scheme == "https"


def cookie_name(request: Request, name: str) -> str:
    """Over https a browser takes such a cookie from this very host only, and sends it to no other."""
    return f"__Host-{name}" if is_https(request) else name


def address_of(request: Request) -> str:
    """Whom a limit counts: an IPv4 address, or a network of IPv6 (/64), which is one subscriber's."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]  # a socket that is none of the Internet's
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), 64), strict=False))


def find_account(request: Request) -> Account | None:
    """Who asks, by the ``Authorization: Bearer`` header or the session cookie; None for nobody.

    A session that is used is kept from ending for want of use.
    """
    context = context_of(request)
    header = request.headers.get("authorization", "")
    bearer = header[:7].lower() == "bearer "
    token = header[7:].strip() if bearer else request.cookies.get(cookie_name(request, SESSION_COOKIE), "")
    if not token:
        return None
    token_hash, now = hash_token(token), context.world.now()
    with context.engine.connect() as conn:
        row = reading.session(conn, token_hash, now)
    if row is None:
        return None
    keep_alive(context, [row])
    known = tuple(site.site for site in context.config.sites)
    sites = sites_of(row.site, row.user_sites, known)
    everywhere = row.site == reading.EVERY_SITE and row.user_sites is None
    return Account(
        row.name, row.role, sites, row.csrf, token_hash, bearer, row.site, row.theme or "", everywhere
    )


def sites_of(home: str, listed: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the configuration that a user sees: ``home`` and ``listed`` are as the store has them."""
    if home != reading.EVERY_SITE:
        return tuple(site for site in known if site == home)
    wanted = known if listed is None else json.loads(listed)
    return tuple(site for site in known if site in wanted)


def require_reader(account: Annotated[Account | None, Depends(find_account)]) -> Account:
    """FastAPI dependency of everything that needs a log-in; raises Problem 401."""
    if account is None:
        raise Problem(401, "Log in first.", headers={"WWW-Authenticate": "Bearer"})
    return account


def check_right(account: Account, right: Right) -> Account:
    """Raises Problem 403; who is of no building any more has their account alone."""
    if not account.sites and right is not Right.OWN:
        raise Problem(403, "This account looks after no building any more.", code="no-site")
    if account.may(right):
        return account
    if not account.may_act:
        raise Problem(403, "This account may look only.", code="read-only")
    if may(MANAGER, right) and not may("caretaker", right):
        raise Problem(403, "This is for managers.", code="managers-only")
    raise Problem(403, "This account may not do that.", code="not-allowed")


def check_role(account: Account) -> Account:
    """For what a page decides by itself; otherwise a page names its right."""
    return check_right(account, Right.ALERTS)


def check_csrf(expected: str, given: str) -> None:
    """Raises Problem 403 unless the form or call came from our own page."""
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise Problem(403, "The token is missing or old: load the page anew.", where="csrf", code="csrf")


@dataclass(frozen=True, slots=True)
class Reads:
    """FastAPI dependency of what shows something; raises Problem 401 or 403."""

    right: Right

    def __call__(self, account: Annotated[Account, Depends(require_reader)]) -> Account:
        return check_right(account, self.right)


@dataclass(frozen=True, slots=True)
class Posts:
    """FastAPI dependency of a form of our pages, with its hidden field ``csrf``; as :class:`Reads`."""

    right: Right

    def __call__(
        self,
        account: Annotated[Account, Depends(require_reader)],
        csrf: Annotated[str, Form(max_length=128)] = "",
    ) -> Account:
        check_csrf(account.csrf, csrf)
        return check_right(account, self.right)


@dataclass(frozen=True, slots=True)
class Calls:
    """FastAPI dependency of API calls that change something; as :class:`Reads`.

    A browser's cookie travels by itself, so the page's token must come with it; a bearer token needs none.
    """

    right: Right

    def __call__(self, request: Request, account: Annotated[Account, Depends(require_reader)]) -> Account:
        if not account.bearer:
            check_csrf(account.csrf, request.headers.get(CSRF_HEADER, ""))
        return check_right(account, self.right)


Reader = Annotated[Account, Depends(Reads(Right.LOOK))]
Actor = Annotated[Account, Depends(Calls(Right.ALERTS))]
Helper = Annotated[Account, Depends(Calls(Right.HELP))]
Manager = Annotated[Account, Depends(Calls(Right.BOOK))]
Visitor = Annotated[Account | None, Depends(find_account)]
InContext = Annotated[Context, Depends(context_of)]
