"""HTTP for sources: bounded in size and time, never away from https, errors without the address.

Blocking: :func:`exchange` is called in a thread.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from pleintemps_gateway.errors import FeedError

if TYPE_CHECKING:
    import httpx

MAX_BYTES: Final = 16 * 1024 * 1024
_TIMEOUT_S: Final = 20.0
ALL_S: Final = 60.0
"""For a whole exchange, however steadily it drips."""
T = TypeVar("T")


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Browser:
    """One exchange with one server: requests that share a connection."""

    def __init__(self, client: "httpx.AsyncClient") -> None:
        self._client = client

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        good: frozenset[int] = frozenset({200}),
    ) -> Reply:
        """The answer to one request; raises FeedError unless its status is ``good``."""
        asked = self._client.stream(
            method,
            url,
            headers=dict(headers or {}),
            params=params,
            json=json,
            content=content,
            follow_redirects=method == "GET",  # elsewhere a redirect would lose what is said
        )
        async with asked as answer:
            if answer.status_code not in good:
                raise FeedError(f"the server answers {answer.status_code}")
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise FeedError(f"larger than {MAX_BYTES} bytes")
            return Reply(answer.status_code, answer.headers, bytes(body))


def exchange(url: str, work: Callable[[Browser], Awaitable[T]]) -> T:
    """Do ``work``, which asks servers at or behind ``url``; raises FeedError, without the address."""
    import httpx

    try:
        return asyncio.run(_exchange(url, work))
    except TimeoutError as error:
        raise FeedError(f"cannot be fetched within {ALL_S:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        # the sentence of an HTTP error may hold the address, and an address may hold a secret
        raise FeedError(f"cannot be fetched ({type(error).__name__})") from error


async def _exchange(url: str, work: Callable[[Browser], Awaitable[T]]) -> T:
    import httpx

    first = httpx.URL(url)

    async def check(request: "httpx.Request") -> None:
        if first.scheme == "https" and request.url.scheme != "https":
            raise FeedError("the server leads away from https")
        if request.url.host != first.host and _is_inside(request.url.host):
            raise FeedError("the server leads into the local network")

    # a server that says a byte now and then never runs into a timeout of its socket
    async with (
        asyncio.timeout(ALL_S),
        httpx.AsyncClient(
            timeout=httpx.Timeout(_TIMEOUT_S), follow_redirects=True, event_hooks={"request": [check]}
        ) as client,
    ):
        return await work(Browser(client))


def _is_inside(host: str) -> bool:
    """Whether ``host`` is this machine or an address that the Internet does not route."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
