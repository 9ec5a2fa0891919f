"""A door as mechanics know it: a lock that holds or lets go, a leaf, a closer, a reed contact that bounces.

It opens when somebody pushes while the lock lets go, from inside by its handle, or when it is forced. Times
in monotonic milliseconds.
"""

from enum import StrEnum
from typing import Final, Literal

LockKind = Literal["strike", "maglock"]

CLOSER_MS: Final = 3_000
BOUNCE_NS: Final[tuple[int, ...]] = (0, 150_000, 400_000)
"""A bare reed switch bounces for a millisecond at most: level, back, level."""


class Push(StrEnum):
    """What came of a try at the door."""

    OPENED = "opened"
    HELD = "held"
    ALREADY_OPEN = "already-open"


class DoorMechanics:
    """``strike`` lets go while it is energised (energise-to-unlock), ``maglock`` while it is not."""

    def __init__(self, lock: LockKind = "strike", *, closer_ms: int = CLOSER_MS) -> None:
        self._lock = lock
        self._closer = closer_ms
        self._energised = lock == "maglock"
        self._open = False
        self._closes_at: int | None = None
        self._held = False

    @property
    def open(self) -> bool:
        return self._open

    @property
    def released(self) -> bool:
        """The lock lets go now."""
        return self._energised == (self._lock == "strike")

    @property
    def bolted(self) -> bool:
        """What a bolt contact, or the armature sense of a magnet, reads: held, and shut."""
        return not self.released and not self._open

    def energise(self, on: bool) -> None:
        """The agent's output changed."""
        self._energised = on

    def push(self, now: int) -> Push:
        """Somebody tries the handle and, if it gives, walks through; the closer does the rest."""
        if self._open:
            self._rearm(now)
            return Push.ALREADY_OPEN
        if not self.released:
            return Push.HELD
        self._open_at(now)
        return Push.OPENED

    def leave(self, now: int) -> Push:
        """Somebody goes out. The inside handle draws the bolt by itself, and the button at a magnet is wired
        into its supply: neither asks anybody.
        """
        if self._open:
            self._rearm(now)
            return Push.ALREADY_OPEN
        self._open_at(now)
        return Push.OPENED

    def force(self, now: int) -> Push:
        """Somebody breaks it open, whatever the lock says."""
        if self._open:
            return Push.ALREADY_OPEN
        self._open_at(now)
        return Push.OPENED

    def hold(self, held: bool, now: int) -> None:
        """A wedge under an open door, or its removal."""
        self._held = held
        self._rearm(now)

    def due(self) -> int | None:
        """When the closer will have shut the door; None if it is shut or held."""
        return self._closes_at

    def advance(self, now: int) -> bool:
        """Let the closer work; true if the door has just fallen shut."""
        if self._closes_at is None or now < self._closes_at:
            return False
        self._open = False
        self._closes_at = None
        return True

    def _open_at(self, now: int) -> None:
        self._open = True
        self._rearm(now)

    def _rearm(self, now: int) -> None:
        self._closes_at = now + self._closer if self._open and not self._held else None


def reed_edges(level: int) -> list[tuple[int, int]]:
    """Edges of the reed on its way to ``level``: nanoseconds after the first, and level; the last one
    stays.
    """
    return [(after, level if place % 2 == 0 else 1 - level) for place, after in enumerate(BOUNCE_NS)]
