"""Figures for estimates beside truth; unknown is wrong."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from .recording import Truth


class Latency(NamedTuple):
    """Seconds from a true change to the first estimate that agrees before the next change; None where that
    is infinite (missed) or there was no change."""

    median: float | None
    max: float | None


class Score(NamedTuple):
    """Figures over all moments; F1 is that of occupied."""

    accuracy: float
    f1: float
    arrival_s: Latency
    clear_s: Latency
    missed_arrivals: int
    missed_vacancies: int
    unknown: int


def score(truths: Sequence[Truth], said: Sequence[bool | None]) -> Score:
    """Compare; ``truths`` is not empty, both are in order of time."""
    pairs = [(truth.occupied, guess) for truth, guess in zip(truths, said, strict=True)]
    hits = sum(occupied and guess is True for occupied, guess in pairs)
    present = sum(occupied for occupied, _ in pairs)
    alarms = sum(not occupied and guess is not False for occupied, guess in pairs)
    errors = present - hits + alarms
    arrivals, clears = changes(truths, said, True), changes(truths, said, False)
    return Score(
        accuracy=1 - errors / len(pairs),
        f1=2 * hits / (2 * hits + errors) if hits or errors else 1.0,
        arrival_s=_latency(arrivals),
        clear_s=_latency(clears),
        missed_arrivals=arrivals.count(None),
        missed_vacancies=clears.count(None),
        unknown=sum(guess is None for _, guess in pairs),
    )


def changes(truths: Sequence[Truth], said: Sequence[bool | None], occupied: bool) -> list[float | None]:
    """Seconds of each true change to ``occupied`` until the estimate agrees; None if it never did."""
    found: list[float | None] = []
    for index in range(1, len(truths)):
        if truths[index].occupied is not occupied or truths[index - 1].occupied is occupied:
            continue
        later = index
        while later < len(truths) and truths[later].occupied is occupied and said[later] is not occupied:
            later += 1
        missed = later == len(truths) or truths[later].occupied is not occupied
        found.append(None if missed else (truths[later].at - truths[index].at) / 1000)
    return found


def _latency(found: list[float | None]) -> Latency:
    if not found:
        return Latency(None, None)
    seconds = [float("inf") if each is None else each for each in found]
    middle, most = median(seconds), max(seconds)
    return Latency(*(None if value == float("inf") else value for value in (middle, most)))
