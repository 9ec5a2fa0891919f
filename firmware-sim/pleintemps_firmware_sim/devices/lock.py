"""Locks that a level moves: electric strike, magnet, motor bolt. They take their time and can jam.

Travel times are typical ones, no maker's. Times in monotonic milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .contact import Contact
from .door import CLOSER_MS, DoorMechanics, Push
from .pins_core import PinEdge


class Bolt(StrEnum):
    """``between`` is on its way, or stuck there."""

    OUT = "out"
    BETWEEN = "between"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Mechanism:
    """``frees_at`` is the level that lets the door go."""

    what: str
    frees_at: int
    release_ms: int
    secure_ms: int


MECHANISMS: Final[Mapping[str, Mechanism]] = {
    "strike": Mechanism("energised it lets go (fail-secure)", 1, 20, 20),
    "strike-reverse": Mechanism("energised it holds (fail-safe)", 0, 20, 20),
    "maglock": Mechanism("energised it holds; its remanence lets go late", 0, 80, 150),
    "motor": Mechanism("a motor draws the bolt while energised, and throws it after", 1, 900, 900),
}


class Lock:
    """Starts without current. While jammed its bolt does not move, wherever it is."""

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self._level = 0
        self._jammed = False
        self._arrives: int | None = None
        self.bolt = Bolt.IN if mechanism.frees_at == 0 else Bolt.OUT

    @property
    def released(self) -> bool:
        """The door can be pulled open."""
        return self.bolt is Bolt.IN

    def energise(self, level: int, now: int) -> None:
        """The level at its relay is ``level`` from now on."""
        self.advance(now)
        self._level = level
        self._start(now)

    def jam(self, jammed: bool, now: int) -> None:
        """Something holds the bolt where it is, or lets it go again."""
        self.advance(now)
        self._jammed = jammed
        self._start(now)

    def due(self) -> int | None:
        """When the bolt will have arrived; None while it rests."""
        return self._arrives

    def advance(self, now: int) -> bool:
        """Let the bolt travel; true if it has just arrived."""
        if self._arrives is None or now < self._arrives:
            return False
        self.bolt = self._wanted()
        self._arrives = None
        return True

    def _wanted(self) -> Bolt:
        return Bolt.IN if self._level == self._mechanism.frees_at else Bolt.OUT

    def _start(self, now: int) -> None:
        self._arrives = None
        if self._jammed or self.bolt is self._wanted():
            return
        self.bolt = Bolt.BETWEEN
        frees = self._wanted() is Bolt.IN
        self._arrives = now + (self._mechanism.release_ms if frees else self._mechanism.secure_ms)


class Doorway:
    """A lock in a door: the level that a program drives, the bolt's contact, the door's own reed.

    Lines: ``drive`` (heard), ``sense`` 0 while the bolt holds the shut door, ``reed`` 0 while it is shut. The
    contacts bounce.
    """

    def __init__(self, mechanism: Mechanism, *, closer_ms: int = CLOSER_MS) -> None:
        self.lock = Lock(mechanism)
        self.door = DoorMechanics("strike", closer_ms=closer_ms)
        self.door.energise(self.lock.released)
        self.sense = Contact(closed=self._holds, line="sense")
        self.reed = Contact(closed=True, line="reed")

    @property
    def _holds(self) -> bool:
        return self.lock.bolt is Bolt.OUT and not self.door.open

    def levels(self) -> dict[str, int]:
        return {"drive": 0, **self.sense.levels(), **self.reed.levels()}

    def driven(self, line: str, level: int, now: int) -> None:
        if line == "drive":
            self.lock.energise(level, now)
            self._follow(now)

    def jam(self, jammed: bool, now: int) -> None:
        """Jam the bolt, or free it."""
        self.lock.jam(jammed, now)
        self._follow(now)

    def push(self, now: int) -> Push:
        """Somebody tries the door."""
        self._advance(now)
        return self._moved(self.door.push(now), now)

    def force(self, now: int) -> Push:
        """Somebody breaks it open."""
        return self._moved(self.door.force(now), now)

    def leave(self, now: int) -> Push:
        """Somebody goes out by the inside handle."""
        return self._moved(self.door.leave(now), now)

    def hold(self, held: bool, now: int) -> None:
        """A wedge under the door, or its removal."""
        self.door.hold(held, now)

    def due(self) -> int | None:
        parts = (self.lock.due(), self.door.due(), self.sense.due(), self.reed.due())
        return min((part for part in parts if part is not None), default=None)

    def edges(self, now: int) -> list[PinEdge]:
        self._advance(now)
        return sorted(self.sense.edges(now) + self.reed.edges(now))

    def _advance(self, now: int) -> None:
        moved = self.lock.advance(now)
        shut = self.door.advance(now)
        if moved or shut:
            self._follow(now)

    def _moved(self, push: Push, now: int) -> Push:
        self._follow(now)
        return push

    def _follow(self, now: int) -> None:
        """Contacts as lock and leaf are now."""
        self.door.energise(self.lock.released)
        for contact, closed in ((self.sense, self._holds), (self.reed, not self.door.open)):
            if contact.closed is not closed:
                contact.move(closed, now)
