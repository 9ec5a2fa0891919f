"""A contact with two wires: reed, push button, bolt switch, relay of a fire panel. It bounces, it can be cut
or shorted, a worn or badly placed one flaps. Level 1 is open, as a resistor to the supply reads it.
"""

from collections import deque
from typing import Final

from .door import BOUNCE_NS
from .pins_core import NS, PinEdge

MOST_HERTZ: Final = 1_000


class Contact:
    """Closed or open at rest; ``bounce`` as a bare reed does, for less than 1 ms."""

    def __init__(self, *, closed: bool, line: str = "contact", bounce: bool = True) -> None:
        self.closed = closed
        self._line = line
        self._bounce = bounce
        self.bounce_ns = BOUNCE_NS
        """When its level changes after the first edge of a movement; a worn one takes longer."""
        self._wire: int | None = None
        self._level = self._now_level()
        self._out: deque[PinEdge] = deque()
        self._later: deque[tuple[int, bool]] = deque()

    def levels(self) -> dict[str, int]:
        return {self._line: self._level}

    def move(self, closed: bool, now: int) -> None:
        """It closes or opens; what was to come is off."""
        self._later.clear()
        self._move(closed, now)

    def pulse(self, closed: bool, now: int, milliseconds: int) -> None:
        """It closes or opens, and goes back after ``milliseconds``."""
        before = self.closed
        self.move(closed, now)
        self._later.append((now + milliseconds, before))

    def flap(self, now: int, hertz: int, milliseconds: int) -> None:
        """It closes and opens ``hertz`` times a second (1 to 1000), then rests as before."""
        self._later.clear()
        before = self.closed
        for turn in range(2 * hertz * milliseconds // 1_000):
            self._later.append((now + turn * 500 // hertz, not before if turn % 2 == 0 else before))
        self._later.append((now + milliseconds, before))

    def wire(self, level: int | None, now: int) -> None:
        """1: the wire is cut; 0: it is shorted; None: it is whole."""
        self._wire = level
        self._settle(now, bounce=False)

    def edges(self, now: int) -> list[PinEdge]:
        while self._later and self._later[0][0] <= now:
            at, closed = self._later.popleft()
            self._move(closed, at)
        done = []
        while self._out and self._out[0].at_ns <= now * NS:
            done.append(self._out.popleft())
        return done

    def due(self) -> int | None:
        waiting = [-(-self._out[0].at_ns // NS)] if self._out else []
        if self._later:
            waiting.append(self._later[0][0])
        return min(waiting, default=None)

    def driven(self, line: str, level: int, now: int) -> None:
        """Nobody drives a contact."""

    def _move(self, closed: bool, now: int) -> None:
        self.closed = closed
        self._settle(now, bounce=self._bounce)

    def _settle(self, now: int, *, bounce: bool) -> None:
        level = self._now_level()
        if level == self._level:
            return
        self._level = level
        for place, after in enumerate(self.bounce_ns if bounce else self.bounce_ns[:1]):
            self._out.append(PinEdge(now * NS + after, self._line, level if place % 2 == 0 else 1 - level))

    def _now_level(self) -> int:
        return int(not self.closed) if self._wire is None else self._wire
