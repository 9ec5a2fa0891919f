"""A recording through the gateway's own filter, and through a plain timeout."""

from bisect import bisect_right
from collections import defaultdict
from typing import Final, NamedTuple

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.occupancy.memory import Memory
from pleintemps_gateway.occupancy.room import RoomFilter

from .recording import Recording, Sample, Truth, kind_of, silence_s, unit

_QUANTITIES: Final = {"pir": Quantity.MOTION, "radar": Quantity.RADAR, "sound": Quantity.LEVEL}
TIMEOUTS_S: Final = tuple(60 * minutes for minutes in (*range(1, 16), 20, 30, 45, 60, 90, 120, 180))
"""Timeouts among which the baseline may choose."""


class Told(NamedTuple):
    """What the filter said at each true moment (None when unknown), and what the room had taught it."""

    said: list[bool | None]
    memory: Memory


def believed(recording: Recording) -> list[bool | None]:
    """What a new room's filter says at each true moment, None when unknown."""
    return lived(recording, Memory()).said


def lived(recording: Recording, memory: Memory) -> Told:
    """The filter through a recording, from what ``memory`` holds, which it goes on filling.

    One room from beginning to end. Each answer uses what was said up to its moment; only how long a series
    may be silent, which an agent would announce, is taken from the whole recording."""
    samples, truths = recording.samples, recording.truths
    memory.sound.begin()
    times = [each[0].at for each in (samples, truths) if each]
    room = RoomFilter(min(times, default=0), memory)
    own: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        own[sample.series].append(sample)
    for series, said in own.items():
        if kind_of(series) in _QUANTITIES:
            room.series(series, series, _QUANTITIES[kind_of(series)], silence_s(said))
        elif kind_of(series) == "door":
            room.watched()
    decibels = {
        series: unit(samples) for series, samples in sorted(own.items()) if kind_of(series) == "sound"
    }
    found: list[bool | None] = []
    fed = 0
    for truth in truths:
        while fed < len(samples) and samples[fed].at <= truth.at:
            sample, fed = samples[fed], fed + 1
            if kind_of(sample.series) in ("pir", "radar"):
                room.sample(sample.series, sample.at, int(sample.value))
            elif kind_of(sample.series) == "sound":
                room.level(sample.series, sample.at, decibels[sample.series](sample.value))
            elif kind_of(sample.series) == "door":
                room.door(sample.at, bool(sample.value), sample.series, moved=False)
        state = room.estimate(truth.at).state
        found.append(None if state is Occupancy.UNKNOWN else state is Occupancy.OCCUPIED)
    return Told(found, memory)


def by_timeout(recording: Recording, timeout_s: int) -> list[bool]:
    """Occupied while the last sign of a motion or radar series is at most ``timeout_s`` old."""
    hits = [s.at for s in recording.samples if kind_of(s.series) in ("pir", "radar") and s.value]
    return [_recent(hits, truth, timeout_s * 1000) for truth in recording.truths]


def _recent(hits: list[int], truth: Truth, timeout_ms: int) -> bool:
    place = bisect_right(hits, truth.at)
    return place > 0 and truth.at - hits[place - 1] <= timeout_ms
