"""Getting a calendar's bytes, from a file or over HTTPS. Blocking: call it in a thread."""

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from pleintemps_gateway.errors import FeedError

from .ical import MAX_BYTES

_TIMEOUT_S: Final = 20.0
ALL_S: Final = 60.0
"""For the whole answer, however steadily it drips."""


class Fetched(NamedTuple):
    """``data`` is None when the source says that nothing changed since ``etag``."""

    data: bytes | None
    etag: str | None


def fetch(url: str, etag: str | None) -> Fetched:
    """Read ``url``, a path or an http(s) address; raises FeedError, one line without the address."""
    if not url.startswith(("https://", "http://")):
        return _read_file(Path(url), etag)
    try:
        return asyncio.run(_get(url, etag))
    except TimeoutError as error:
        raise FeedError(f"cannot be fetched within {ALL_S:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # the sentence of an HTTP error may hold the address, and an address may hold a secret
        raise FeedError(f"cannot be fetched ({type(error).__name__})") from error


async def _get(url: str, etag: str | None) -> Fetched:
    secure = url.startswith("https://")

    async def check(request: httpx.Request) -> None:
        if secure and request.url.scheme != "https":
            raise FeedError("the server leads away from https")

    headers = {"Accept": "text/calendar"} | ({"If-None-Match": etag} if etag else {})
    wait = httpx.Timeout(_TIMEOUT_S)
    # a server that says a byte now and then never runs into a timeout of its socket
    async with (
        asyncio.timeout(ALL_S),
        httpx.AsyncClient(timeout=wait, follow_redirects=True, event_hooks={"request": [check]}) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return Fetched(None, etag)
        if answer.status_code != httpx.codes.OK:
            raise FeedError(f"the server answers {answer.status_code}")
        data = bytearray()
        async for chunk in answer.aiter_bytes():
            data += chunk
            if len(data) > MAX_BYTES:
                raise FeedError(f"larger than {MAX_BYTES} bytes")
        tag = answer.headers.get("ETag")
    return Fetched(bytes(data), tag[:200] if tag else None)


def _read_file(path: Path, etag: str | None) -> Fetched:
    try:
        status = path.stat()
        tag = f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
        if tag == etag:
            return Fetched(None, etag)
        if status.st_size > MAX_BYTES:
            raise FeedError(f"larger than {MAX_BYTES} bytes")
        return Fetched(path.read_bytes(), tag)
    except FeedError:
        raise
    except OSError as error:
        raise FeedError(error.strerror or str(error)) from error
