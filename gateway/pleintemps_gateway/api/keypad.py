"""The keypad of a booking's page: what was typed so far comes with every key. Pure."""

import hmac
from typing import Final

MOST_DIGITS: Final = 16
ERASE: Final = "erase"


def typed_on(typed: str, key: str) -> str:
    """``typed`` after ``key``: a digit, ``erase`` for the last one; anything else adds nothing."""
    digits = "".join(sign for sign in typed if sign in "0123456789")
    if key == ERASE:
        return digits[:-1]
    return (digits + key if len(key) == 1 and key in "0123456789" else digits)[:MOST_DIGITS]


def is_same(typed: str, code: str) -> bool:
    """Whether ``typed`` is ``code``; the time it takes does not tell where they differ."""
    return bool(code) and hmac.compare_digest(typed.encode(), code.encode())
