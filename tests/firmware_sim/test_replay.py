"""The recording and how it is judged."""

from datetime import date, time
from itertools import pairwise
from pathlib import Path

import icalendar
import pytest

from pleintemps_firmware_sim.datasets import uci864
from pleintemps_firmware_sim.datasets.uci864 import FILE, Row, level_of, read_day
from pleintemps_firmware_sim.errors import DatasetError
from pleintemps_firmware_sim.replay import Score, is_gap, judged_at

DAY = date(2017, 12, 22)
HEAD = "Date,Time,S1_Sound,S2_Sound,S3_Sound,S4_Sound,S6_PIR,S7_PIR,Room_Occupancy_Count\n"


def _write(root: Path, text: str) -> None:
    (root / FILE).parent.mkdir(parents=True)
    (root / FILE).write_text(text)


def _row(at: int, occupied: bool = True) -> Row:
    return Row(at=at, pirs=(0, 1), level_db=60.0, occupied=occupied)


def test_a_row_of_the_recording(tmp_path: Path) -> None:
    _write(
        tmp_path, HEAD + "2017/12/22,10:49:41,0.08,1.0,0.06,0.06,0,1,2\n2017/12/23,00:00:01,0,0,0,0,0,0,0\n"
    )
    (row,) = read_day(tmp_path, DAY)
    assert row == Row(at=1_513_936_181_000, pirs=(0, 1), level_db=80.0, occupied=True)


def test_times_cut_the_day(tmp_path: Path) -> None:
    lines = [f"2017/12/22,{hour}:00:00,0.1,0,0,0,0,0,0\n" for hour in (10, 11, 12)]
    _write(tmp_path, HEAD + "".join(lines))
    assert len(read_day(tmp_path, DAY, time(11), time(12))) == 1
    with pytest.raises(DatasetError, match="no rows"):
        read_day(tmp_path, DAY, time(13))


def test_what_is_absent_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="uci-864"):
        read_day(tmp_path, DAY)
    _write(tmp_path, HEAD + "2017/12/22,10:49:41,,,,,0,1,2\n")
    with pytest.raises(DatasetError, match="line 2"):
        read_day(tmp_path, DAY)


def test_levels_are_within_the_meters_range() -> None:
    assert [level_of(volts) for volts in (0.0, 0.1, 1.0, 1e-9, 1e9)] == [30.0, 60.0, 80.0, 30.0, 130.0]


def test_rows_are_judged_before_the_next_and_at_most_thirty_seconds_later() -> None:
    assert judged_at(_row(0), _row(31_000)) == 30_000
    assert judged_at(_row(0), _row(12_000)) == 12_000
    assert judged_at(_row(0), None) == 30_000
    assert is_gap(_row(0), _row(120_001))
    assert not is_gap(_row(0), _row(31_000))


def test_unknown_is_wrong() -> None:
    score = Score()
    for state in ("occupied", "vacant", "unknown", "occupied"):
        score.judge(_row(0), state)
    assert (score.rows, score.unknown, score.agreement) == (4, 1, 0.5)


def test_the_whole_day_of_the_reference_data(data_dir: Path) -> None:
    rows = read_day(data_dir, DAY)
    assert len(rows) == 1462
    assert sum(row.occupied for row in rows) / len(rows) == pytest.approx(0.564, abs=0.001)
    assert sum(is_gap(row, following) for row, following in pairwise(rows)) == 4


def test_the_bookings_that_come_along_fit_the_recording() -> None:
    text = (Path(uci864.__file__).parent / "uci-864.ics").read_bytes()
    events = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert len(events) == 6
    assert all(event.decoded("DTEND").timestamp() > event.decoded("DTSTART").timestamp() for event in events)
