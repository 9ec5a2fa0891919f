"""The signed envelope: one header line, a line feed, the body.

The signature (Ed25519, RFC 8032) covers ``pleintemps/v1``, NUL, the full topic, NUL, the exact bytes of
the body. A message for one agent is therefore worthless at another, and so is one moved between channels.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import EnvelopeError
from .identifiers import KeyId
from .topics import PREFIX

MAX_TRUSTED_KEYS: Final = 2
_MAX_HEADER: Final = 512


class EnvelopeFault(StrEnum):
    NO_HEADER = "no-envelope"
    BAD_HEADER = "bad-header"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    alg: Literal["Ed25519"]
    kid: KeyId
    sig: str


_HEADER: Final = msgspec.json.Decoder(Header)


def signed_bytes(topic: str, body: bytes) -> bytes:
    """What a signature covers."""
    return b"\0".join((PREFIX.encode(), topic.encode(), body))


def key_id(public: Ed25519PublicKey) -> str:
    """Name of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 raw bytes."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


class Signer:
    """Holds the gateway's private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key()
        self.kid = key_id(self.public)

    def seal(self, topic: str, body: bytes) -> bytes:
        """Envelope for ``body`` on exactly ``topic``."""
        signature = base64.b64encode(self._private.sign(signed_bytes(topic, body))).decode()
        return msgspec.json.encode(Header(alg="Ed25519", kid=self.kid, sig=signature)) + b"\n" + body


class TrustedKeys:
    """The public keys that an agent believes: one, or two while the gateway changes its key."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys = {key_id(key): key for key in keys}
        if not 1 <= len(self._keys) <= MAX_TRUSTED_KEYS:
            raise ValueError(f"{len(self._keys)} keys given, 1 or {MAX_TRUSTED_KEYS} wanted")

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(self._keys)

    @property
    def public(self) -> dict[str, Ed25519PublicKey]:
        """The keys by their ids."""
        return dict(self._keys)

    def open(self, topic: str, payload: bytes) -> bytes:
        """The body, once its signature for ``topic`` is proved; raises EnvelopeError (an EnvelopeFault)."""
        return self.prove(topic, payload)[1]

    def prove(self, topic: str, payload: bytes) -> tuple[str, bytes]:
        """As :meth:`open`, with the id of the key that has signed."""
        line_feed = payload.find(b"\n", 0, _MAX_HEADER)
        if line_feed < 0:
            raise EnvelopeError(topic, EnvelopeFault.NO_HEADER)
        try:
            header = _HEADER.decode(payload[:line_feed])
            signature = base64.b64decode(header.sig, validate=True)
        except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise EnvelopeError(topic, EnvelopeFault.BAD_HEADER) from error
        if base64.b64encode(signature).decode() != header.sig:  # a signature has one spelling
            raise EnvelopeError(topic, EnvelopeFault.BAD_HEADER)
        key = self._keys.get(header.kid)
        if key is None:
            raise EnvelopeError(topic, EnvelopeFault.UNKNOWN_KEY)
        body = payload[line_feed + 1 :]
        try:
            key.verify(signature, signed_bytes(topic, body))
        except InvalidSignature as error:
            raise EnvelopeError(topic, EnvelopeFault.BAD_SIGNATURE) from error
        return header.kid, body
