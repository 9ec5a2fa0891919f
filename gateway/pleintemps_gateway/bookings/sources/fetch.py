"""Getting a document's bytes, from a file or over HTTPS. Blocking: call it in a thread."""

from pathlib import Path
from typing import Final, NamedTuple

from pleintemps_gateway.errors import FeedError

from .web import MAX_BYTES, Browser, exchange

_OK: Final = frozenset({200, 304})
_NOT_MODIFIED: Final = 304


class Fetched(NamedTuple):
    """``data`` is None when the source says that nothing changed since ``etag``."""

    data: bytes | None
    etag: str | None


def fetch(url: str, etag: str | None, accept: str = "text/calendar") -> Fetched:
    """Read ``url``, a path or an http(s) address; raises FeedError, one line without the address."""
    if not url.startswith(("https://", "http://")):
        return _read_file(Path(url), etag)

    async def work(browser: Browser) -> Fetched:
        headers = {"Accept": accept} | ({"If-None-Match": etag} if etag else {})
        reply = await browser.ask("GET", url, headers=headers, good=_OK)
        if reply.status == _NOT_MODIFIED:
            return Fetched(None, etag)
        tag = reply.headers.get("ETag")
        return Fetched(reply.body, tag[:200] if tag else None)

    return exchange(url, work)


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
