"""Emergence at a neighbour, indicated from inside: what an acoustician has measured once, applied to what is
heard now. Code de la sante publique R1336-6 to R1336-8, code de l'environnement R571-26."""

from collections.abc import Sequence
from math import log, log1p, log10
from typing import Final, NamedTuple

from .energy import added

OCTAVES_HZ: Final = (125, 250, 500, 1000, 2000, 4000)
A_DB: Final = (-16.1, -8.6, -3.2, 0.0, 1.2, 1.0)
"""A weighting at the octaves (IEC 61672-1, table 3)."""
FLOOR_DWELLING_DB: Final = 25.0
FLOOR_ELSEWHERE_DB: Final = 30.0
"""Emergence is sought only where the ambient level exceeds this (R1336-6)."""
PRESENT_DB: Final = 3.0
"""The noise is there while it is at least as loud at the neighbour as the residual sound, in all or in one
octave: our choice."""
_MINUTE_MS: Final = 60_000
_CORRECTIONS: Final = ((1, 6.0), (5, 5.0), (20, 4.0), (120, 3.0), (240, 2.0), (480, 1.0))
"""Up to so many minutes: so many dB(A) more (R1336-7)."""


class AtNeighbour(NamedTuple):
    """``ambient_db`` is dB(A) at the neighbour; emergence in all, and by octave."""

    ambient_db: float
    overall_db: float
    octaves_db: tuple[float, ...]

    @property
    def highest_db(self) -> float:
        return max(self.overall_db, *self.octaves_db)

    def is_present(self, floor_db: float) -> bool:
        """Whether the noise is there, where emergence is sought above ``floor_db``."""
        return self.highest_db >= PRESENT_DB and self.ambient_db > floor_db


class Allowed(NamedTuple):
    """Limits of emergence: in all, and by octave."""

    overall_db: float
    octaves_db: tuple[float, ...]
    correction_db: float


def emergence(level_db: float, difference_db: float, residual_db: float) -> float:
    """E = 10 lg(10^((L-D)/10) + 10^(Lres/10)) - Lres, never below 0."""
    return 10 * log1p(10 ** ((level_db - difference_db - residual_db) / 10)) / log(10)


def at_neighbour(
    levels_db: Sequence[float],
    difference_db: Sequence[float],
    residual_db: Sequence[float],
    residual_a: float,
) -> AtNeighbour:
    """``levels_db`` in the room, by octave and unweighted; ``residual_a`` is the residual in dB(A)."""
    octaves = tuple(map(emergence, levels_db, difference_db, residual_db))
    heard = added(level - d + a for level, d, a in zip(levels_db, difference_db, A_DB, strict=True))
    overall = emergence(heard, 0.0, residual_a)
    return AtNeighbour(residual_a + overall, overall, octaves)


def correction_db(duration_ms: float) -> float:
    """What the cumulated duration of the noise in its period adds to the limit in dB(A)."""
    for minutes, more in _CORRECTIONS:
        if duration_ms <= minutes * _MINUTE_MS:
            return more
    return 0.0


def allowed(night: bool, amplified: bool, duration_ms: float) -> Allowed:
    """Neighbourhood noise from 7 to 22 h or at ``night``; ``amplified`` sound has limits of its own."""
    if amplified:
        return Allowed(3.0, (3.0,) * len(OCTAVES_HZ), 0.0)
    more = correction_db(duration_ms)
    return Allowed((3.0 if night else 5.0) + more, (7.0, 7.0, 5.0, 5.0, 5.0, 5.0), more)


def room_level(levels_db: Sequence[float]) -> float:
    """dB(A) of the octaves together."""
    return added(level + a for level, a in zip(levels_db, A_DB, strict=True))


def too_much(emergence_db: float, limit_db: float) -> float:
    """By how many dB the room must be quieter for this emergence to be the limit; negative: may be louder."""
    return _above_residual(emergence_db) - _above_residual(limit_db)


def _above_residual(emergence_db: float) -> float:
    return 10 * log10(max(1e-12, 10 ** (emergence_db / 10) - 1))
