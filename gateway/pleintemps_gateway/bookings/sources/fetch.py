"""Getting a calendar's bytes, from a file or over HTTPS. Blocking: call it in a thread."""

from pathlib import Path
from typing import Final, NamedTuple

import httpx

from pleintemps_gateway.errors import FeedError

from .ical import MAX_BYTES

_TIMEOUT_S: Final = 20.0


class Fetched(NamedTuple):
    """``data`` is None when the source says that nothing changed since ``etag``."""

    data: bytes | None
    etag: str | None


def fetch(url: str, etag: str | None) -> Fetched:
    """Read ``url``, a path or an http(s) address; raises FeedError, one line without the address."""
    if not url.startswith(("https://", "http://")):
        return _read_file(Path(url), etag)
    headers = {"Accept": "text/calendar"} | ({"If-None-Match": etag} if etag else {})
    try:
        wait = httpx.Timeout(_TIMEOUT_S)
        with httpx.stream("GET", url, headers=headers, timeout=wait, follow_redirects=True) as answer:
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return Fetched(None, etag)
            if answer.status_code != httpx.codes.OK:
                raise FeedError(f"the server answers {answer.status_code}")
            data = bytearray()
            for chunk in answer.iter_bytes():
                data += chunk
                if len(data) > MAX_BYTES:
                    raise FeedError(f"larger than {MAX_BYTES} bytes")
            tag = answer.headers.get("ETag")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # the sentence of an HTTP error may hold the address, and an address may hold a secret
        raise FeedError(f"cannot be fetched ({type(error).__name__})") from error
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
