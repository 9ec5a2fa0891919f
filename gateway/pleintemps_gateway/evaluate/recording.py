"""What every reader gives: samples in order of time and the moments at which truth is known."""

import itertools
from collections.abc import Callable
from math import log10
from statistics import median
from typing import Final, NamedTuple

DAY_MS: Final = 86_400_000
KINDS: Final = ("pir", "radar", "sound", "door")
"""Kinds of series: the part of a series' name before the colon."""
_MOST_VOLTS: Final = 12.0
_LEAST_VOLTS: Final = 0.01
_VOLT_DB: Final = 80.0  # only differences count
_ON_CHANGE_SILENCE_S: Final = 30 * 86_400


class Sample(NamedTuple):
    """``series`` said ``value`` at ``at`` (Unix ms); ``series`` is ``kind:name``."""

    at: int
    series: str
    value: float


class Truth(NamedTuple):
    """Whether somebody was there at ``at``."""

    at: int
    occupied: bool

    @property
    def day(self) -> int:
        """Calendar day of the recording's own time."""
        return self.at // DAY_MS


class Recording(NamedTuple):
    """One room. ``rejected`` counts lines by what was wrong with them."""

    samples: list[Sample]
    truths: list[Truth]
    rejected: dict[str, int]


def kind_of(series: str) -> str:
    """``pir`` of ``pir:hall``."""
    return series.partition(":")[0]


def sampled(values: list[float]) -> bool:
    """Whether a series was written at a rhythm, not only when it changed: most values repeat the last one."""
    repeats = sum(value == before for before, value in itertools.pairwise(values))
    return repeats * 2 > len(values)


def silence_s(samples: list[Sample]) -> int:
    """How long this series may be silent: three times its rhythm, a month if it speaks on change only."""
    if not sampled([sample.value for sample in samples]):
        return _ON_CHANGE_SILENCE_S
    steps = [later.at - sample.at for sample, later in itertools.pairwise(samples) if later.at > sample.at]
    return max(1, round(3 * median(steps) / 1000)) if steps else _ON_CHANGE_SILENCE_S


def unit(samples: list[Sample]) -> Callable[[float], float]:
    """From a sound series' own unit to decibels: volts if it never leaves 0 to ``_MOST_VOLTS``."""
    if all(0 <= sample.value <= _MOST_VOLTS for sample in samples):
        return lambda volts: _VOLT_DB + 20 * log10(max(volts, _LEAST_VOLTS))
    return lambda level: level


def chosen(recording: Recording, kinds: frozenset[str]) -> Recording:
    """The recording with series of these kinds only."""
    return recording._replace(samples=[s for s in recording.samples if kind_of(s.series) in kinds])


def with_fault(recording: Recording, series: str, fault: str, day: int | None = None) -> Recording:
    """The recording as if ``series`` had been stuck ``high`` or ``low``, or had been ``missing``: on ``day``
    (see :attr:`Truth.day`), or always."""

    def ill(sample: Sample) -> bool:
        return sample.series == series and (day is None or sample.at // DAY_MS == day)

    if fault == "missing":
        return recording._replace(samples=[s for s in recording.samples if not ill(s)])
    own = [s.value for s in recording.samples if s.series == series]
    value = max(own, default=0.0) if fault == "high" else min(own, default=0.0)
    if kind_of(series) != "sound":
        value = float(fault == "high")
    return recording._replace(samples=[s._replace(value=value) if ill(s) else s for s in recording.samples])
