"""From typed digits to the value that a grant is looked up by.

``argon2id(code, site salt)`` (RFC 9106) is made once per attempt at the door and once per code at the
gateway; ``HMAC-SHA256(agent pepper, hash)`` makes the table of one agent worthless at another.
"""

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from .gateway_messages import HashSet

HASH_BYTES: Final = 32
PEPPER_BYTES: Final = 32


def card_text(card: str) -> str:
    """What is hashed for a card in canonical text (``w26:FACILITY:NUMBER``). No typed code can equal it."""
    return f"card:{card}"


def hash_code(code: str, parameters: HashSet) -> bytes:
    """32 bytes for a typed code or a :func:`card_text`; leading zeros count. Slow on purpose."""
    kdf = Argon2id(
        salt=bytes.fromhex(parameters.salt),
        length=HASH_BYTES,
        iterations=parameters.iterations,
        lanes=parameters.lanes,
        memory_cost=parameters.memory_kib,
    )
    return kdf.derive(code.encode())


def lookup(pepper: bytes, code_hash: bytes) -> str:
    """The value that an agent's grants are found by, as 64 hexadecimal digits."""
    return hmac.new(pepper, code_hash, hashlib.sha256).hexdigest()
