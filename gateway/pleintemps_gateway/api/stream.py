"""``GET /api/v1/live``: server-sent events of the page "Tonight". Keep-alive and headers are FastAPI's."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from pleintemps_gateway.web.render import View

from .activity import TOUCH_MS, keep_alive
from .auth import InContext, Reader
from .language import language_of
from .rest import REFUSALS

router = APIRouter(prefix="/api/v1", tags=["reading"], responses=REFUSALS)


@router.get("/live", response_class=EventSourceResponse, summary="Changes of the live page")
async def live(request: Request, reader: Reader, context: InContext) -> AsyncIterator[ServerSentEvent]:
    """Events ``frame`` carry ``{now, fragments: {element id: HTML}, announce: [sentence]}``: first the whole
    page, then differences, at most one a second. ``end`` closes the stream when the session is over.
    """
    stream = context.hub.join(View(language_of(request), reader.sites, reader.may_act), reader.token_hash)
    try:
        told = context.world.monotonic()
        async for frame in stream.frames():
            if context.world.monotonic() - told >= TOUCH_MS:
                told = context.world.monotonic()
                await asyncio.to_thread(keep_alive, context, reader.token_hash)
            yield ServerSentEvent(event="frame", raw_data=frame)
        if stream.logged_out:
            yield ServerSentEvent(event="end", raw_data="log-out")
    finally:
        context.hub.leave(stream)
