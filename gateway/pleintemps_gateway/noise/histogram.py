"""Levels by how long they were heard: percentiles of hours cannot be merged from their values, histograms
can."""

from collections.abc import Iterable
from math import floor


class LevelHistogram:
    """Time (or any weight) by level, in steps of ``step_db``."""

    __slots__ = ("_bins", "_step_db", "total")

    def __init__(self, step_db: float = 0.5) -> None:
        self._step_db = step_db
        self._bins: dict[int, float] = {}
        self.total = 0.0

    def add(self, level_db: float, weight: float) -> None:
        index = floor(level_db / self._step_db)
        self._bins[index] = self._bins.get(index, 0.0) + weight
        self.total += weight

    def add_all(self, levels_db: Iterable[float], weights: Iterable[float]) -> None:
        """As :meth:`add` of each."""
        bins, step_db, total = self._bins, self._step_db, self.total
        for level_db, weight in zip(levels_db, weights, strict=True):
            index = floor(level_db / step_db)
            bins[index] = bins.get(index, 0.0) + weight
            total += weight
        self.total = total

    def merge(self, other: "LevelHistogram") -> None:
        """Take in what another one of the same step has heard."""
        for index, weight in other._bins.items():
            self._bins[index] = self._bins.get(index, 0.0) + weight
        self.total += other.total

    def halve(self) -> None:
        """Let what was heard before count half."""
        self._bins = {index: weight / 2 for index, weight in self._bins.items()}
        self.total = sum(self._bins.values())

    def exceeded(self, percent: float) -> float | None:
        """Ln: the level exceeded ``percent`` (0 to 100) of the time, to a step; None without any time.

        L10 is the 90th percentile, L90 the 10th.
        """
        wanted, above = self.total * percent / 100, 0.0
        level = None
        for index in sorted(self._bins, reverse=True):
            weight = self._bins[index]
            if weight <= 0:
                continue
            share = min(1.0, max(0.0, wanted - above) / weight)
            level = (index + 1 - share) * self._step_db
            above += weight
            if above >= wanted:
                break
        return level
