"""Log-in, sessions, and what a request may do. A token is 256 random bits; only its hash is stored."""

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Final

from fastapi import Depends, Request
from sqlalchemy import delete, insert

from pleintemps_gateway.audit.log import record
from pleintemps_gateway.store import reading, schema
from pleintemps_gateway.store.engine import write_transaction

from .context import Context, context_of
from .passwords import MAX_LENGTH, verify_password
from .problems import Problem

SESSION_COOKIE: Final = "pleintemps_session"
# Proves that a form came from our own page: before log-in in a cookie of its own, afterwards in the session.
FORM_COOKIE: Final = "pleintemps_form"
CSRF_HEADER: Final = "X-CSRF-Token"
_ACTING_ROLES: Final = frozenset({"caretaker", "manager", "tester"})
MANAGER: Final = "manager"
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks. ``sites`` is what they may see; ``bearer`` tells a program from a browser."""

    name: str
    role: str
    sites: tuple[str, ...]
    csrf: str
    token_hash: str
    bearer: bool

    @property
    def may_act(self) -> bool:
        """Viewers look and touch nothing."""
        return self.role in _ACTING_ROLES


@dataclass(frozen=True, slots=True)
class NewSession:
    token: str
    expires: int


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


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


def log_in(context: Context, name: str, password: str, address: str) -> NewSession:
    """A new session; raises Problem 429 while failures wait, 401 for a wrong name or password alike."""
    wait = context.throttle.begin(name, address, context.world.monotonic())
    if wait:
        seconds = -(-wait // 1000)
        raise Problem(
            429, f"Too many failed log-ins; wait {seconds} s.", headers={"Retry-After": str(seconds)}
        )
    with context.engine.connect() as conn:
        users = reading.users(conn, name) if len(password) <= MAX_LENGTH else []
    user = next((row for row in users if verify_password(row.password, password)), None)
    if not users:
        verify_password(None, password[:MAX_LENGTH])
    if user is None:
        raise Problem(401, "Wrong name or password.", code="wrong-login")
    context.throttle.succeeded(name, address)
    now = context.world.now()
    session = NewSession(
        token=context.world.random_bytes(32).hex(),
        expires=now + int(context.config.web.session_h * _HOUR_MS),
    )
    with write_transaction(context.engine, [user.site]) as conn:
        conn.execute(delete(schema.sessions).where(schema.sessions.c.expires <= now))
        conn.execute(
            insert(schema.sessions).values(
                site=user.site,
                token_hash=hash_token(session.token),
                name=user.name,
                csrf=context.world.random_bytes(32).hex(),
                created=now,
                expires=session.expires,
            )
        )
        subject = f"session/{hash_token(session.token)[:16]}"
        record(conn, user.site, context.world, "user.logged-in", subject, {"name": user.name})
    return session


def log_out(context: Context, account: Account) -> None:
    """End the session and every live stream that hangs on it."""
    with write_transaction(context.engine, account.sites) as conn:
        conn.execute(delete(schema.sessions).where(schema.sessions.c.token_hash == account.token_hash))
    context.hub.end_session(account.token_hash)


def find_account(request: Request) -> Account | None:
    """Who asks, by the ``Authorization: Bearer`` header or the session cookie; None for nobody."""
    context = context_of(request)
    header = request.headers.get("authorization", "")
    bearer = header[:7].lower() == "bearer "
    token = header[7:].strip() if bearer else request.cookies.get(SESSION_COOKIE, "")
    if not token:
        return None
    token_hash = hash_token(token)
    with context.engine.connect() as conn:
        row = reading.session(conn, token_hash, context.world.now())
    if row is None:
        return None
    known = tuple(site.site for site in context.config.sites)
    sites = known if row.site == reading.EVERY_SITE else tuple(site for site in known if site == row.site)
    return Account(row.name, row.role, sites, row.csrf, token_hash, bearer)


def require_reader(account: Annotated[Account | None, Depends(find_account)]) -> Account:
    """FastAPI dependency of everything that needs a log-in; raises Problem 401."""
    if account is None:
        raise Problem(401, "Log in first.", headers={"WWW-Authenticate": "Bearer"})
    return account


def require_actor(request: Request, account: Annotated[Account, Depends(require_reader)]) -> Account:
    """FastAPI dependency of API calls that change something; raises Problem 403.

    A browser's cookie travels by itself, so the page's token must come with it; a bearer token needs none.
    """
    if not account.bearer:
        check_csrf(account.csrf, request.headers.get(CSRF_HEADER, ""))
    return check_role(account)


def require_manager(actor: Annotated[Account, Depends(require_actor)]) -> Account:
    """FastAPI dependency of calls that change bookings and groups; raises Problem 403."""
    if actor.role != MANAGER:
        raise Problem(403, "This is for managers.", code="managers-only")
    return actor


def check_role(account: Account) -> Account:
    if not account.may_act:
        raise Problem(403, "This account may look only.", code="read-only")
    return account


def check_csrf(expected: str, given: str) -> None:
    """Raises Problem 403 unless the form or call came from our own page."""
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise Problem(403, "The token is missing or old: load the page anew.", where="csrf", code="csrf")


Reader = Annotated[Account, Depends(require_reader)]
Actor = Annotated[Account, Depends(require_actor)]
Manager = Annotated[Account, Depends(require_manager)]
Visitor = Annotated[Account | None, Depends(find_account)]
InContext = Annotated[Context, Depends(context_of)]
