"""From samples to frames of 125 ms, from frames to levels over any time.

A frame holds sums and maxima, never samples. Full scale is 1; ``full_scale_db`` is the peak sound pressure
level (dB re 20 uPa) of that, so a sine of full scale has an equivalent level 3.01 dB below it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .filters import PEAK_RATE, Block, FilterBank, Samples, octaves_of

FRAMES_PER_S: Final = 8
FAST_S: Final = 0.125
SLOW_S: Final = 1.0
OVERLOAD: Final = 0.98
"""A sample that is so near to full scale may have been cut off."""
FLOOR_MARGIN_DB: Final = 5.0
"""A level less than that above the microphone's own noise is not one of the room."""
OCTAVES: Final = (125, 250, 500, 1000, 2000, 4000)
_STEP_MS: Final = 1
"""The time weightings are exact once in a millisecond; between, fast falls by 0.035 dB at most."""
_BIN_DB: Final = 0.1
_LOWEST_DB: Final = -200.0
_BINS: Final = 2_200
_SETTLING: Final = 5
"""Frames, of the time constant of fast, in which its filter comes within 0.03 dB of what it hears."""
_NEAR_PEAK: Final = 0.9

Energies = NDArray[np.float64]


@dataclass(slots=True)
class Frame:
    """``length`` samples from ``start`` on; sums of squares, highest values, and fast levels as a histogram
    of samples by 0.1 dB re full scale. ``total`` and ``z`` are the unweighted sum and sum of squares. The
    histogram of a filter that has ``settled`` replaces that of one that has just begun.
    """

    start: int
    length: int
    octaves: Energies
    fast: NDArray[np.int64]
    a: float = 0.0
    c: float = 0.0
    z: float = 0.0
    total: float = 0.0
    fast_max: float = 0.0
    slow_max: float = 0.0
    peak: float = 0.0
    overloads: int = 0
    settled: bool = False

    def add(self, other: "Frame") -> None:
        """Take what came after."""
        self.length += other.length
        self.octaves += other.octaves
        if other.settled == self.settled:
            self.fast += other.fast
        elif other.settled:
            self.fast = other.fast.copy()
            self.settled = True
        self.a += other.a
        self.c += other.c
        self.z += other.z
        self.total += other.total
        self.fast_max = max(self.fast_max, other.fast_max)
        self.slow_max = max(self.slow_max, other.slow_max)
        self.peak = max(self.peak, other.peak)
        self.overloads += other.overloads


