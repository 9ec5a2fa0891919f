"""Messages that lie in the spool folder until the booking platform has read them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pleintemps_gateway.config import GatewayConfig

from .finding import Found


class SpoolFile(NamedTuple):
    path: Path
    message: dict[str, Any]


def spooled(config: GatewayConfig, site: str, found: Found) -> Iterator[SpoolFile]:
    """The files that tell of ``found``, complete ones and those that were cut short."""
    folder = Path(config.state) / "outbox"
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_file():
            try:
                text = path.read_bytes().decode(errors="replace")
            except FileNotFoundError:  # its reader was quicker
                continue
            try:
                message = msgspec.json.decode(text, type=dict[str, Any])
            except (msgspec.DecodeError, msgspec.ValidationError):
                message = {}
            if _tells(message, text, site, found):
                yield SpoolFile(path, message)


def _tells(message: dict[str, Any], text: str, site: str, found: Found) -> bool:
    if message.get("site", site) != site:
        return False
    names = (*found.bookings, *found.rights)
    return any(f'"{name}"' in text for name in names) or any(
        word.casefold() in text.casefold() for word in found.words
    )
