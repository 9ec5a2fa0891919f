"""Stretches: what one series said in one batch, as columns. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter, lt
from typing import NamedTuple, Self


class Stretch(NamedTuple):
    """``ats`` (Unix ms) do not go back, ``values`` stand beside them; neither is empty. ``rising``: no two
    are of one moment, so whole columns can be taken at once.
    """

    ats: Sequence[int]
    values: Sequence[float]
    rising: bool

    @classmethod
    def of(cls, samples: Iterable[tuple[int, float]]) -> Self | None:
        """Samples (Unix ms, value) in any order of time; None without any."""
        ordered = sorted(samples, key=itemgetter(0))
        if not ordered:
            return None
        ats = [at for at, _ in ordered]
        return cls(ats, [value for _, value in ordered], is_rising(ats))

    def pairs(self) -> Iterator[tuple[int, float]]:
        """(Unix ms, value)."""
        return zip(self.ats, self.values, strict=True)


def is_rising(ats: Sequence[int]) -> bool:
    """Whether each is later than the one before."""
    return all(map(lt, ats, ats[1:]))


class Cutter:
    """Makes stretches of the columns of one batch, many of which have the same times."""

    def __init__(self, base: int) -> None:
        """``base``: Unix ms."""
        self._base = base
        self._dt: Sequence[int] = ()
        self._ats: list[int] = []
        self._rising = False

    def cut(self, dt: Sequence[int], values: Sequence[float]) -> Stretch:
        """``dt``: ms after the base, in any order."""
        if dt != self._dt:
            base = self._base
            self._dt, self._ats = dt, [base + each for each in dt]
            self._rising = is_rising(self._ats)
        if self._rising:
            return Stretch(self._ats, values, rising=True)
        ordered = sorted(zip(self._ats, values, strict=True))
        ats = [at for at, _ in ordered]
        return Stretch(ats, [value for _, value in ordered], is_rising(ats))
