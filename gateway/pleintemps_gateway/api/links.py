"""Secret links that nobody was given: one answer to all of them, and slower with each."""

from fastapi import Request

from .auth import address_of
from .context import Context
from .problems import Problem


def unknown_link(request: Request, context: Context) -> Problem:
    """404, or 429 for an address with many of these. Links that exist never wait.

    Kept in memory: a link has 256 random bits (that of keeping a booking 128), so what a restart forgives
    makes no guess likely; the wait only keeps a careless program off the store.
    """
    wait = context.links.begin("", address_of(request), context.world.monotonic())
    if wait:
        seconds = -(-wait // 1000)
        return Problem(429, f"Wait {seconds} s.", code="link", headers={"Retry-After": str(seconds)})
    return Problem(404, "No such page.", code="link")
