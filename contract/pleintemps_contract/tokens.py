"""Tokens: grants that a person carries, signed by the gateway, as the text of a QR code or NFC tag.

``PT1.`` + base64url(body) + ``.`` + base64url(signature), without padding. The body is the id of the key
that signs (8 bytes) and a MessagePack array, the :class:`Token`. The Ed25519 signature covers what that of an
envelope does, with ``token/<site>`` in the place of the topic: no topic begins so, and no token of one site
counts at another.
"""

import base64
import binascii
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from .envelope import Header, Signer, TrustedKeys
from .errors import DecodeError, EnvelopeError
from .gateway_messages import Window
from .identifiers import HexId, Slug
from .units import UnixMs

PREFIX: Final = "PT1."
MAX_BODY: Final = 256
"""Bytes of a body: no text is longer than ``MAX_TEXT``, which a QR code of version 16, level M, holds."""
MAX_TEXT: Final = 433
_KID_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_WHERE: Final = "token"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """The right of whoever shows it at ``doors`` of ``site`` in ``windows``; ``id`` stands in records and in
    ``denied_tokens``. ``extended``: the door's longer times.
    """

    id: HexId
    site: Slug
    doors: Annotated[list[Slug], Meta(min_length=1, max_length=16)]
    windows: Annotated[list[Window], Meta(min_length=1, max_length=16)]
    extended: bool = False


class _Body(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A token as it is carried: windows as start and end, in turn."""

    id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    site: Slug
    doors: Annotated[list[Slug], Meta(min_length=1, max_length=16)]
    times: Annotated[list[UnixMs], Meta(min_length=2, max_length=32)]
    extended: bool


_decoder: Final = msgspec.msgpack.Decoder(_Body)


def _domain(site: str) -> str:
    return f"token/{site}"


def sign_token(token: Token, signer: Signer) -> str:
    """The text of ``token``; raises ValueError if it is too large for a QR code that is easy to read."""
    times = [time for window in token.windows for time in (window.start, window.end)]
    body = bytes.fromhex(signer.kid) + msgspec.msgpack.encode(
        _Body(bytes.fromhex(token.id), token.site, token.doors, times, token.extended)
    )
    if len(body) > MAX_BODY:
        raise ValueError(f"a token of {len(body)} bytes, {MAX_BODY} allowed: fewer doors or windows")
    header, _, _ = signer.seal(_domain(token.site), body).partition(b"\n")
    signature = base64.b64decode(msgspec.json.decode(header, type=Header).sig)
    return f"{PREFIX}{_encode(body)}.{_encode(signature)}"


def open_token(text: str, site: str, keys: TrustedKeys) -> Token:
    """The token in ``text``, whose signature for ``site`` is proved before anything in it is read.

    Raises EnvelopeError if it is no token or nobody we trust has signed it, DecodeError if what was signed is
    not a token.
    """
    parts = text.removeprefix(PREFIX).split(".")
    if len(text) > MAX_TEXT or not text.startswith(PREFIX) or len(parts) != 2:
        raise EnvelopeError(_WHERE, "not a token")
    body, signature = (_decode(part) for part in parts)
    if len(body) <= _KID_BYTES or len(signature) != _SIGNATURE_BYTES:
        raise EnvelopeError(_WHERE, "not a token")
    header = Header(alg="Ed25519", kid=body[:_KID_BYTES].hex(), sig=base64.b64encode(signature).decode())
    keys.open(_domain(site), msgspec.json.encode(header) + b"\n" + body)
    try:
        found = _decoder.decode(body[_KID_BYTES:])
        times = iter(found.times)
        windows = [Window(start=start, end=end) for start, end in zip(times, times, strict=True)]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(_WHERE, str(error)) from error
    if found.site != site:
        raise DecodeError(_WHERE, "of another site")
    return Token(id=found.id.hex(), site=site, doors=found.doors, windows=windows, extended=found.extended)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """The bytes of base64url in its one spelling; raises EnvelopeError otherwise."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError(_WHERE, "not base64url") from error
    if _encode(data) != text:
        raise EnvelopeError(_WHERE, "not base64url")
    return data
