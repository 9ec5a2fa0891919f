"""A detached signature: one line, the header of the contract's envelope, beside bytes that stay as they are.

It covers ``pleintemps/v1``, NUL, ``usage-export``, NUL, the exact bytes; no message has that topic."""

from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pleintemps_contract.envelope import Signer, TrustedKeys

PURPOSE: Final = "usage-export"
SUFFIX: Final = ".sig"
"""A file's signature stands in the file of its name with this."""


def sign(signer: Signer, body: bytes) -> bytes:
    """The header line for ``body``, without a line feed."""
    return signer.seal(PURPOSE, body).partition(b"\n")[0]


def prove(header: bytes, body: bytes, keys: Iterable[Ed25519PublicKey]) -> str:
    """The id of the key among ``keys`` that has signed ``body``; raises EnvelopeError."""
    return TrustedKeys(keys).prove(PURPOSE, header.strip() + b"\n" + body)[0]
