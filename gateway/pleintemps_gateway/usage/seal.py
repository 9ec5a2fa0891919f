"""A detached signature: one line, the header of the contract's envelope, beside bytes that stay as they are.

It covers ``pleintemps/v1``, NUL, ``usage-export``, NUL, the exact bytes; no message has that topic."""

from collections.abc import Iterable
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pleintemps_contract.envelope import EnvelopeFault, Header, Signer, TrustedKeys
from pleintemps_contract.errors import EnvelopeError

PURPOSE: Final = "usage-export"
SUFFIX: Final = ".sig"
"""A file's signature stands in the file of its name with this."""


def sign(signer: Signer, body: bytes) -> bytes:
    """The header line for ``body``, without a line feed."""
    return signer.seal(PURPOSE, body).partition(b"\n")[0]


def prove(header: bytes, body: bytes, keys: Iterable[Ed25519PublicKey]) -> str:
    """The id of the key among ``keys`` that has signed ``body``; raises EnvelopeError.

    ``header`` has one spelling, with or without a line feed at its end: another one was not written by us.
    """
    line = header.removesuffix(b"\n")
    kid = TrustedKeys(keys).prove(PURPOSE, line + b"\n" + body)[0]
    if msgspec.json.encode(msgspec.json.decode(line, type=Header)) != line:
        raise EnvelopeError(PURPOSE, EnvelopeFault.BAD_HEADER)
    return kid
