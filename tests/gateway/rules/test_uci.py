"""A recorded room (UCI 864) through the rules: each row judged just before the next one, unknown is wrong."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from math import log10
from pathlib import Path
from typing import NamedTuple

import pytest

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.engine import SiteEngine, SpaceNow

from .building import SECOND, series

FILE = "uci-864-room-occupancy-estimation.csv"
SITE = SiteConfig(site="uci", name="UCI 864", spaces=[SpaceConfig(space="hall", name="Room")], doors=[])
SERIES = [
    series("s6", Quantity.MOTION),
    series("s7", Quantity.MOTION),
    series("loudest", Quantity.LEVEL),
]


class Reading(NamedTuple):
    at: int
    day: str
    s6: int
    s7: int
    volts: float
    occupied: bool


class Score(NamedTuple):
    agreement: float
    f1: float
    arrivals_s: list[float]
    clears_s: list[float]


def readings(path: Path) -> Iterator[Reading]:
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            time = datetime.strptime(f"{row['Date']} {row['Time']}", "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)
            volts = max(float(row[f"S{number}_Sound"]) for number in (1, 2, 3, 4))
            occupied = int(row["Room_Occupancy_Count"]) > 0
            pirs = int(row["S6_PIR"]), int(row["S7_PIR"])
            yield Reading(int(time.timestamp() * 1000), row["Date"], *pirs, volts, occupied)


def estimates(rows: list[Reading], delay_ms: int = 0) -> list[Occupancy]:
    """The state just before each next row; samples reach the rules ``delay_ms`` after their time."""
    ids = count()
    engine = SiteEngine(SITE, rows[0].at, lambda: f"{next(ids):032x}")
    engine.on_series("room", SERIES)
    state, found = Occupancy.UNKNOWN, []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        end = row.at + 30 * SECOND if following is None else following.at - 1
        arrives = row.at + delay_ms
        between = range(arrives + 10 * SECOND, min(end, arrives + 1000 * SECOND), 10 * SECOND)
        moments = [arrives, *between, end]
        for now in moments:
            if now == arrives:
                level = 60 + 20 * log10(row.volts / 0.1)
                values = {"s6": float(row.s6), "s7": float(row.s7), "loudest": level}
                engine.on_samples("room", {name: [(row.at, value)] for name, value in values.items()})
            for output in engine.tick(now):
                if isinstance(output, SpaceNow):
                    state = output.state
        found.append(state)
    return found


def latencies(rows: list[Reading], states: list[Occupancy], occupied: bool) -> list[float]:
    """Seconds from each true change (not over a gap) to the first row whose state agrees."""
    wanted = Occupancy.OCCUPIED if occupied else Occupancy.VACANT
    found = []
    for index in range(1, len(rows)):
        changed = rows[index].occupied is occupied and rows[index - 1].occupied is not occupied
        if changed:
            later = index
            while later < len(rows) and rows[later].occupied is occupied and states[later] is not wanted:
                later += 1
            assert later < len(rows), "missed for good"
            assert rows[later].occupied is occupied, "missed"
            found.append((rows[later].at - rows[index].at) / 1000)
    return found


def score(rows: list[Reading], states: list[Occupancy]) -> Score:
    pairs = list(zip(rows, states, strict=True))
    right = sum(state is (Occupancy.OCCUPIED if row.occupied else Occupancy.VACANT) for row, state in pairs)
    hits = sum(row.occupied and state is Occupancy.OCCUPIED for row, state in pairs)
    false_alarms = sum(not row.occupied and state is not Occupancy.VACANT for row, state in pairs)
    misses = sum(row.occupied and state is not Occupancy.OCCUPIED for row, state in pairs)
    return Score(
        right / len(rows),
        2 * hits / (2 * hits + false_alarms + misses),
        latencies(rows, states, True),
        latencies(rows, states, False),
    )


@pytest.fixture(scope="module")
def recorded(data_dir: Path) -> list[Reading]:
    path = data_dir / "occupancy" / FILE
    if not path.is_file():
        pytest.skip(f"no reference data: {path} is absent")
    return list(readings(path))


@pytest.mark.parametrize("delay_ms", [0, 3 * SECOND])
def test_the_22nd_of_december_agrees(recorded: list[Reading], delay_ms: int) -> None:
    """Margin for what a live replay adds: the samples also come three seconds late."""
    day = [row for row in recorded if row.day == "2017/12/22"]
    assert len(day) == 1462
    assert score(day, estimates(day, delay_ms)).agreement >= 0.97


def test_all_days_without_any_truth(recorded: list[Reading]) -> None:
    assert len(recorded) == 10_129
    found = score(recorded, estimates(recorded))
    assert found.agreement >= 0.988
    assert found.f1 >= 0.970
    assert max(found.arrivals_s) <= 31
    assert max(found.clears_s) <= 370
