"""One POST to somebody else's server: never into the local network unless that is allowed, never for long.

The name is resolved here and the connection goes to the very address that was judged, so a name that points
elsewhere a moment later gains nothing. Redirects are not followed and the answer's body is not read.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import httpcore

from pleintemps_gateway.errors import PostError, WebhookError

ALL_S: Final = 15.0
"""For a whole exchange, however steadily it drips."""
MAX_URL: Final = 500
_GONE: Final = 410
_GOOD: Final = range(200, 300)
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # RFC 6052, RFC 8215
_Address = IPv4Address | IPv6Address


class Networks:
    """Which addresses may be reached: the public Internet, and what is ``allowed``."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(each) for each in allowed)

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def is_own(self, address: _Address) -> bool:
        """Whether it lies in a network of one's own that is allowed."""
        return any(address.version == network.version and address in network for network in self._allowed)

    def may_reach(self, address: _Address) -> bool:
        inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        real = inner or address
        if isinstance(real, IPv6Address) and (
            real.sixtofour or real.teredo or any(real in each for each in _NAT64)
        ):
            return self.is_own(real)  # an address of IPv4 is hidden in it
        return self.is_own(real) or (real.is_global and not real.is_multicast)


def check_url(url: str, networks: Networks) -> str:
    """``url`` as it will be used; raises WebhookError for one that will never be."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise WebhookError("address", "this is no address") from error
    if not host or len(url) > MAX_URL or parts.username or parts.fragment or port == 0:
        raise WebhookError("address", "this is no address of a server")
    if not url.isascii() or not url.strip().isprintable() or " " in url.strip():
        raise WebhookError("address", "an address has plain letters only")
    if parts.scheme != "https" and not (parts.scheme == "http" and networks):
        raise WebhookError("not-https", "webhooks go by https")
    try:
        literal = ip_address(host)
    except ValueError:
        return url.strip()
    if not networks.may_reach(literal):
        raise WebhookError("private", "this address is in a private network")
    return url.strip()


class Poster:
    """Makes the requests. Safe for several at once on one event loop."""

    def __init__(self, networks: Networks, all_s: float = ALL_S) -> None:
        self._networks = networks
        self._all_s = all_s
        self._tls = ssl.create_default_context()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Return once the server has answered 2xx; raises PostError."""
        status = await self.answer(url, headers, body)
        if status not in _GOOD:
            raise PostError(f"the server answers {status}", gone=status == _GONE)

    async def answer(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of whatever the server answers; raises PostError where it does not."""
        backend = _Backend(self._networks, plain=url.startswith("http:"))
        try:
            async with (
                asyncio.timeout(self._all_s),
                httpcore.AsyncConnectionPool(
                    ssl_context=self._tls, network_backend=backend, max_connections=1
                ) as pool,
                pool.stream("POST", url, headers=list(headers.items()), content=body) as answer,
            ):
                return answer.status
        except PostError:
            raise
        except TimeoutError as error:
            raise PostError(f"no answer within {self._all_s:g} s") from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise PostError(f"cannot be reached ({type(error).__name__})") from error
        except (httpcore.UnsupportedProtocol, UnicodeError, ValueError) as error:
            raise PostError(f"its address cannot be used ({type(error).__name__})") from error


class _Backend(httpcore.AsyncNetworkBackend):
    """Resolves, judges, and connects to what was judged."""

    def __init__(self, networks: Networks, *, plain: bool) -> None:
        self._networks = networks
        self._plain = plain
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await _resolve(host, port)
        good = [each for each in found if self._networks.may_reach(each)]
        if self._plain:
            good = [each for each in good if self._networks.is_own(each)]
        if not good:
            raise PostError("its name leads into a private network, which is not allowed")
        failure: httpcore.ConnectError | None = None
        for address in good:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure or httpcore.ConnectError()


async def _resolve(host: str, port: int) -> Sequence[_Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PostError("its name is not known") from error
    return [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
