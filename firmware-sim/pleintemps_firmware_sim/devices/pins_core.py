"""What the rim needs of a device that hangs on pins."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

NS: Final = 1_000_000
"""Nanoseconds of a millisecond."""


class PinEdge(NamedTuple):
    """``line`` went to ``level`` at ``at_ns``, monotonic nanoseconds."""

    at_ns: int
    line: str
    level: int


class PinsCore(Protocol):
    """A device behind named lines. Times are monotonic milliseconds."""

    def levels(self) -> Mapping[str, int]:
        """Where its own lines are now, and where those that it listens to rest."""

    def edges(self, now: int) -> list[PinEdge]:
        """What it has put on its lines up to ``now``, in order; each is handed out once."""

    def due(self) -> int | None:
        """When :meth:`edges` will next have something; None until something happens."""

    def driven(self, line: str, level: int, now: int) -> None:
        """A program drives ``line``."""
