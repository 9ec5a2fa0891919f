"""What a gateway is called among several."""

import re
import socket
from typing import Annotated, Final

from msgspec import Meta

GatewayName = Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,40}\Z")]
_OTHER: Final = re.compile(r"[^a-z0-9]+")


def name_of(configured: str) -> str:
    """``configured``, or what this host is called."""
    return configured or _OTHER.sub("-", socket.gethostname().lower()).strip("-")[:40] or "gateway"
