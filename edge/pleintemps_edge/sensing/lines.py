"""Lines of text in a stream of bytes: what scanners of codes and tags send. Any of CR and LF ends a line."""

from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 1_024
"""No QR code of a door's token is longer; more without an end is no line."""


@dataclass(frozen=True, slots=True)
class Line:
    """Printable text, without blanks around it; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Garbage:
    """A line that is none, and why."""

    reason: str


class Lines:
    """Collects one stream. An empty line is nothing."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._overlong = False

    @property
    def partial(self) -> bool:
        """A line has begun and has no end yet."""
        return bool(self._data) or self._overlong

    def feed(self, data: bytes) -> list[Line | Garbage]:
        """The lines that end with ``data``. One that is too long is said when it ends."""
        found: list[Line | Garbage] = []
        *whole, rest = data.replace(b"\r", b"\n").split(b"\n")
        for piece in whole:
            self._add(piece)
            found += self._end()
        self._add(rest)
        return found

    def give_up(self) -> list[Line | Garbage]:
        """The end of a line did not come."""
        if not self.partial:
            return []
        self._data.clear()
        self._overlong = False
        return [Garbage("a line without an end")]

    def _add(self, piece: bytes) -> None:
        self._data += piece
        if len(self._data) > MAX_BYTES:
            self._data.clear()
            self._overlong = True

    def _end(self) -> list[Line | Garbage]:
        data, overlong = bytes(self._data), self._overlong
        self._data.clear()
        self._overlong = False
        if overlong:
            return [Garbage(f"a line of more than {MAX_BYTES} bytes")]
        try:
            text = data.decode().strip()
        except UnicodeDecodeError:
            return [Garbage("a line that is no text")]
        if not text:
            return []
        return [Line(text) if text.isprintable() else Garbage("a line that is no text")]
