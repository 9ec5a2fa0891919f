"""Names on the wire: slugs, journal and boot ids, digests."""

import re
from typing import Annotated, Final

from msgspec import Meta

from .errors import IdentifierError

RESERVED: Final = frozenset({"gateway", "state"})
_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}\Z")]
"""Lower-case name of a site, space, door, device or series."""
DriverName = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,40}\Z")]
"""Name of a driver as configurations write it (``modbus_sound``)."""
HexId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""128 random bits as hexadecimal: journal, boot, grant, booking and command ids."""
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""SHA-256 as hexadecimal."""
KeyId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
"""First 8 bytes of the SHA-256 of an Ed25519 public key, as hexadecimal."""


def slug(text: str) -> str:
    """Return ``text`` if it is a slug; raises IdentifierError otherwise."""
    if not _SLUG.fullmatch(text):
        raise IdentifierError(f"{text[:60]!r} is not a name: use 1 to 40 of a-z, 0-9 and '-'")
    return text


def unreserved_slug(text: str) -> str:
    """Return ``text`` if it may name a site or an agent; raises IdentifierError for reserved words."""
    if slug(text) in RESERVED:
        raise IdentifierError(f"{text!r} is reserved on the wire")
    return text
