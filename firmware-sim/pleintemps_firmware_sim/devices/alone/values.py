"""Values of options and orders, checked; each raises ArgumentTypeError with what it wants."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from ``low`` to ``high``; ``0x`` is hexadecimal."""

    def read(text: str) -> int:
        try:
            number = int(text, 0) if text.lower().startswith("0x") else int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
        return number

    return read


def real(low: float, high: float) -> Callable[[str], float]:
    """A number from ``low`` to ``high``."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
        return number

    return read


def word(words: Mapping[str, T]) -> Callable[[str], T]:
    """One of ``words``."""

    def read(text: str) -> T:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words)}")
        return words[text]

    return read


on_off = word({"on": True, "off": False})
pin = whole(0, 27)
"""BCM number on the 40-pin header."""


def key(text: str) -> bytes:
    """16 bytes in hexadecimal."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != 16:
        raise argparse.ArgumentTypeError("no key: 32 hexadecimal digits")
    return data


def add_link(parser: argparse.ArgumentParser, what: str) -> None:
    """``--link PATH``."""
    parser.add_argument("--link", type=Path, required=True, metavar="PATH", help=what)
