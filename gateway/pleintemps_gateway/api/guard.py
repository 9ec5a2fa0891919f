"""Around every request: headers that keep a browser within our own files, a limit on what is sent to us."""

from typing import Final

from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 262_144
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


PERSONAL: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
"""Around pages whose address is a secret."""
SECRET_PATHS: Final = ("/b/", "/welcome/")


_FILES: Final = "/static/"
_GOOD: Final = (200, 206, 304)


class Guard:
    """Plain ASGI, so that streams pass through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                # of FastAPI's kind: whatever else is raised while a body is read, it turns into a plain 400
                raise HTTPException(413, f"A request has at most {MAX_BODY} bytes.")
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope["path"].startswith(SECRET_PATHS):
                    for name, value in PERSONAL.items():
                        headers[name] = value
                if "cache-control" not in headers:
                    headers["Cache-Control"] = _kept(scope, message["status"])
            await send(message)

        await self._app(scope, limited, guarded)


def _kept(scope: Scope, status: int) -> str:
    """How long a browser keeps the answer: a file whose address has its content's hash for ever, another file
    until it asks, a page never.
    """
    if not scope["path"].startswith(_FILES) or status not in _GOOD:
        return "no-store"
    return "public, max-age=31536000, immutable" if b"v=" in scope["query_string"] else "no-cache"
