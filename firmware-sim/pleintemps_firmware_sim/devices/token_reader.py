"""Reader of QR codes and NFC tags that sends what it reads as one line of text, ended by CR and LF."""

from pathlib import Path
from typing import Final

from .pty import SerialLink

_END: Final = b"\r\n"


class TokenReader:
    """Only sends: what it is told does nothing. ``link`` leads to its port while it is plugged."""

    def __init__(self, link: Path, end: bytes = _END) -> None:
        """``end`` is what the reader is set to put behind each text; nothing is a setting, too."""
        self._end = end
        self.link = SerialLink(link, lambda _data: None)

    def present(self, text: str) -> None:
        """Hold a code or tag with ``text`` before the reader."""
        self.link.write(text.encode() + self._end)
