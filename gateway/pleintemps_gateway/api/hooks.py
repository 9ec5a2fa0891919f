"""Webhooks: what a booking platform tells without being asked.

Nothing is read before the signature is checked. A feed that is not there and a signature that is wrong look
alike and take equally long, so that nobody learns which feeds there are; refusals are counted after the
answer.
"""

from typing import Any, Final

import msgspec
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy import Connection, select
from starlette.background import BackgroundTask

from pleintemps_gateway.bookings.sources.calcom import SIGNATURE, Link, hear, younger
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import CalendarError, FeedError
from pleintemps_gateway.ingest.refusals import reason_of
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import hooked
from pleintemps_gateway.store.upsert import upsert

from .auth import InContext
from .context import Context
from .hooks_config import Hook
from .problems import Problem, not_found
from .schemas import ErrorBody, SlugText

UNSIGNED: Final = "webhook: its signature is not that of the secret"
TOO_LARGE: Final = "webhook: more than 256 KiB"
_DAY_MS: Final = 86_400_000
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody} for status in (404, 413, 422, 503)
}

router = APIRouter(tags=["webhooks"], responses=_REFUSALS)


@router.post(
    "/hooks/{site}/{feed}",
    status_code=204,
    summary="A webhook of a booking platform, signed with the feed's secret",
    openapi_extra={
        "parameters": [
            {
                "name": SIGNATURE,
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": "Hexadecimal HMAC-SHA256 of the raw body",
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    },
)
async def hear_hook(request: Request, context: InContext, site: SlugText, feed: SlugText) -> Response:
    """Takes Cal.com's own payload. What was told before, or tells of no booking, is accepted and changes
    nothing."""
    hook = context.hooks.find(site, feed)
    try:
        body = await request.body()
    except HTTPException:
        return _refuse(context, hook, Problem(413, "A webhook has at most 256 KiB."), TOO_LARGE)
    signature = request.headers.get(SIGNATURE, "")
    return await run_in_threadpool(_take, context, hook, body, signature)


def _take(context: Context, hook: Hook | None, body: bytes, signature: str) -> Response:
    try:
        signed = context.hooks.is_signed(hook, body, signature)
    except FeedError as error:
        problem = Problem(503, "Webhooks cannot be checked now; it is shown on the page of health.")
        return _refuse(context, hook, problem, f"webhook: {error}")
    if hook is None or not signed:
        return _refuse(context, hook, not_found("hook"), UNSIGNED)
    try:
        link = hear(body)
    except CalendarError as error:
        return _refuse(context, hook, Problem(422, str(error), where="body"), reason_of(str(error)))
    if link is not None:
        now = context.world.now()
        with write_transaction(context.engine, [hook.site.site]) as conn:
            keep(conn, hook.site, hook.feed, link, now)
    return Response(status_code=204)


def keep(conn: Connection, site: SiteConfig, feed: str, link: Link, now: int) -> bool:
    """Store what a webhook told, unless something younger is known or it is long over; whether it is news."""
    if link.end < now - site.privacy.access_days * _DAY_MS:
        return False
    mine = (hooked.c.site == site.site) & (hooked.c.feed == feed) & (hooked.c.uid == link.uid)
    body = conn.scalar(select(hooked.c.body).where(mine))
    old = None if body is None else msgspec.json.decode(body, type=Link)
    new = younger(old, link)
    if new == old:
        return False
    text = msgspec.json.encode(new).decode()
    row = {"site": site.site, "feed": feed, "uid": new.uid, "body": text, "at": now, "ends": new.end}
    upsert(conn, hooked, [row])
    record_change(conn, site.site, "hooked", feed, now)
    return True


def _refuse(context: Context, hook: Hook | None, problem: Problem, reason: str) -> Response:
    count = BackgroundTask(_count, context, hook, reason)
    return JSONResponse(problem.body(), problem.status, headers=problem.headers, background=count)


def _count(context: Context, hook: Hook | None, reason: str) -> None:
    if hook is not None:
        context.tally.add(hook.site.site, f"hook/{hook.feed}", reason)
