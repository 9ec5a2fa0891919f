"""How an agent gets its keys: the one-time token, and what agent and gateway say to each other over TLS.

A token is ``PTE1.`` and base64url of 48 bytes: 16 random ones, and the SHA-256 of the site authority's
certificate (DER), by which the agent knows the gateway before it says anything secret. Gateways keep a hash.

One connection is one request and one answer, each a line of JSON. The first connection believes nobody: it
asks for the authority alone. Every other one believes that authority, and expects the name :data:`DESK`.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Struct

from .errors import TokenError
from .identifiers import Slug
from .keyfiles import Purpose
from .units import UnixMs

PORT: Final = 8884
DESK: Final = "enrolment.pleintemps.internal"
"""The name in the certificate of the gateway's desk, under whatever address it is reached."""
MAX_LINE: Final = 16_384
"""Bytes of a request or an answer."""
TOKEN_PREFIX: Final = "PTE1."
_SECRET: Final = 16
_FINGERPRINT: Final = 32
_LENGTH: Final = len(TOKEN_PREFIX) + 64

Pem = Annotated[str, Meta(max_length=4_096)]


class EnrolmentToken(NamedTuple):
    """``text`` is told once; ``authority`` is the SHA-256 of the authority's certificate."""

    text: str
    authority: bytes

    @property
    def hash(self) -> str:
        """What a gateway keeps of it."""
        return token_hash(self.text)

    def is_of(self, certificate: bytes) -> bool:
        """Whether this certificate (DER) is that of the token's authority."""
        return hmac.compare_digest(hashlib.sha256(certificate).digest(), self.authority)


def token_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_token(secret: bytes, certificate: bytes) -> EnrolmentToken:
    """The token of 16 random bytes for the authority with this certificate (DER)."""
    if len(secret) != _SECRET:
        raise ValueError(f"{len(secret)} bytes, {_SECRET} wanted")
    authority = hashlib.sha256(certificate).digest()
    return EnrolmentToken(TOKEN_PREFIX + base64.urlsafe_b64encode(secret + authority).decode(), authority)


def read_token(text: str) -> EnrolmentToken:
    """The token in ``text``; raises TokenError, which never holds the text."""
    if len(text) != _LENGTH or not text.startswith(TOKEN_PREFIX):
        raise TokenError(f"not a token: {_LENGTH} characters that begin with {TOKEN_PREFIX} are wanted")
    try:
        data = base64.b64decode(text.removeprefix(TOKEN_PREFIX), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenError("not a token: it was not copied whole") from error
    return EnrolmentToken(text, data[-_FINGERPRINT:])


class AskAuthority(Struct, frozen=True, kw_only=True, tag="authority"):
    """Who is the authority here? Whoever asks believes nobody yet."""


class Enrol(Struct, frozen=True, kw_only=True, tag="enrol"):
    """``request`` is a certificate request (PKCS #10, PEM) for a key that stays with the agent. The name in
    it does not count: the token's does.
    """

    token: Annotated[str, Meta(max_length=200)]
    request: Pem


class Renew(Struct, frozen=True, kw_only=True, tag="renew"):
    """Said under the present certificate, which names the agent."""

    request: Pem


class Confirm(Struct, frozen=True, kw_only=True, tag="confirm"):
    """Said under a new certificate, to see that it works before the old one goes."""


Request = AskAuthority | Enrol | Renew | Confirm


class Authority(Struct, frozen=True, kw_only=True, tag="authority"):
    """``now`` is the gateway's clock, a hint for who is told that a certificate is not valid yet."""

    certificate: Pem
    now: UnixMs


class Enrolled(Struct, frozen=True, kw_only=True, tag="enrolled"):
    """All that an agent needs beside its own key. ``broker`` is ``mqtts://host:port``; ``pepper`` and
    ``gateway_keys`` are base64.
    """

    site: Slug
    agent: Slug
    purpose: Purpose
    pepper: Annotated[str, Meta(max_length=64)]
    gateway_keys: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=2)]
    certificate: Pem
    broker: Annotated[str, Meta(max_length=300)]


class Renewed(Struct, frozen=True, kw_only=True, tag="renewed"):
    certificate: Pem


class Confirmed(Struct, frozen=True, kw_only=True, tag="confirmed"):
    """The certificate under which this was asked is good."""


class Denied(Struct, frozen=True, kw_only=True, tag="denied"):
    """``reason`` is ``token``, ``expired``, ``used``, ``request``, ``certificate``, ``shut-out`` or ``wait``
    (with ``wait_s``).
    """

    reason: Annotated[str, Meta(max_length=40)]
    wait_s: Annotated[int, Meta(ge=0, le=86_400)] = 0


Answer = Authority | Enrolled | Renewed | Confirmed | Denied
