"""Log-out of who may want to log out of a provider as well."""

from typing import Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from .auth import Account, cookie_name, hash_token, is_https
from .context import Context
from .sessions import log_out, take_cookie

OUT_COOKIE: Final = "pleintemps_oidc_out"
"""Leads, for who has just logged out here, to what the provider wants to know of them."""
LIVES_MS: Final = 10 * 60_000
"""What is lent to a browser for its way to the provider and back."""


def log_out_here(request: Request, context: Context, account: Account) -> RedirectResponse:
    """End the session; who came by a provider may log out there too, as long as the cookie lives."""
    now = context.world.monotonic()
    hint = context.hints.take(account.token_hash, now)
    log_out(context, account)
    redirect = RedirectResponse("/login?out=1" if context.config.web.oidc else "/login", 303)
    take_cookie(request, redirect)
    if hint:
        leaving = context.world.random_bytes(32).hex()
        context.hints.keep(hash_token(leaving), hint, now + LIVES_MS, now)
        lend_cookie(request, redirect, OUT_COOKIE, leaving)
    return redirect


def took_hint(request: Request, context: Context) -> str:
    """The identity token of who logged out in this browser a moment ago, once; empty if there is none."""
    leaving = request.cookies.get(cookie_name(request, OUT_COOKIE), "")
    return context.hints.take(hash_token(leaving), context.world.monotonic()) if leaving else ""


def lend_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie for :data:`LIVES_MS`, out of the reach of scripts and other sites."""
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=LIVES_MS // 1000,
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )
