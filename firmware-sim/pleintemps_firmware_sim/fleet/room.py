"""One space of the fleet: who is in it, what its sensors say, when its door is used. Pure."""

from typing import NamedTuple

from .days import Scene, Step, scene, steps
from .patterns import LEVEL_WIDTH, RING, STATE_WIDTH, Pattern
from .plan import door_of

Rings = dict[Scene, list[Pattern]]
"""The rings of every scene."""


class Life(NamedTuple):
    """What all rooms of a fleet share."""

    seed: int
    day_ms: int
    rings: Rings


class Room:
    """Times are Unix ms."""

    __slots__ = (
        "_day",
        "_is_day",
        "_life",
        "_loud",
        "_place",
        "_steps",
        "_variant",
        "door",
        "next_at",
        "pattern",
        "people",
        "phase",
        "site",
        "space",
    )

    def __init__(self, life: Life, site: str, space: str, place: int, now: int) -> None:
        """A room as it is at ``now``, after what has happened that day; ``place`` makes it unlike others."""
        self._life = life
        self.site = site
        self.space = space
        self.door = door_of(space)
        self.people = 0
        self.phase = place * 37 % RING
        self._loud = False
        self._is_day = False
        self._variant = place
        self._day = now // life.day_ms
        self._steps = steps(life.seed, site, space, self._day, life.day_ms)
        self._place = 0
        self.pattern: Pattern
        self.next_at: int
        self.advance(now)

    def advance(self, now: int) -> list[Step]:
        """All that happened up to ``now``, in order."""
        happened: list[Step] = []
        while True:
            while self._place < len(self._steps) and self._steps[self._place].at <= now:
                happened.append(self._step(self._steps[self._place]))
                self._place += 1
            if now < (self._day + 1) * self._life.day_ms:
                break
            self._day += 1
            self._place = 0
            self._steps = steps(self._life.seed, self.site, self.space, self._day, self._life.day_ms)
        following = self._steps[self._place].at if self._place < len(self._steps) else None
        self.next_at = (self._day + 1) * self._life.day_ms if following is None else following
        rings = self._life.rings[scene(self.people, self._loud, self._is_day)]
        self.pattern = rings[self._variant % len(rings)]
        return happened

    def _step(self, step: Step) -> Step:
        if step.people:
            self.people = max(0, self.people + step.people)
            self._loud = step.loud
        else:
            self._is_day = step.is_day
        return step

    def changes(self, number: int) -> int:
        """Whether reading ``number`` of a state differs from the one before."""
        return self.pattern.changes[(number + self.phase) % RING]

    def readings(self, number: int, count: int) -> tuple[bytes, bytes, bytes]:
        """The values of the three series for ``count`` readings (1 to RING) from ``number``."""
        start = (number + self.phase) % RING
        end = start + count
        pattern = self.pattern
        states = slice(STATE_WIDTH * start, STATE_WIDTH * end - 1)
        return (
            pattern.level[LEVEL_WIDTH * start : LEVEL_WIDTH * end - 1],
            pattern.motion[states],
            pattern.radar[states],
        )
