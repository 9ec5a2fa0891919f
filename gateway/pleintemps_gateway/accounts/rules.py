"""What a password that a person chooses must be: long, not common, not about them (NIST SP 800-63B-4, 3.1.1).

No classes of characters are asked for: they make passwords that people write down. A word is common if what
is left without digits and signs, small and without accents, is in ``common_passwords.txt`` or made of its
words alone, or a run, or one group over and over.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from pleintemps_gateway.errors import AccountError

CHOSEN_LENGTH: Final = 12
MAX_LENGTH: Final = 200
_BESIDE_NAME: Final = 8
_CORE: Final = 6
_LIST: Final = Path(__file__).parent / "common_passwords.txt"
_RUNS: Final = ("abcdefghijklmnopqrstuvwxyz", "azertyuiopqsdfghjklmwxcvbn", "qwertyuiopasdfghjklzxcvbnm")
_DIGITS: Final = "01234567890123456789"
_ENDS: Final = "0123456789!?.,;:*+-_#/=&%"
_LEET: Final = str.maketrans("013457@$", "oieastas")
_LONGEST_COMMON: Final = 4
"""A passphrase of more common words than this is none of the common ones."""


def check_password(password: str, about: Iterable[str] = ()) -> None:
    """Raises AccountError ``short``, ``long``, ``common`` or ``like-name``.

    ``about`` are words of this person: what is left of the password without them must be long enough, so a
    name with a year is refused.
    """
    if len(password) < CHOSEN_LENGTH:
        raise AccountError("short", f"a password has {CHOSEN_LENGTH} characters at least")
    if len(password) > MAX_LENGTH:
        raise AccountError("long", f"a password has {MAX_LENGTH} characters at most")
    plain = _plain(password)
    core = plain.strip(_ENDS)
    if _is_common(plain) or (len(core) >= _CORE and _is_common(core.translate(_LEET))):
        raise AccountError("common", "this password is among the first that are tried")
    rest = plain
    for word in about:
        short = "".join(letter for letter in _plain(word) if letter.isalnum())
        if len(short) >= 3:
            rest = rest.replace(short, "")
    if rest != plain and len(rest) < _BESIDE_NAME:
        raise AccountError("like-name", "this password is too near to the name")


def _plain(text: str) -> str:
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter) and not letter.isspace())


def _is_common(plain: str) -> bool:
    letters = "".join(letter for letter in plain if letter.isalpha())
    digits = "".join(letter for letter in plain if letter.isdigit())
    if len(letters) < 3:
        return digits in _DIGITS or digits in _DIGITS[::-1] or _is_repeated(digits) or len(set(digits)) < 5
    if _is_repeated(plain) or _is_repeated(letters):
        return True
    if any(letters in run or letters in run[::-1] for run in _RUNS):
        return True
    return _is_made_of(letters, _words(), _LONGEST_COMMON)


def _is_repeated(text: str) -> bool:
    """One group of at most four characters over and over."""
    return any(
        len(text) >= 2 * size and text == (text[:size] * (len(text) // size + 1))[: len(text)]
        for size in range(1, 5)
    )


def _is_made_of(letters: str, words: frozenset[str], most: int) -> bool:
    """Whether ``letters`` is a chain of at most ``most`` of ``words``."""
    ends = {0}
    for _ in range(most):
        ends = {
            start + size
            for start in ends
            for size in range(3, len(letters) - start + 1)
            if letters[start : start + size] in words
        }
        if len(letters) in ends:
            return True
    return False


@cache
def _words() -> frozenset[str]:
    return frozenset(_LIST.read_text(encoding="utf-8").split())
