"""What the two ends of the pins' socket say, one JSON line each.

The board begins with ``{"levels": {"17": 1}}``: every level that it knows, inputs as driven and outputs as
last seen. From then on both ends say ``{"pin": 17, "level": 1, "tick": 123}`` at every edge; who makes the
edge sets ``tick``, nanoseconds of the host's CLOCK_MONOTONIC.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

Pin = Annotated[int, Meta(ge=0, le=27)]
"""BCM number on the 40-pin header."""
Level = Annotated[int, Meta(ge=0, le=1)]
Tick = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    levels: dict[Pin, Level]


class Edge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pin: Pin
    level: Level
    tick: Tick


def line(message: Snapshot | Edge) -> bytes:
    """One message as it travels."""
    return msgspec.json.encode(message) + b"\n"
