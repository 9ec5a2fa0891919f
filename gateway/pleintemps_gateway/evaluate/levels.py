"""Readers of recorded levels: a plain table, and the 125 ms files of NoiseSensor."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from pleintemps_contract.units import Quantity
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.noise.energy import added
from pleintemps_gateway.noise.neighbour import OCTAVES
from pleintemps_gateway.noise.watch import LEVELS, QUANTITIES

_KINDS: Final = {quantity.value: quantity for quantity in QUANTITIES} | {"sound": Quantity.LEVEL}
_OTHERS: Final = frozenset({"pir", "radar", "door", "truth"})
"""Series of a recording that is for occupancy as well."""
_THIRDS: Final = {
    Quantity.LEQ_125: ("100", "125", "160"),
    Quantity.LEQ_250: ("200", "250", "315"),
    Quantity.LEQ_500: ("400", "500", "630"),
    Quantity.LEQ_1000: ("800", "1000", "1250"),
    Quantity.LEQ_2000: ("1600", "2000", "2500"),
    Quantity.LEQ_4000: ("3150", "4000", "5000"),
}
_LONGEST_STEP_MS: Final = 3_600_000
"""No value speaks for longer, however seldom they come."""
_LATEST: Final = 7_258_118_400_000
"""The year 2200: what is later is no time of a recording."""
_GAP: Final = 3
"""So many times its own rhythm a series may be silent until something is missing."""


class Series(NamedTuple):
    """(Unix ms, value) in order of time; ``step_ms`` is its rhythm."""

    name: str
    quantity: Quantity
    samples: list[tuple[int, float]]
    step_ms: int

    @property
    def silence_s(self) -> int:
        """How long it may be silent: a value speaks for the time since the one before, at most so long."""
        return max(1, round(_GAP * self.step_ms / 1000))

    @property
    def spans(self) -> Iterator[tuple[float, int]]:
        """Each value with the time that it speaks for."""
        longest, before = _GAP * self.step_ms, None
        for at, value in self.samples:
            yield value, self.step_ms if before is None else min(at - before, longest)
            before = at


class LevelRecording(NamedTuple):
    """``rejected`` counts lines by what was wrong with them, ``repeated`` values of a moment told before."""

    series: list[Series]
    rejected: dict[str, int]
    repeated: int

    @property
    def levels(self) -> list[Series]:
        return [series for series in self.series if series.quantity in LEVELS]


def read_levels(path: Path) -> LevelRecording:
    """Columns ``time``, ``series`` (``sound:NAME``, ``LAeq:NAME``, ``LCeq:NAME``, ``Leq-125:NAME`` ...) and
    ``value`` in dB; or a file of NoiseSensor. SettingsError if it is neither."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            columns = set(reader.fieldnames or ())
            if {"time", "series", "value"} <= columns:
                found, rejected = _table(reader)
            elif {"epoch", "laeq"} <= columns:
                found, rejected = _noisesensor(reader)
            else:
                raise SettingsError(f"{path}: needs the columns time, series and value, or epoch and laeq")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text") from error
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except csv.Error as error:
        raise SettingsError(f"{path}: not CSV: {error}") from error
    series, repeated = [], 0
    for (name, quantity), samples in found.items():
        once = dict(sorted(samples))
        repeated += len(samples) - len(once)
        steps = [later - at for at, later in pairwise(once)]
        step = min(round(median(steps)), _LONGEST_STEP_MS) if steps else 1000
        series.append(Series(name, quantity, list(once.items()), step))
    recording = LevelRecording(series, dict(rejected), repeated)
    if not recording.levels:
        raise SettingsError(f"{path}: no levels in it")
    return recording


_Found = dict[tuple[str, Quantity], list[tuple[int, float]]]


def _table(reader: "csv.DictReader[str]") -> tuple[_Found, Counter[str]]:
    found: _Found = defaultdict(list)
    rejected: Counter[str] = Counter()
    for row in reader:
        kind, _, name = row["series"].strip().partition(":")
        if kind in _OTHERS:
            continue
        if kind not in _KINDS or not name:
            rejected["series"] += 1
        elif (at := _moment(row["time"])) is None:
            rejected["time"] += 1
        elif (value := _level(row["value"])) is None:
            rejected["value"] += 1
        else:
            found[name, _KINDS[kind]].append((at, value))
    return found, rejected


def _noisesensor(reader: "csv.DictReader[str]") -> tuple[_Found, Counter[str]]:
    """Octaves are the sums of their thirds."""
    found: _Found = defaultdict(list)
    rejected: Counter[str] = Counter()
    for row in reader:
        at, level = _moment(row["epoch"]), _level(row["laeq"])
        if at is None or level is None:
            rejected["time" if at is None else "value"] += 1
            continue
        found["sensor", Quantity.LAEQ].append((at, level))
        bands = [[_level(row.get(third, "")) for third in _THIRDS[octave]] for octave in OCTAVES]
        for octave, thirds in zip(OCTAVES, bands, strict=True):
            known = [third for third in thirds if third is not None]
            if len(known) == len(thirds):
                found["sensor", octave].append((at, added(known)))
    return found, rejected


def _level(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and -20 <= value <= 200 else None


def _moment(text: str) -> int | None:
    """Unix ms of ISO 8601 with an offset, or of Unix ms, from 1970 to 2199."""
    text = text.strip()
    try:
        if text.isdecimal():
            at = int(text)
        else:
            moment = datetime.fromisoformat(text)
            at = -1 if moment.tzinfo is None else round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return at if 0 <= at < _LATEST else None
