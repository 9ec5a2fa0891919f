"""LAeq over a sliding window: energy is summed, decibels are never averaged.

A level sample at t speaks for the time since the series' previous sample, at most for its ``max_silence_s``
(for one second if it is the first). Energy and measured time are kept in bins of a sixtieth of the window, at
least one second; the oldest bin counts in proportion."""

from collections.abc import Iterable, Sequence
from math import log10
from typing import NamedTuple

BINS = 60


class Level(NamedTuple):
    """``level_db`` is absent without any measured time; ``coverage`` is the measured share of the window, 0
    to 1."""

    level_db: float | None
    coverage: float


class LevelWindow:
    """The levels of one series over the last ``window_ms``."""

    def __init__(self, window_ms: int, max_silence_ms: int) -> None:
        self._window_ms = window_ms
        self._max_silence_ms = max_silence_ms
        self._bin_ms = max(1000, -(-window_ms // BINS))
        self._bins: dict[int, tuple[float, int]] = {}
        self._forgotten_ms = 0  # what ends here or before is of no look any more
        self.last_at: int | None = None

    def add(self, at: int, level_db: float, span: int | None = None) -> bool:
        """Take a sample, of the last ``span`` ms if known; False if it is no younger than the last."""
        if self.last_at is not None and at <= self.last_at:
            return False
        if span is None:
            span = 1000 if self.last_at is None else min(at - self.last_at, self._max_silence_ms)
        self.last_at = at
        power = 10 ** (level_db / 10)
        start = max(at - span, at - self._window_ms)
        while start < at:
            index = start // self._bin_ms
            end = min(at, (index + 1) * self._bin_ms)
            energy, covered = self._bins.get(index, (0.0, 0))
            self._bins[index] = (energy + power * (end - start), covered + end - start)
            start = end
        return True

    def take(self, ats: Sequence[int], powers: Iterable[float], spans: Iterable[int]) -> None:
        """As :meth:`add` of each, with its power: rising times, all younger than the last."""
        self.last_at = ats[-1]
        if ats[-1] <= self._forgotten_ms:
            return
        bins, width = self._bins, self._bin_ms
        index: int | None = None
        end, energy, covered = 0, 0.0, 0
        for at, power, span in zip(ats, powers, spans, strict=True):
            start = at - min(span, self._window_ms)
            while start < at:
                if index is None or start >= end:
                    if index is not None:
                        bins[index] = (energy, covered)
                    index = start // width
                    end = (index + 1) * width
                    energy, covered = bins.get(index, (0.0, 0))
                upto = at if at < end else end
                energy += power * (upto - start)
                covered += upto - start
                start = upto
        if index is not None:
            bins[index] = (energy, covered)

    def over(self, start: int, end: int) -> Level:
        """LAeq from ``start`` to ``end`` (Unix ms, within the window); coverage is of the whole window.
        ``end`` does not go back."""
        oldest = (end - self._window_ms) // self._bin_ms
        self._forgotten_ms = oldest * self._bin_ms
        for index in [index for index in self._bins if index < oldest]:
            del self._bins[index]
        energy, covered = 0.0, 0.0
        for index, (bin_energy, bin_covered) in self._bins.items():
            bin_start = index * self._bin_ms
            if bin_start + self._bin_ms <= start or bin_start >= end:
                continue
            share = min(1.0, (bin_start + self._bin_ms - start) / self._bin_ms)
            energy += share * bin_energy
            covered += share * bin_covered
        if covered <= 0:
            return Level(None, 0.0)
        return Level(10 * log10(energy / covered), min(1.0, covered / self._window_ms))
