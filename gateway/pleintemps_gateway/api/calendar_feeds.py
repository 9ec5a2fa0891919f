"""Bookings as iCalendar for whoever holds the secret address."""

import hashlib
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from pleintemps_gateway.connections import calendars
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.booked_calendar import to_ics

from .auth import InContext
from .context import Context
from .links import unknown_link

CACHE_S: Final = 300
router = APIRouter(include_in_schema=False)
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$")]


@router.get("/calendars/{token}.ics")
async def read_calendar(request: Request, context: InContext, token: Token) -> Response:
    """Who asks too often with addresses that nobody was given waits."""
    content = await run_in_threadpool(_read, context, token)
    if content is None:
        raise unknown_link(request, context)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={CACHE_S}", "X-Robots-Tag": "noindex"}
    headers["Referrer-Policy"] = "no-referrer"
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


def _read(context: Context, token: str) -> bytes | None:
    now = context.world.now()
    with context.engine.connect() as conn:
        row = calendars.find(conn, token)
        site = next((each for each in context.config.sites if row and each.site == row.site), None)
        if row is None or site is None:
            return None
        rows = calendars.read_bookings(conn, site.site, row.space, now)
    if calendars.is_unnoted(row, now):
        with write_transaction(context.engine, [site.site]) as conn:
            calendars.note_read(conn, row, now)
    return to_ics(site, row.space, rows, titles=row.titles)
