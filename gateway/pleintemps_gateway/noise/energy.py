"""Sums of sound energy: decibels are never averaged."""

from collections.abc import Iterable
from math import log10
from typing import NamedTuple


class Energy(NamedTuple):
    """Relative power times its time, and that time. Merging is associative; nothing has no level."""

    power_ms: float = 0.0
    ms: float = 0.0

    @property
    def level_db(self) -> float | None:
        """The equivalent level of the time that was measured."""
        return 10 * log10(self.power_ms / self.ms) if self.ms > 0 and self.power_ms > 0 else None


def energy_of(level_db: float, ms: float) -> Energy:
    return Energy(10 ** (level_db / 10) * ms, ms)


def merged(parts: Iterable[Energy]) -> Energy:
    """One interval of several that do not overlap."""
    power, ms = 0.0, 0.0
    for part in parts:
        power, ms = power + part.power_ms, ms + part.ms
    return Energy(power, ms)


def added(levels_db: Iterable[float]) -> float:
    """The level of several sounds at once; ValueError without any."""
    return 10 * log10(sum(10 ** (level / 10) for level in levels_db))
