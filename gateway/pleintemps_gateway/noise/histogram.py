"""Levels by how long they were heard: percentiles of hours cannot be merged from their values, histograms
can."""

from array import array
from collections.abc import Iterable
from math import floor


class LevelHistogram:
    """Time (or any weight) by level, in steps of ``step_db``."""

    __slots__ = ("_bins", "_first", "_step_db", "total")

    def __init__(self, step_db: float = 0.5) -> None:
        self._step_db = step_db
        # a column, from the step ``_first`` on without a gap: as a dict it takes six times as much
        self._first = 0
        self._bins = array("d")
        self.total = 0.0

    def _place(self, index: int) -> int:
        """Where the step ``index`` stands; there is room for it then."""
        if not self._bins:
            self._first = index
        if (before := self._first - index) > 0:
            self._bins[:0] = array("d", bytes(8 * before))
            self._first = index
        elif (after := index - self._first + 1 - len(self._bins)) > 0:
            self._bins.frombytes(bytes(8 * after))
        return index - self._first

    def add(self, level_db: float, weight: float) -> None:
        self._bins[self._place(floor(level_db / self._step_db))] += weight
        self.total += weight

    def add_all(self, levels_db: Iterable[float], weights: Iterable[float]) -> None:
        """As :meth:`add` of each."""
        bins, step_db, total = self._bins, self._step_db, self.total
        for level_db, weight in zip(levels_db, weights, strict=True):
            index = floor(level_db / step_db)
            place = index - self._first
            if not 0 <= place < len(bins):
                place = self._place(index)
            bins[place] += weight
            total += weight
        self.total = total

    def merge(self, other: "LevelHistogram") -> None:
        """Take in what another one of the same step has heard."""
        for index, weight in enumerate(other._bins, other._first):
            self._bins[self._place(index)] += weight
        self.total += other.total

    def halve(self) -> None:
        """Let what was heard before count half."""
        self._bins = array("d", [weight / 2 for weight in self._bins])
        self.total = sum(self._bins)

    def exceeded(self, percent: float) -> float | None:
        """Ln: the level exceeded ``percent`` (0 to 100) of the time, to a step; None without any time.

        L10 is the 90th percentile, L90 the 10th.
        """
        wanted, above = self.total * percent / 100, 0.0
        level = None
        for place in range(len(self._bins) - 1, -1, -1):
            weight = self._bins[place]
            if weight <= 0:
                continue
            share = min(1.0, max(0.0, wanted - above) / weight)
            level = (self._first + place + 1 - share) * self._step_db
            above += weight
            if above >= wanted:
                break
        return level
