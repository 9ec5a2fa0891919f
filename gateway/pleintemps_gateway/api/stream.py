"""``GET /api/v1/live``: server-sent events of the page "Tonight". Keep-alive and headers are FastAPI's."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from pleintemps_gateway.web.fragments import View

from .auth import InContext, Reader
from .language import language_of
from .problems import Problem
from .rest import REFUSALS

router = APIRouter(prefix="/api/v1", tags=["reading"], responses=REFUSALS)


def _has_room(reader: Reader, context: InContext) -> None:
    """Raises Problem 503 where so many watch already: what a stream holds is not without bound."""
    if not context.hub.has_room(reader.token_hash):
        raise Problem(503, "Too many live pages are open.", headers={"Retry-After": "30"})


@router.get(
    "/live",
    response_class=EventSourceResponse,
    summary="Changes of the live page",
    dependencies=[Depends(_has_room)],
    responses={503: REFUSALS[429]},
)
async def live(
    request: Request, reader: Reader, context: InContext, have: Annotated[str, Query(max_length=40)] = ""
) -> AsyncIterator[ServerSentEvent]:
    """Events ``frame`` carry ``{now, frame, since, fragments: {element id: HTML}, figures: {element id: [Unix
    ms of the youngest measurement, dB, percent]}, announce: [sentence]}``: what has changed since the frame
    named ``have``, or ``Last-Event-ID``, or everything; then differences, at most one a second. ``end``
    closes the stream when the session is over.
    """
    view = View(language_of(request), reader.sites, reader.may_act)
    stream = context.hub.join(view, reader.token_hash, request.headers.get("last-event-id") or have)
    try:
        async for name, frame in stream.frames():
            yield ServerSentEvent(event="frame", raw_data=frame, id=name)
        if stream.logged_out:
            yield ServerSentEvent(event="end", raw_data="log-out")
    finally:
        context.hub.leave(stream)


@router.get("/live/since", summary="What changed on the live page since a frame")
def live_since(
    request: Request, reader: Reader, context: InContext, have: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """One frame of the stream as JSON, for a page that shares the stream of another and has missed some."""
    view, now = View(language_of(request), reader.sites, reader.may_act), context.world.now()
    drawing = context.hub.drawing
    with drawing.picture.lock:
        drawing.picture.refresh([view.sites], now)
        _, _, text = drawing.frame(view, drawing.number(have), now)
    return Response(text, media_type="application/json")
