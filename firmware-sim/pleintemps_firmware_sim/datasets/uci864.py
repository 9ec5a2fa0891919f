"""UCI 864, Room Occupancy Estimation (Singh 2018): one room, a row every 30 s, local time without a zone."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from math import log10
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from pleintemps_firmware_sim.devices.modbus_sound import HIGHEST_DB, LOWEST_DB
from pleintemps_firmware_sim.errors import DatasetError

NAME: Final = "uci-864"
FILE: Final = Path("occupancy") / "uci-864-room-occupancy-estimation.csv"
ZONE: Final = ZoneInfo("Europe/Paris")
"""The recording names no zone; this one is what the replay's site has."""
PIRS: Final = ("S6_PIR", "S7_PIR")
SOUNDS: Final = ("S1_Sound", "S2_Sound", "S3_Sound", "S4_Sound")
TRUTH: Final = "Room_Occupancy_Count"


@dataclass(frozen=True, slots=True)
class Row:
    """``at`` Unix ms; ``pirs`` 0 or 1 each; ``level_db`` of the loudest microphone; ``occupied`` is the
    truth.
    """

    at: int
    pirs: tuple[int, int]
    level_db: float
    occupied: bool


def level_of(volts: float) -> float:
    """60 dB at 0.1 V, 20 dB a decade, within the meter's range."""
    if volts <= 0:
        return LOWEST_DB
    return min(HIGHEST_DB, max(LOWEST_DB, 60 + 20 * log10(volts / 0.1)))


def read_day(root: Path, day: date, start: time | None = None, end: time | None = None) -> list[Row]:
    """Rows of ``day`` from ``start`` (included) to ``end`` (excluded); raises DatasetError."""
    path = root / FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = sorted(_rows(path, file, day, start, end), key=lambda row: row.at)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    if not rows:
        raise DatasetError(f"{path}: no rows on {day}" + (" between these times" if start or end else ""))
    return rows


def _rows(path: Path, lines: Iterable[str], day: date, start: time | None, end: time | None) -> Iterator[Row]:
    for number, cells in enumerate(csv.DictReader(lines), 2):
        try:
            local = f"{cells['Date'].replace('/', '-')}T{cells['Time']}"
            at = datetime.fromisoformat(local).replace(tzinfo=ZONE)
            if at.date() != day or at.time() < (start or time.min) or (end and at.time() >= end):
                continue
            first, second = (int(cells[name]) for name in PIRS)
            yield Row(
                at=int(at.timestamp() * 1_000),
                pirs=(first, second),
                level_db=level_of(max(float(cells[name]) for name in SOUNDS)),
                occupied=int(cells[TRUTH]) > 0,
            )
        except (KeyError, ValueError) as error:
            raise DatasetError(f"{path}, line {number}: {error}") from error
