"""Passwords of people who log in: argon2id (RFC 9106), stored as one encoded string."""

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
"""Whatever way a password comes; who chooses one on a page chooses a longer one (``accounts.rules``)."""
MAX_LENGTH: Final = 200


def hash_password(password: str) -> str:
    """Encoded hash with its own salt; raises ValueError for less than 8 or more than 200 characters."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(encoded: str | None, password: str) -> bool:
    """Whether ``password`` made ``encoded``. None, or nothing for who has no password, takes as long: names
    cannot be guessed by it.
    """
    try:
        with _AT_ONCE:
            _HASHER.verify(encoded or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(encoded)


def is_outdated(encoded: str) -> bool:
    """Whether ``encoded`` was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(encoded)


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody logs in with this")
