"""LAeq over a sliding window: energy is summed, decibels are never averaged.

A level sample at t speaks for the time since the series' previous sample, at most for its ``max_silence_s``
(for one second if it is the first). Energy and measured time are kept in bins of a sixtieth of the window, at
least one second; the oldest bin counts in proportion."""

from array import array
from collections.abc import Iterable, Sequence
from math import log10
from typing import NamedTuple

BINS = 60
_AHEAD_MS = 5 * 60_000  # a sample may be so much younger than the look


class Level(NamedTuple):
    """``level_db`` is absent without any measured time; ``coverage`` is the measured share of the window, 0
    to 1."""

    level_db: float | None
    coverage: float


class LevelWindow:
    """The levels of one series over the last ``window_ms``."""

    __slots__ = (
        "_bin_ms",
        "_covered",
        "_energy",
        "_first",
        "_forgotten_ms",
        "_max_silence_ms",
        "_window_ms",
        "last_at",
    )

    def __init__(self, window_ms: int, max_silence_ms: int) -> None:
        self._window_ms = window_ms
        self._max_silence_ms = max_silence_ms
        self._bin_ms = max(1000, -(-window_ms // BINS))
        # columns, from the bin ``_first`` on without a gap: a bin as objects takes ten times as much
        self._first = 0
        self._energy = array("d")
        self._covered = array("q")
        self._forgotten_ms = 0  # what ends here or before is of no look any more
        self.last_at: int | None = None

    def add(self, at: int, level_db: float, span: int | None = None) -> bool:
        """Take a sample, of the last ``span`` ms if known; False if it is no younger than the last."""
        if self.last_at is not None and at <= self.last_at:
            return False
        if span is None:
            span = 1000 if self.last_at is None else min(at - self.last_at, self._max_silence_ms)
        self.last_at = at
        self._add(at, 10 ** (level_db / 10), min(span, self._window_ms))
        return True

    def take(self, ats: Sequence[int], powers: Iterable[float], spans: Sequence[int]) -> None:
        """As :meth:`add` of each, with its power: rising times, all younger than the last."""
        self.last_at = ats[-1]
        if ats[-1] <= self._forgotten_ms:
            return
        width, room = self._bin_ms, self._window_ms
        if max(spans) > room:
            spans = [min(span, room) for span in spans]
        place, begin, end, energy, covered = -1, 0, -1, 0.0, 0
        for at, power, span in zip(ats, powers, spans, strict=True):
            if at <= end and at - span >= begin:  # within the bin
                energy += power * span
                covered += span
                continue
            if place >= 0:
                self._energy[place], self._covered[place] = energy, covered
            self._add(at, power, span)
            place = (at - 1) // width - self._first
            begin = (self._first + place) * width
            end = begin + width
            energy, covered = self._energy[place], self._covered[place]
        self._energy[place], self._covered[place] = energy, covered

    def _add(self, at: int, power: float, span: int) -> None:
        """``power`` over the ``span`` up to ``at``."""
        width, start = self._bin_ms, at - span
        self._reach(start // width, (at - 1) // width)
        while start < at:
            index = start // width
            end = min(at, (index + 1) * width)
            place = index - self._first
            self._energy[place] += power * (end - start)
            self._covered[place] += end - start
            start = end

    def _reach(self, first: int, last: int) -> None:
        """Have bins from ``first`` to ``last``."""
        count = len(self._energy)
        if not count or first > self._first + count + BINS:  # nothing that is kept is of the same window
            self._first = first
            del self._energy[:], self._covered[:]
            count = 0
        if (before := self._first - first) > 0:
            self._first = first
            self._energy[:0], self._covered[:0] = array("d", bytes(8 * before)), array("q", bytes(8 * before))
            count += before
        if (after := last + 1 - self._first - count) > 0:
            self._energy.frombytes(bytes(8 * after))
            self._covered.frombytes(bytes(8 * after))
            kept = BINS + _AHEAD_MS // self._bin_ms + 2
            if (old := count + after - kept) > BINS:  # nobody has looked for so long
                del self._energy[:old], self._covered[:old]
                self._first += old

    def over(self, start: int, end: int) -> Level:
        """LAeq from ``start`` to ``end`` (Unix ms, within the window); coverage is of the whole window.
        ``end`` does not go back."""
        width = self._bin_ms
        oldest = (end - self._window_ms) // width
        self._forgotten_ms = oldest * width
        if (old := min(oldest - self._first, len(self._energy))) > 0:
            del self._energy[:old], self._covered[:old]
            self._first += old
        first = max(0, start // width - self._first)
        last = min(len(self._energy), -(-end // width) - self._first)
        if first >= last:
            return Level(None, 0.0)
        share = min(1.0, ((self._first + first + 1) * width - start) / width)
        energy = sum(self._energy[first + 1 : last], share * self._energy[first])
        covered = sum(self._covered[first + 1 : last], share * self._covered[first])
        if covered <= 0:
            return Level(None, 0.0)
        return Level(10 * log10(energy / covered), min(1.0, covered / self._window_ms))
