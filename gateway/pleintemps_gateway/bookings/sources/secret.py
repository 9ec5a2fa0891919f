"""Passwords and keys of sources: each in a file of its own, readable by its owner only."""

from pathlib import Path
from typing import Final

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open
from pleintemps_gateway.errors import FeedError

_MAX: Final = 4_096


def read_secret(path: str) -> str:
    """The secret alone, without white space around it; raises FeedError that does not hold it."""
    try:
        refuse_if_open(Path(path))
        text = Path(path).read_bytes()[:_MAX].decode().strip()
    except KeyFileError as error:
        raise FeedError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FeedError(f"its secret cannot be read ({type(error).__name__})") from error
    if not text or any(ord(letter) < 32 for letter in text):
        raise FeedError("its secret is empty or more than one line")
    return text
