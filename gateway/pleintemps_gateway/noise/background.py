"""A room's own background: L90 of the time when nobody is there, or nobody should be."""

from collections.abc import Sequence
from typing import Final

from .histogram import LevelHistogram

ENOUGH_MS: Final = 30 * 60_000
"""Less than this is not known to be the room's background."""
MEMORY_MS: Final = 7 * 86_400_000
"""What was learnt counts half each time that so much was: a room that changes is learnt anew in days."""
_FRESH_MS: Final = 60_000
EXCEEDED: Final = 90


class Background:
    """Learns by histogram; ``prior`` is what a predecessor knew, until enough is learnt."""

    __slots__ = ("_learnt", "_level_db", "_looked", "_prior")

    def __init__(self, prior: float | None = None) -> None:
        self._prior = prior
        self._learnt = LevelHistogram()
        self._level_db: float | None = None
        self._looked = 0.0

    def learn(self, level_db: float, ms: float) -> None:
        """``level_db`` was heard for ``ms`` of quiet."""
        self._learnt.add(level_db, ms)
        self._looked += ms
        if self._learnt.total >= MEMORY_MS:
            self._learnt.halve()

    def learn_all(self, levels_db: Sequence[float], spans: Sequence[int]) -> None:
        """As :meth:`learn` of each."""
        more = sum(spans)
        if self._learnt.total + more >= MEMORY_MS:
            for level_db, span in zip(levels_db, spans, strict=True):
                self.learn(level_db, span)
            return
        self._learnt.add_all(levels_db, spans)
        self._looked += more

    @property
    def level_db(self) -> float | None:
        """L90, at most a minute of learning old; None while too little is known."""
        if self._learnt.total < ENOUGH_MS:
            return self._prior
        if self._level_db is None or self._looked >= _FRESH_MS:
            self._level_db = self._learnt.exceeded(EXCEEDED)
            self._looked = 0.0
        return self._level_db
