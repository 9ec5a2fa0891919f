"""The console as a page, for a tester with a tablet: big buttons, and the building as it is now.

It listens on this machine only, or elsewhere with a token that every look and every order has to bring.
Orders come from our own page alone: their header can be sent by no other, and an ``Origin`` has to be ours.
"""

import asyncio
import contextlib
import hmac
import socket
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pleintemps_contract.world import World
from pleintemps_firmware_sim.control import ask, watch
from pleintemps_firmware_sim.errors import ControlError, PortBusyError

from . import words
from .acts import Goal, Order
from .lines import fact_line, frame_text, way
from .views import ActView, Change, Picture, Seen

HERE: Final = "127.0.0.1"
HEADER: Final = "X-Pleintemps"
"""An order brings it, whatever it says: a page of another origin cannot send it unasked."""
_OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_LONGEST: Final = 4_096
_TOKEN_BYTES: Final = 18
_FILES: Final = {
    "/": ("panel.html", "text/html"),
    "/panel.js": ("panel.js", "text/javascript"),
    "/panel.css": ("panel.css", "text/css"),
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_GOALS: Final[tuple[Goal, ...]] = ("door", "space", "agent", "device", "building")

Answer = Callable[[Request], Awaitable[Response]]


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """Something on the page with its buttons, ``acts`` by their words."""

    goal: Goal
    name: str
    says: str
    acts: list[str]


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """First event, ``begin``: what the page is made of."""

    says: str
    things: list[Thing]
    acts: dict[str, ActView]


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """Event ``now``: states that are other than before, by goal and name; new facts; last frames by line."""

    clock: str
    states: dict[str, str]
    facts: list[str]
    frames: dict[str, str]


def make_token(host: World) -> str:
    """One for a run."""
    return urlsafe_b64encode(host.random_bytes(_TOKEN_BYTES)).decode()


def make_app(data: Path, token: str | None) -> Starlette:
    """The page over what runs in ``data``. ``token`` None: for a listener on this machine only."""
    guard = _Guard(token)

    async def file(request: Request) -> Response:
        name, kind = _FILES[request.url.path]
        return Response((resources.files(__package__) / "page" / name).read_bytes(), media_type=kind)

    async def events(_request: Request) -> Response:
        return StreamingResponse(_events(data), media_type="text/event-stream")

    async def orders(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST:
                return _refused(413, f"an order has at most {_LONGEST} bytes")
        try:
            order = msgspec.json.decode(body, type=Order)
        except msgspec.MsgspecError as error:
            return _refused(400, str(error))
        try:
            return JSONResponse({"text": await ask(data, order)})
        except ControlError as error:
            return _refused(409, str(error))

    routes = [Route(path, guard.near(file)) for path in _FILES]
    routes.append(Route("/events", guard.near(guard.known(events))))
    routes.append(Route("/orders", guard.near(guard.known(guard.ours(orders))), methods=["POST"]))
    return Starlette(routes=routes)


def _refused(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status, _HEADERS)


class _Guard:
    """Who may ask for what."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def near(self, answer: Answer) -> Answer:
        """Without a token only under this machine's own names: another name could be made to lead here."""

        async def guarded(request: Request) -> Response:
            name = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
            if self._token is None and name not in _OWN_NAMES:
                return _refused(403, "wrong host")
            response = await answer(request)
            response.headers.update(_HEADERS)
            return response

        return guarded

    def known(self, answer: Answer) -> Answer:
        """With the token, where there is one."""

        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self._token is not None and not hmac.compare_digest(given.encode(), self._token.encode()):
                return _refused(401, "the token is missing or wrong: open the address that was printed")
            return await answer(request)

        return guarded

    def ours(self, answer: Answer) -> Answer:
        """From our own page, or from a program."""

        async def guarded(request: Request) -> Response:
            origin = request.headers.get("origin")
            own = f"{request.url.scheme}://{request.headers.get('host', '')}"
            if HEADER not in request.headers or origin not in (None, own):
                return _refused(403, "orders come from the page itself")
            return await answer(request)

        return guarded


async def _events(data: Path) -> AsyncIterator[bytes]:
    """Server-sent events for one page; the last one says why there are no more."""
    page: _Page | None = None
    try:
        async with contextlib.aclosing(watch(data)) as stream:
            async for one in stream:
                if isinstance(one, Picture):
                    page = _Page(one)
                    yield _event("begin", page.begin())
                elif page is not None:
                    yield _event("now", page.now(one))
    except ControlError as error:
        yield _event("end", {"error": str(error)})


def _event(name: str, body: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(body))


class _Page:
    """What one page has been told."""

    def __init__(self, picture: Picture) -> None:
        self._seen = Seen(picture)
        self._told: dict[str, str] = {}

    def begin(self) -> Begin:
        picture = self._seen.picture
        things = [
            Thing(
                goal=goal,
                name=name,
                says=picture.names.get(f"{goal} {name}", ""),
                acts=[act.act for act in self._seen.acts_on(goal, name)],
            )
            for goal in _GOALS
            for name in picture.goals[goal]
        ]
        return Begin(says=picture.says, things=things, acts={act.act: act for act in picture.acts})

    def now(self, change: Change) -> Now:
        seen = self._seen
        seen.apply(change)
        states = {
            f"{goal} {name}": words.state(seen, goal, name)
            for goal in _GOALS
            for name in seen.picture.goals[goal]
        }
        fresh = {key: state for key, state in states.items() if self._told.get(key) != state}
        self._told |= fresh
        return Now(
            clock=seen.clock(change.at),
            states=fresh,
            facts=[f"{seen.clock(fact.at)} {fact_line(fact)}" for fact in change.facts],
            frames={f"{frame.line} {way(frame)}": frame_text(frame) for frame in change.frames},
        )


class _Server(uvicorn.Server):
    """Signals are for who runs us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(address: str, port: int) -> socket.socket:
    """Raises PortBusyError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        raise PortBusyError(f"{address} port {port}: {error.strerror or error}") from error


async def serve(data: Path, listener: socket.socket, token: str | None) -> None:
    """Serve the page until cancelled."""
    config = uvicorn.Config(
        make_app(data, token), log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
    )
    server = _Server(config)
    work: asyncio.Task[Any] = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        server.should_exit = True
        await work
        raise


def address_of(listener: socket.socket, token: str | None) -> str:
    """What to type into a browser; the token is in the part that browsers send to nobody."""
    name, port = listener.getsockname()[:2]
    host = f"[{name}]" if ":" in name else name
    return f"http://{host}:{port}/" + (f"#{token}" if token else "")
