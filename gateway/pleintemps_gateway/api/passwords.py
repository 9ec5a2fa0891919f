"""Passwords of caretakers: argon2id (RFC 9106), stored as one encoded string."""

import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's second choice: 19 MiB, twice, one lane. A Raspberry Pi answers in about a quarter of a second.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A flood of log-ins must not take more than this many times 19 MiB.
_AT_ONCE: Final = threading.BoundedSemaphore(2)

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 200


def hash_password(password: str) -> str:
    """Encoded hash with its own salt; raises ValueError for less than 8 or more than 200 characters."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(encoded: str | None, password: str) -> bool:
    """Whether ``password`` made ``encoded``. None takes as long, so that names cannot be guessed by it."""
    try:
        with _AT_ONCE:
            _HASHER.verify(encoded or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return encoded is not None


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody logs in with this")
