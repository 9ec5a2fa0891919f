"""Minutes from samples: levels by energy, states by the time that they were on. Pure."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_gateway.noise.energy import powers
from pleintemps_gateway.stretch import Stretch

MINUTE_MS: Final = 60_000
FUTURE_MS: Final = 5 * MINUTE_MS
"""A sample further ahead of the gateway's clock has no place in time."""
_STATES: Final = {
    Quantity.MOTION: 1,
    Quantity.CONTACT: 1,
    Quantity.RADAR: 3,
    Quantity.TARGETS: 3,
    Quantity.RANGE: 2,
}
_ALLOWED: Final = {quantity.value: frozenset(range(highest + 1)) for quantity, highest in _STATES.items()}
_LEVEL_DB: Final = (-40.0, 200.0)


@dataclass(slots=True)
class Minute:
    """Of a level: ``energy`` sums 10^(L/10), ``total`` dB. Of a state: ``total`` is ms on."""

    count: int = 0
    total: float = 0.0
    energy: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, value: float) -> None:
        self.count += 1
        if value < self.low:
            self.low = value
        if value > self.high:
            self.high = value


def sound(quantity: str, samples: Iterable[tuple[int, float]], latest: int) -> list[tuple[int, float]]:
    """Those (Unix ms, value) that ``quantity`` can have, not after ``latest``."""
    highest = _STATES.get(Quantity(quantity))
    if highest is None:
        low, high = _LEVEL_DB
        return [(at, value) for at, value in samples if at <= latest and low <= value <= high]
    states = range(highest + 1)
    return [(at, value) for at, value in samples if at <= latest and value in states]


def sound_stretch(quantity: str, stretch: Stretch, latest: int) -> Stretch | None:
    """As :func:`sound`; None if nothing is left."""
    if stretch.rising and stretch.ats[-1] <= latest:
        if (allowed := _ALLOWED.get(quantity)) is not None:
            if allowed.issuperset(stretch.values):
                return stretch
        elif stretch.low >= _LEVEL_DB[0] and stretch.high <= _LEVEL_DB[1]:
            return stretch
    return Stretch.of(sound(quantity, stretch.pairs(), latest))


class SeriesRoll:
    """One series; remembers its last sample, so that a state is counted for as long as it held."""

    __slots__ = ("_hold_ms", "_is_level", "last_at", "last_value", "minutes")

    def __init__(self, kind: str, max_silence_s: int, last_at: int | None, last_value: float | None) -> None:
        self._is_level = kind == SeriesKind.LEVEL
        self._hold_ms = 2_000 * max_silence_s  # after that a state is stale and counts for nothing
        self.last_at = last_at
        self.last_value = last_value
        self.minutes: dict[int, Minute] = {}

    def take(self, samples: Iterable[tuple[int, float]]) -> None:
        """(Unix ms, value) in rising order; an older one than the last counts in its own minute."""
        start, minute = -1, Minute()
        for at, value in samples:
            if at - at % MINUTE_MS != start:
                start = at - at % MINUTE_MS
                minute = self._minute(at)
            minute.add(value)
            if self._is_level:
                minute.total += value
                minute.energy += 10 ** (value / 10)
            elif self.last_at is not None and self.last_value and at > self.last_at:
                self._hold(self.last_at, min(at, self.last_at + self._hold_ms), self.last_value)
            if self.last_at is None or at >= self.last_at:
                self.last_at, self.last_value = at, value

    def take_stretch(self, stretch: Stretch) -> None:
        """As :meth:`take`."""
        ats, values = stretch.ats, stretch.values
        if not stretch.rising or (self.last_at is not None and ats[0] <= self.last_at):
            self.take(stretch.pairs())
            return
        low, high = stretch.low, stretch.high
        if not self._is_level and (high or self.last_value):
            self._hold_all(ats, values)
        self.last_at, self.last_value = ats[-1], values[-1]
        start, count = 0, len(ats)
        while start < count:
            first = ats[start] - ats[start] % MINUTE_MS
            end, some = count, values
            if start or ats[-1] >= first + MINUTE_MS:
                end = bisect_left(ats, first + MINUTE_MS, start)
                some = values[start:end]
                low, high = min(some), max(some)
            if (minute := self.minutes.get(first)) is None:
                minute = self.minutes[first] = Minute()
            minute.count += end - start
            if low < minute.low:
                minute.low = low
            if high > minute.high:
                minute.high = high
            if self._is_level:
                # one after the other: a sum of floats depends on its order
                minute.total = reduce(add, some, minute.total)
                minute.energy = reduce(add, powers(some), minute.energy)
            start = end

    def _hold_all(self, ats: Sequence[int], values: Sequence[float]) -> None:
        """A state from its last sample to the end of the stretch, run by run: times are whole, so sums of
        them do not depend on their order."""
        last_at, held, longest = self.last_at, self.last_value, self._hold_ms
        began = last_at
        for at, value in zip(ats, values, strict=True):
            if value == held and last_at is not None and at - last_at <= longest:
                last_at = at
                continue
            if held and began is not None and last_at is not None:
                self._hold(began, min(at, last_at + longest), held)
            began = last_at = at
            held = value
        if held and began is not None and last_at is not None:
            self._hold(began, last_at, held)

    def _hold(self, start: int, end: int, value: float) -> None:
        while start < end:
            following = min(end, start - start % MINUTE_MS + MINUTE_MS)
            minute = self._minute(start)
            minute.total += following - start
            if value < minute.low:
                minute.low = value
            if value > minute.high:
                minute.high = value
            start = following

    def _minute(self, at: int) -> Minute:
        start = at - at % MINUTE_MS
        found = self.minutes.get(start)
        if found is None:
            found = self.minutes[start] = Minute()
        return found