class Meter:
    """Feed it samples of one channel at ``rate`` (Hz) and take frames; then :meth:`end` it."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.octaves = octaves_of(rate, OCTAVES)
        self._bank = FilterBank(rate, self.octaves)
        self.block = self._bank.hop
        self._raw = np.zeros(0, np.float32)
        self._fed = 0
        self._number = 1
        self._frame = self._new(0)
        step = max(1, rate * _STEP_MS // 1000)
        decays = [math.exp(-1 / (rate * seconds)) for seconds in (FAST_S, SLOW_S)]
        back = np.arange(step - 1, -1, -1.0)
        self._weights = np.stack([(1 - decay) * decay**back for decay in decays], axis=1)
        self._decays = decays
        self._weighted = [0.0, 0.0]

    def feed(self, samples: Samples) -> list[Frame]:
        """Take ``samples`` and give the frames that are complete, a fraction of a second later."""
        self._raw = np.concatenate((self._raw, samples))
        self._fed += len(samples)
        return [frame for block in self._bank.feed(samples) for frame in self._frames(block)]

    def end(self) -> list[Frame]:
        """The last frames; the very last may be shorter."""
        found = [frame for block in self._bank.end() for frame in self._frames(block)]
        if self._frame.length:
            found.append(self._frame)
            self._frame = self._new(self._fed)
        return found

    def _new(self, start: int) -> Frame:
        octaves, fast = np.zeros(len(self.octaves)), np.zeros(_BINS, np.int64)
        return Frame(start, 0, octaves, fast, settled=self._number > _SETTLING)

    def _frames(self, block: Block) -> Iterator[Frame]:
        at, last = block.start, min(block.start + len(block.a), self._fed)
        while at < last:
            boundary = self._number * self.rate // FRAMES_PER_S
            end = min(boundary, last)
            self._take(block, at - block.start, end - block.start)
            at = end
            if at == boundary:
                yield self._frame
                self._number += 1
                self._frame = self._new(at)
        self._raw = self._raw[max(0, last - block.start) :]

    def _take(self, block: Block, start: int, end: int) -> None:
        """Add samples ``start`` to ``end`` of ``block`` to the frame that is open."""
        frame = self._frame
        raw = self._raw[start:end].astype(np.float64)
        frame.length += end - start
        frame.total += float(raw.sum())
        frame.z += float(raw @ raw)
        frame.overloads += int(np.count_nonzero(np.abs(raw) >= OVERLOAD))
        self._weigh(frame, np.square(block.a[start:end], dtype=np.float64))
        c = block.c[1 + PEAK_RATE * start : 1 + PEAK_RATE * end]
        at_rate = c[::PEAK_RATE].astype(np.float64)
        frame.c += float(at_rate @ at_rate)
        frame.peak = max(frame.peak, _peak(block.c[PEAK_RATE * start : 2 + PEAK_RATE * end]))
        for number, (step, signal) in enumerate(block.octaves):
            band = signal[-(-start // step) : -(-end // step)].astype(np.float64)
            frame.octaves[number] += float(band @ band) * step

    def _weigh(self, frame: Frame, squares: Energies) -> None:
        """Fast and slow weighting, ``y += (x^2 - y)(1 - exp(-1/(rate tau)))``, a millisecond at a time."""
        frame.a += float(squares.sum())
        step = len(self._weights)
        whole, rest = divmod(len(squares), step)
        parts = squares[: whole * step].reshape(whole, step) @ self._weights
        levels = []
        for kind, decay in enumerate(self._decays):
            over, start = decay**step, self._weighted[kind]
            found = [start]
            for part in parts[:, kind].tolist():
                found.append(found[-1] * over + part)
            if rest:
                tail = float(squares[-rest:] @ self._weights[step - rest :, kind])
                found.append(found[-1] * decay**rest + tail)
            self._weighted[kind] = found[-1]
            levels.append(found[1:])
        frame.fast_max = max(frame.fast_max, *levels[0])
        frame.slow_max = max(frame.slow_max, *levels[1])
        bins = (10 * np.log10(np.maximum(levels[0], 1e-20)) - _LOWEST_DB) / _BIN_DB
        widths = [step] * whole + ([rest] if rest else [])
        counted = np.bincount(np.clip(bins, 0, _BINS - 1).astype(np.int64), widths, _BINS)
        frame.fast += counted.astype(np.int64)


def _peak(c: Samples) -> float:
    """The highest magnitude, between samples too: parabolas through the highest ones and their neighbours."""
    size = np.abs(c).astype(np.float64)
    highest = float(size[1:-1].max())
    near = np.flatnonzero(size[1:-1] >= max(_NEAR_PEAK * highest, 1e-30)) + 1
    before, here, after = size[near - 1], size[near], size[near + 1]
    bend = before - 2 * here + after
    inside = (before <= here) & (after <= here) & (bend < 0)
    if not inside.any():
        return highest
    tops = here[inside] - np.square(after[inside] - before[inside]) / (8 * bend[inside])
    return max(highest, float(tops.max()))


@dataclass(slots=True)
class Levels:
    """What was measured over some time. Levels in dB re 20 uPa; None is digital silence."""

    seconds: float
    LAeq: float | None
    LCeq: float | None
    LZeq: float | None
    LAFmax: float | None
    LASmax: float | None
    LCpeak: float | None
    L10: float | None
    L50: float | None
    L90: float | None
    octaves: dict[int, float | None] = field(default_factory=dict)
    overload: bool = False


def merged(frames: Iterable[Frame]) -> Frame | None:
    """One frame over all of ``frames``, which follow one another; None of none."""
    total: Frame | None = None
    for frame in frames:
        if total is None:
            total = Frame(frame.start, 0, np.zeros_like(frame.octaves), np.zeros_like(frame.fast))
        total.add(frame)
    return total


def levels(frame: Frame, meter: Meter, full_scale_db: float) -> Levels:
    """The levels over ``frame``, which ``meter`` has made and :func:`merged` may have merged."""

    def of(power: float) -> float | None:
        return 10 * math.log10(power) + full_scale_db if power > 0 else None

    # without its mean: a microphone's offset is no sound
    steady = frame.total**2 / frame.length
    return Levels(
        seconds=frame.length / meter.rate,
        LAeq=of(frame.a / frame.length),
        LCeq=of(frame.c / frame.length),
        LZeq=of((frame.z - steady) / frame.length) if frame.z > steady * (1 + 1e-12) else None,
        LAFmax=of(frame.fast_max),
        LASmax=of(frame.slow_max),
        LCpeak=of(frame.peak**2),
        L10=exceeded(frame.fast, 10, full_scale_db),
        L50=exceeded(frame.fast, 50, full_scale_db),
        L90=exceeded(frame.fast, 90, full_scale_db),
        octaves={
            nominal: of(float(energy) / frame.length)
            for nominal, energy in zip(meter.octaves, frame.octaves, strict=True)
        },
        overload=frame.overloads > 0,
    )


def exceeded(histogram: NDArray[np.int64], percent: float, full_scale_db: float) -> float | None:
    """The level that was exceeded ``percent`` of the time: L10 is the 90th percentile."""
    below = np.cumsum(histogram)
    if not below[-1]:
        return None
    wanted = below[-1] * (1 - percent / 100)
    number = int(np.searchsorted(below, wanted, side="left"))
    if number == 0:
        return None  # digital silence
    inside = float(wanted - below[number - 1]) / float(histogram[number])
    return _LOWEST_DB + (number + inside) * _BIN_DB + full_scale_db


def under_floor(laeq: float | None, noise_floor_db: float) -> bool:
    """Whether ``laeq`` may be the microphone's own noise, which is ``noise_floor_db`` in dB(A)."""
    return laeq is None or laeq < noise_floor_db + FLOOR_MARGIN_DB
