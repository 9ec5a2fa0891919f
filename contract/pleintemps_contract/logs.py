"""Structured logs: one line an event, ``name key=value``; never a code, a name or a secret."""

import logging
import sys
from typing import Final, TextIO

_FORMAT: Final = "%(levelname)s %(name)s %(message)s"


def setup(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send logs to ``stream`` (standard error by default); the journal of the system adds the time."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def line(event: str, **fields: object) -> str:
    """``event key=value ...``; a value with blanks or control characters is quoted."""
    parts = [event]
    for key, value in fields.items():
        text = str(value)
        plain = text.isprintable() and text and " " not in text and '"' not in text
        parts.append(f"{key}={text if plain else repr(text)}")
    return " ".join(parts)
