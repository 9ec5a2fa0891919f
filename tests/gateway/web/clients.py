"""Clients for the web tier: one logs in as a browser does, one reads a stream from the app itself."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from pleintemps_gateway.api.sessions import start
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.engine import write_transaction

from . import town

HEADERS = {"accept-language": "fr"}


def browser(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=HEADERS | headers)


def field(html: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name}"
    return found[1]


async def log_in(
    client: httpx.AsyncClient, name: str = "camille", password: str = town.PASSWORD
) -> httpx.Response:
    form = await client.get("/login")
    fields = {"name": name, "password": password, "csrf": field(form.text, "csrf"), "next": "/"}
    return await client.post("/login", data=fields)


async def enter(client: httpx.AsyncClient, name: str = "camille") -> None:
    """Be logged in as :func:`log_in` does it, without the price of a password."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport) and isinstance(transport.app, FastAPI)
    context = transport.app.state.context
    with context.engine.connect() as conn:
        (user,) = reading.users(conn, name)
    with write_transaction(context.engine, [user.site]) as conn:
        session = start(conn, context, user, via="password")
    client.cookies.set("pleintemps_session", session.token)


async def csrf_of(client: httpx.AsyncClient) -> str:
    """The session's token, from the page."""
    page = await client.get("/account")
    found = re.search(r'<meta name="csrf-token" content="([0-9a-f]{64})">', page.text)
    assert found
    return found[1]


class Events:
    """Server-sent events as they come; httpx's own transport would wait for the end of the stream."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = asyncio.Event()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._text = ""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        else:
            await self._chunks.put(message["body"])
            if not message.get("more_body"):
                self.ended.set()

    async def next(self) -> tuple[str, str]:
        """The next event with its data; raises TimeoutError after 10 s."""
        async with asyncio.timeout(10):
            while "\n\n" not in self._text:
                self._text += (await self._chunks.get()).decode()
        block, self._text = self._text.split("\n\n", 1)
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        return (fields["event"], fields["data"]) if fields else await self.next()

    async def frame(self) -> dict[str, Any]:
        event, data = await self.next()
        assert event == "frame"
        found: dict[str, Any] = json.loads(data)
        return found


@asynccontextmanager
async def stream(
    app: FastAPI, client: httpx.AsyncClient, path: str = "/api/v1/live"
) -> AsyncIterator[Events]:
    """The live stream with the cookies of ``client``; leaving is a browser that goes away."""
    request = client.build_request("GET", path)
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not gone.is_set() and not started.is_set():
            started.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    started = asyncio.Event()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(key.lower(), value) for key, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": ("gateway", 80),
        "state": {},
    }
    events = Events()
    task = asyncio.create_task(app(scope, receive, events))
    try:
        yield events
    finally:
        gone.set()
        async with asyncio.timeout(10):
            await task
