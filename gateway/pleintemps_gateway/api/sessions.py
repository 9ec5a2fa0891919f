"""Log-in, log-out, and the sessions of people. A token is 256 random bits; only its hash is stored."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from sqlalchemy import Connection, Row, delete, insert, select, update

from pleintemps_gateway.audit.log import record
from pleintemps_gateway.store import reading, schema
from pleintemps_gateway.store.engine import write_transaction

from . import failed
from .activity import HOUR_MS
from .auth import SESSION_COOKIE, Account, cookie_name, find_account, hash_token, is_https
from .context import Context
from .devices import device_of
from .language import LANGUAGE_COOKIE
from .passwords import MAX_LENGTH, hash_password, is_outdated, verify_password
from .problems import Problem

_YEAR_S: Final = 31_536_000


@dataclass(frozen=True, slots=True)
class NewSession:
    """``language`` is the one that its user has chosen, or empty."""

    token: str
    expires: int
    language: str = ""


def log_in(
    context: Context, name: str, password: str, address: str, *, agent: str = "", program: bool = False
) -> NewSession:
    """A new session; raises Problem 429 while failures wait, 401 for a wrong name or password alike.

    ``agent`` is the browser's name for itself; a ``program`` may pause longer than a person.
    """
    wait, via = failed.wait_for(context, name, address), "api" if program else "password"
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
    if user is None or user.disabled is not None:
        failed.write_down(context, {(row.site, row.name) for row in users}, address, via)
        raise Problem(401, "Wrong name or password.", code="wrong-login")
    failed.succeeded(context, name, address)
    with write_transaction(context.engine, [user.site]) as conn:
        if is_outdated(user.password):
            mine = (schema.users.c.site == user.site) & (schema.users.c.name == user.name)
            conn.execute(update(schema.users).where(mine).values(password=hash_password(password)))
        return start(conn, context, user, via=via, agent=agent)


def start(conn: Connection, context: Context, user: Row[Any], *, via: str, agent: str = "") -> NewSession:
    """A session of ``user`` (a row of ``users``), written down; inside ``write_transaction`` of its site."""
    now = context.world.now()
    web = context.config.web
    token, expires = context.world.random_bytes(32).hex(), now + int(web.session_h * HOUR_MS)
    table = schema.sessions.c
    conn.execute(delete(schema.sessions).where((table.expires <= now) | (table.idle_at <= now)))
    conn.execute(
        insert(schema.sessions).values(
            site=user.site,
            token_hash=hash_token(token),
            name=user.name,
            csrf=context.world.random_bytes(32).hex(),
            created=now,
            expires=expires,
            seen=now,
            idle_at=None if via == "api" else now + int(web.idle_h * HOUR_MS),
            device=device_of(agent),
            via=via,
        )
    )
    mine = (schema.users.c.site == user.site) & (schema.users.c.name == user.name)
    conn.execute(update(schema.users).where(mine).values(seen=now))
    subject = f"session/{hash_token(token)[:16]}"
    record(conn, user.site, context.world, "user.logged-in", subject, {"name": user.name, "via": via})
    return NewSession(token, expires, user.language or "")


def log_out(context: Context, account: Account) -> None:
    """End the session and every live stream that hangs on it."""
    end(context, account.home, account.name, only={account.token_hash})


def end(context: Context, home: str, name: str, *, only: set[str] | None = None, but: str = "") -> int:
    """End sessions of a user: all of them, ``only`` some, all ``but`` one, by their hashes; how many."""
    table = schema.sessions.c
    mine = (table.site == home) & (table.name == name) & (table.token_hash != but)
    if only is not None:
        mine &= table.token_hash.in_(sorted(only))
    with write_transaction(context.engine, [home]) as conn:
        found = conn.scalars(select(table.token_hash).where(mine)).all()
        conn.execute(delete(schema.sessions).where(mine))
    for token_hash in found:
        context.over(token_hash)
    return len(found)


def forget(request: Request, context: Context) -> None:
    """End the session that the browser of ``request`` still carries: a log-in is always a new one."""
    account = find_account(request)
    if account is not None and not account.bearer:
        log_out(context, account)


def give_cookie(request: Request, response: Response, session: NewSession) -> None:
    """Let the browser of ``request`` carry ``session``, out of the reach of scripts and other sites."""
    secure = is_https(request)
    response.set_cookie(
        cookie_name(request, SESSION_COOKIE), session.token, httponly=True, samesite="lax", secure=secure
    )
    if session.language:
        response.set_cookie(
            LANGUAGE_COOKIE, session.language, max_age=_YEAR_S, httponly=True, samesite="lax", secure=secure
        )


def take_cookie(request: Request, response: Response, name: str = SESSION_COOKIE) -> None:
    response.delete_cookie(
        cookie_name(request, name), httponly=True, samesite="lax", secure=is_https(request)
    )
