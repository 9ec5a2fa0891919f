"""Stretches: what one series said in one batch, as columns. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from math import isnan
from operator import itemgetter, lt
from typing import NamedTuple, Self, TypeVar

S = TypeVar("S", bound="Stretch")


class Stretch(NamedTuple):
    """``ats`` (Unix ms) do not go back, ``values`` (from ``low`` to ``high``) stand beside them; neither is
    empty. ``rising``: no two are of one moment and all are numbers, so whole columns can be taken at once.
    """

    ats: Sequence[int]
    values: Sequence[float]
    rising: bool
    low: float
    high: float

    @classmethod
    def of(cls, samples: Iterable[tuple[int, float]]) -> Self | None:
        """Samples (Unix ms, value) in any order of time; None without any."""
        ordered = sorted(samples, key=itemgetter(0))
        if not ordered:
            return None
        return _made(cls, ordered)

    def pairs(self) -> Iterator[tuple[int, float]]:
        """(Unix ms, value)."""
        return zip(self.ats, self.values, strict=True)


def _made(kind: type[S], ordered: Sequence[tuple[int, float]]) -> S:
    ats, values = [at for at, _ in ordered], [value for _, value in ordered]
    # a sum that is not a number has one that is none
    return kind(ats, values, _is_rising(ats) and not isnan(sum(values)), min(values), max(values))


def _is_rising(ats: Sequence[int]) -> bool:
    return all(map(lt, ats, ats[1:]))


def joined(parts: Sequence[Stretch]) -> Sequence[Stretch]:
    """The stretches of one series in the order in which they came, as one if that is in the order of time."""
    if len(parts) == 1:
        return parts
    if not all(part.rising for part in parts):
        return parts
    if not all(one.ats[-1] < other.ats[0] for one, other in pairwise(parts)):
        return parts
    ats = list(chain.from_iterable(part.ats for part in parts))
    values = list(chain.from_iterable(part.values for part in parts))
    return [Stretch(ats, values, True, min(part.low for part in parts), max(part.high for part in parts))]


class Cutter:
    """Makes stretches of the columns of one batch, many of which have the same times."""

    def __init__(self, base: int) -> None:
        """``base``: Unix ms."""
        self._base = base
        self._dt: Sequence[int] = ()
        self._ats: list[int] = []
        self._rising = False

    def cut(self, dt: Sequence[int], values: Sequence[float]) -> Stretch:
        """``dt``: ms after the base, in any order; ``values`` are numbers."""
        if dt != self._dt:
            base = self._base
            self._dt, self._ats = dt, [base + each for each in dt]
            self._rising = _is_rising(self._ats)
        if self._rising:
            return Stretch(self._ats, values, True, min(values), max(values))
        return _made(Stretch, sorted(zip(self._ats, values, strict=True)))
