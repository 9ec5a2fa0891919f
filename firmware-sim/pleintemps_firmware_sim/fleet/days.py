"""The days of a fleet's spaces: who books when, who comes and goes, how a room is then. Pure.

A day is divided like a real one whatever its length: bookings from 8 to 22 h, dawn at 7, dusk at 20. Equal
seeds give equal days, so whoever writes the calendars and whoever lives in the rooms need not talk.
"""

import hashlib
from enum import IntEnum
from typing import Final, NamedTuple

from pleintemps_contract.world import ManualWorld

DAY_MS: Final = 86_400_000
_FIRST_H: Final = 8
_LAST_H: Final = 22
_DAWN_H: Final = 7
_DUSK_H: Final = 20
_NO_SHOW: Final = 10
"""One booking of so many has nobody come."""
_LOUD: Final = 4
"""One of so many is loud."""
_MOST_GROUPS: Final = 4
_MOST_IN_GROUP: Final = 5


class Visit(NamedTuple):
    """A booking and its people, who come in groups at ``arrivals`` and go at ``departures``."""

    start: int
    end: int
    groups: tuple[int, ...]
    loud: bool
    arrivals: tuple[int, ...]
    departures: tuple[int, ...]


class Scene(IntEnum):
    """How a room is."""

    NIGHT = 0
    DAY = 1
    FEW = 2
    MANY = 3
    LOUD = 4


class Step(NamedTuple):
    """At ``at`` so many people come (or go, where ``people`` is negative), by a door; 0: light changes."""

    at: int
    people: int
    loud: bool
    is_day: bool


def chance_of(seed: int, *names: object) -> ManualWorld:
    """Chance of its own for every name."""
    text = " ".join(map(str, (seed, *names)))
    return ManualWorld(seed=int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


def visits(seed: int, site: str, space: str, day: int, day_ms: int = DAY_MS) -> list[Visit]:
    """The bookings of one space on day ``day`` (``day * day_ms`` is its start, Unix ms), in order, in whole
    seconds, never overlapping.
    """
    chance = chance_of(seed, site, space, day)
    found: list[Visit] = []
    hour = day_ms // 24
    at = day * day_ms + _FIRST_H * hour + chance.random_below(2 * hour)
    last = day * day_ms + _LAST_H * hour
    while True:
        length = hour * (4 + chance.random_below(5)) // 4
        start, end = at // 1000 * 1000, (at + length) // 1000 * 1000
        if end > last:
            return found
        if end > start:
            found.append(_visit(chance, start, end))
        at = end + chance.random_below(2 * hour) + 1000


def _visit(chance: ManualWorld, start: int, end: int) -> Visit:
    length = end - start
    count = 0 if not chance.random_below(_NO_SHOW) else 1 + chance.random_below(_MOST_GROUPS)
    groups = tuple(1 + chance.random_below(_MOST_IN_GROUP) for _ in range(count))
    late = [start - length // 20 + chance.random_below(length // 5 + 1) for _ in groups]
    early = [end - chance.random_below(length // 10 + 1) for _ in groups]
    return Visit(
        start, end, groups, not chance.random_below(_LOUD), tuple(sorted(late)), tuple(sorted(early))
    )


def steps(seed: int, site: str, space: str, day: int, day_ms: int = DAY_MS) -> list[Step]:
    """All that changes in one space on one day, in order of time."""
    hour, begin = day_ms // 24, day * day_ms
    found = [
        Step(begin, 0, False, False),
        Step(begin + _DAWN_H * hour, 0, False, True),
        Step(begin + _DUSK_H * hour, 0, False, False),
    ]
    for visit in visits(seed, site, space, day, day_ms):
        found += [
            Step(at, people, visit.loud, False)
            for at, people in zip(visit.arrivals, visit.groups, strict=True)
        ]
        found += [
            Step(at, -people, visit.loud, False)
            for at, people in zip(visit.departures, visit.groups, strict=True)
        ]
    return sorted(found)


def scene(people: int, loud: bool, is_day: bool) -> Scene:
    """How a room with so many people is."""
    if not people:
        return Scene.DAY if is_day else Scene.NIGHT
    if people <= 2:
        return Scene.FEW
    return Scene.LOUD if loud else Scene.MANY
