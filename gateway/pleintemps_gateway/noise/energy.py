"""Sums of sound energy: decibels are never averaged."""

from collections.abc import Iterable
from math import log10
from typing import Final, NamedTuple

_MOST: Final = 10_000


class _Powers(dict[float, float]):
    """Meters say levels in steps: each is raised once."""

    def __missing__(self, level_db: float) -> float:
        if len(self) >= _MOST:
            self.clear()
        power: float = 10 ** (level_db / 10)
        self[level_db] = power
        return power


_power_of: Final = _Powers().__getitem__


def powers(levels_db: Iterable[float]) -> list[float]:
    """10^(L/10) of each level."""
    return list(map(_power_of, levels_db))


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
