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


def cut(base: int, dt: Sequence[int], values: Sequence[float]) -> Stretch:
    """Of one column: ``dt`` are ms after the base (Unix ms), in any order; ``values`` are numbers."""
    ats = [base + each for each in dt]
    if _is_rising(ats):
        return Stretch(ats, values, True, min(values), max(values))
    return _made(Stretch, sorted(zip(ats, values, strict=True)))


Times = tuple[int, Sequence[int]]
"""When one series was measured in one batch: its base (Unix ms), and ms after it in any order."""


class Joiner:
    """Makes stretches of what each series of an agent said in several batches, mostly at the same times."""

    def __init__(self, early: int) -> None:
        """What a part says before ``early`` (Unix ms) makes it late."""
        self._early = early
        self._times: Sequence[Times] = []
        self._ats: list[int] = []
        self._rising = False
        self._late: tuple[int, int] | None = None

    def join(
        self, times: Sequence[Times], values: Sequence[Sequence[float]]
    ) -> tuple[Sequence[Stretch], tuple[int, int] | None]:
        """The stretches of one series, :func:`joined`; from when to when those parts are that are late.
        ``values`` are those of each part."""
        if times != self._times:
            self._times = times
            self._ats = [base + each for base, dt in times for each in dt]
            self._rising = _is_rising(self._ats)
            self._late = self._span(times)
        if not self._rising:
            parts = zip(times, values, strict=True)
            return joined([cut(base, dt, some) for (base, dt), some in parts]), self._late
        whole = list(chain.from_iterable(values))
        return [Stretch(self._ats, whole, True, min(whole), max(whole))], self._late

    def _span(self, times: Sequence[Times]) -> tuple[int, int] | None:
        spans = [(base + min(dt), base + max(dt)) for base, dt in times]
        late = [span for span in spans if span[0] < self._early]
        return (min(first for first, _ in late), max(last for _, last in late)) if late else None
