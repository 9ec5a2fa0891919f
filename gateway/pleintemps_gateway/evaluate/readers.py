"""Readers of recorded rooms. Local times without a zone are taken as they are written.

A file that cannot be used is a SettingsError; a bad row of a CSV file harms itself only and is counted."""

import csv
from collections import Counter
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Final

from pleintemps_gateway.errors import SettingsError

from .recording import DAY_MS, KINDS, Recording, Sample, Truth, sampled

_MINUTE_MS: Final = 60_000
_PULSE_MS: Final = 1_000
_LONGEST_MS: Final = 400 * DAY_MS
_MICROPHONES: Final = tuple(f"S{number}_Sound" for number in (1, 2, 3, 4))
_SECONDS: Final = range(1_200_000_000, 2_500_000_000)
"""Unix seconds of 2008 to 2049; as milliseconds they are days of January 1970."""
_LIMITS: Final = {"pir": 1.0, "radar": 3.0, "door": 1.0}


def read_uci(path: Path) -> Recording:
    """UCI 864: both PIRs and the loudest microphone (volts), truth at each row."""
    samples, truths = [], []
    rejected: Counter[str] = Counter()
    for row in _rows(path):
        try:
            at = _local(f"{row['Date']} {row['Time']}", "%Y/%m/%d %H:%M:%S")
            s6, s7, people = (int(row[name]) for name in ("S6_PIR", "S7_PIR", "Room_Occupancy_Count"))
            volts = max(float(row[name]) for name in _MICROPHONES)
        except (KeyError, TypeError, ValueError):
            rejected["row"] += 1
            continue
        if {s6, s7} <= {0, 1} and isfinite(volts):
            samples += [Sample(at, "pir:S6", float(s6)), Sample(at, "pir:S7", float(s7))]
            samples.append(Sample(at, "sound:loudest", volts))
            truths.append(Truth(at, people > 0))
        else:
            rejected["value"] += 1
    return _checked(path, samples, truths, dict(rejected))


def read_van_kasteren(folder: Path, house: str) -> Recording:
    """A van Kasteren house: each start of an interior sensor is a pulse of motion, each end of a front door's
    interval an edge; truth each minute from the first to the last label."""
    doors = {line[0] for line in _table(folder / f"sensorMap{house}-ids.txt", ",") if _front(line)}
    away = {
        line[0]
        for line in _table(folder / f"actionMap{house}.txt", None)
        if any("leave" in cell.lower() for cell in line)
    }
    samples = []
    for start, end, key in _intervals(folder / f"house{house}-ss.txt"):
        if key in doors:
            samples += [Sample(start, f"door:{key}", 1.0), Sample(end, f"door:{key}", 0.0)]
        else:
            samples += [Sample(start, f"pir:{key}", 1.0), Sample(start + _PULSE_MS, f"pir:{key}", 0.0)]
    labels = _intervals(folder / f"house{house}-as.txt")
    absences = [(start, end) for start, end, key in labels if key in away]
    truths = []
    if labels:
        first, last = min(label[0] for label in labels), max(label[1] for label in labels)
        for at in range(first, last + 1, _MINUTE_MS):
            truths.append(Truth(at, not any(start <= at < end for start, end in absences)))
    return _checked(folder, samples, truths, {})


def read_csv(path: Path) -> Recording:
    """An owner's own room: columns ``time``, ``series``, ``value``. Judged at the truth's own lines where
    truth was written at a rhythm, else each minute from its first line to the last line of all."""
    rows = _rows(path)
    if not rows or not {"time", "series", "value"} <= set(rows[0]):
        raise SettingsError(f"{path}: needs lines with the columns time, series and value")
    samples, told = [], []
    rejected: Counter[str] = Counter()
    for row in rows:
        try:
            at = _moment(row["time"])
        except (ValueError, OverflowError):
            rejected["time"] += 1
            continue
        try:
            value = float(row["value"])
        except ValueError:
            rejected["value"] += 1
            continue
        series = row["series"].strip()
        kind, _, name = series.partition(":")
        if series == "truth" and isfinite(value):
            told.append((at, value))
        elif kind not in KINDS or not name:
            rejected["series"] += 1
        elif not isfinite(value) or (kind in _LIMITS and value not in range(int(_LIMITS[kind]) + 1)):
            rejected["value"] += 1
        else:
            samples.append(Sample(at, series, value))
    times = [*(sample.at for sample in samples), *(at for at, _ in told)]
    if times and all(at in _SECONDS for at in times):
        raise SettingsError(f"{path}: its times look like Unix seconds, milliseconds are wanted")
    told.sort()
    truths = [Truth(at, value > 0) for at, value in told]
    if told and not sampled([value for _, value in told]):
        end = max([told[-1][0], *(sample.at for sample in samples)])
        if end - told[0][0] > _LONGEST_MS:
            raise SettingsError(f"{path}: its times lie more than {_LONGEST_MS // DAY_MS} days apart")
        truths, place = [], 0
        for at in range(told[0][0], end + 1, _MINUTE_MS):
            while place + 1 < len(told) and told[place + 1][0] <= at:
                place += 1
            truths.append(Truth(at, told[place][1] > 0))
    return _checked(path, samples, truths, dict(rejected))


def _checked(path: Path, samples: list[Sample], truths: list[Truth], rejected: dict[str, int]) -> Recording:
    if not samples or not truths:
        raise SettingsError(f"{path}: no {'truth' if samples else 'samples'} in it")
    return Recording(sorted(samples), sorted(truths), rejected)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text") from error
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    """Lines by column; a cell that a short line lacks is empty."""
    try:
        return list(csv.DictReader(_text(path).splitlines(), restkey="", restval=""))
    except csv.Error as error:
        raise SettingsError(f"{path}: not CSV: {error}") from error


def _table(path: Path, separator: str | None) -> list[list[str]]:
    lines = _text(path).splitlines()
    if separator is None:
        lines, separator = [line.replace("\t", ",") for line in lines], ","
    return [[cell.strip() for cell in line.split(separator)] for line in lines if line.strip()]


def _front(line: list[str]) -> bool:
    return len(line) > 1 and line[1].lower().startswith("front door")


def _intervals(path: Path) -> list[tuple[int, int, str]]:
    found = []
    for number, line in enumerate(_table(path, "\t"), start=1):
        try:
            start, end = (_local(cell, "%d-%b-%Y %H:%M:%S") for cell in line[:2])
            found.append((start, end, line[2]))
        except (IndexError, ValueError) as error:
            raise SettingsError(f"{path}, line {number}: not start, end and number") from error
    return found


def _local(text: str, form: str) -> int:
    return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000)


def _moment(text: str) -> int:
    """Unix ms of ISO 8601 with an offset, or of Unix ms; ValueError."""
    text = text.strip()
    if text.isdecimal():
        return int(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset")
    return round(moment.timestamp() * 1000)
