"""``evaluate noise``: levels through the rules, their windows, alerts and figures."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pleintemps_gateway.cli import main
from pleintemps_gateway.evaluate.noise_accuracy import FILES, section

MINUTE = 60
START = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 10 * 3_600_000
BAD = ["x,sound:hall,50", "5,sound:hall,loud", "5,smell:hall,1"]
HERTZ = ("125", "250", "500", "1000", "2000", "4000")
CONFIG = """
[[sites]]
site = "saint-aubin"
name = "Saint-Aubin"
doors = []
[[sites.spaces]]
space = "hall"
name = "Hall"
[sites.spaces.noise]
limit_db = 100
window_s = 60
warn_first_s = 60
[[sites.spaces.noise.limits]]
days = ["school-day"]
from = "12:00"
to = "13:00"
limit_db = 70
[sites.spaces.noise.measurement]
date = 2026-05-01
by = "Cabinet Octave"
difference_db = { "125" = 40, "250" = 40, "500" = 40, "1000" = 40, "2000" = 40, "4000" = 40 }
[sites.spaces.noise.measurement.residual_db]
day = { "125" = 25, "250" = 25, "500" = 25, "1000" = 25, "2000" = 25, "4000" = 25, global = 30 }
night = { "125" = 15, "250" = 15, "500" = 15, "1000" = 15, "2000" = 15, "4000" = 15, global = 20 }
"""


def table(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(["time,series,value", *lines]) + "\n")
    return path


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["evaluate", "noise", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def party(minutes: int = 10) -> list[str]:
    """Quiet, loud for ten minutes from the fifth on, quiet."""
    levels = [60] * 5 * MINUTE + [80] * minutes * MINUTE + [50] * 5 * MINUTE
    return [f"{START + 1000 * second},sound:hall,{level}" for second, level in enumerate(levels)]


def test_a_recording_tells_when_rooms_are_warned_and_alerts_open_and_close(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG)
    file = table(
        tmp_path / "levels.csv", [*party(), "x,sound:hall,50", "5,sound:hall,loud", "5,smell:hall,1"]
    )
    found = replayed(capsys, str(file), "--config", str(config), "--space", "hall")
    alert, warning = found["alerts"][0], found["warnings"][0]
    assert len(found["alerts"]) == len(found["warnings"]) == 1
    assert (alert["rule"], alert["limit_db"], alert["window_s"]) == ("limit", 70, 60)
    assert warning["since"] < alert["opened"] < alert["closed"] == warning["ended"]
    assert found["coverage"] == 1
    assert found["LAeq"] == pytest.approx(77, abs=0.1)
    assert (found["L10"], found["L90"]) == (pytest.approx(80, abs=0.2), pytest.approx(50, abs=0.2))
    assert found["loudest_window"] == 80
    assert [window["LAeq"] for window in found["windows"]][-2:] == [50, 50]
    assert found["rejected"] == {"time": 1, "value": 1, "series": 1}
    assert found["emergence"].startswith("not calculated")
    assert found["unused"] == 0


def test_emergence_is_calculated_with_octaves_and_a_measurement_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG)
    lines = party()
    for second in range(0, 20 * MINUTE, 10):
        lines += [f"{START + 1000 * second},Leq-{hertz}:hall,80" for hertz in HERTZ]
    file = table(tmp_path / "levels.csv", lines)
    found = replayed(capsys, str(file), "--config", str(config), "--space", "hall")
    assert found["emergence"]["indicator_db"] > 5
    assert found["emergence"]["days"][0]["night_s"] == 0
    assert found["emergence"]["days"][0]["day_s"] > 15 * MINUTE
    alone = replayed(capsys, str(file))
    assert alone["emergence"] == "not calculated: no measurement is configured for the space"


def test_lines_in_any_order_and_told_twice_give_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = party()
    first = replayed(capsys, str(table(tmp_path / "a.csv", lines)))
    second = replayed(capsys, str(table(tmp_path / "b.csv", [*reversed(lines), lines[0]])))
    assert second.pop("repeated") == 1
    assert first.pop("repeated") == 0
    assert first == second


@pytest.mark.parametrize(
    "times",
    [(0, 253_402_300_799_999), (0, 1_577_836_800_000), (0, 1), (1_000, 7_258_118_399_999)],
    ids=["ten thousand years", "fifty years", "a millisecond", "to the last that counts"],
)
def test_times_that_lie_far_apart_take_no_time(
    times: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "far.csv", [f"{times[0]},sound:hall,50", f"{times[1]},sound:hall,60"])
    found = replayed(capsys, str(file))
    assert len(found["windows"]) <= 20
    assert found["samples"] + found["rejected"].get("time", 0) == 2
    assert found["step_s"] <= 3600


@pytest.mark.parametrize("moment", [7_258_118_400_000, 253_402_300_790_000])
def test_a_recording_beyond_the_calendar_is_one_line(
    moment: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "late.csv", [f"{moment},sound:hall,50"])
    assert main(["evaluate", "noise", str(file), "--json"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_year_of_seldom_levels_is_replayed_in_looks_as_seldom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{START + 1_740_000 * n},sound:hall,{90 if n > 90 else 50}" for n in range(100)]
    found = replayed(capsys, str(table(tmp_path / "seldom.csv", lines)))
    assert found["loudest_window"] == 90
    assert found["alerts"]


def test_a_meter_that_falls_silent_leaves_no_alert_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loud until it dies; an hour later another meter of the file still says something."""
    lines = [f"{START + 1000 * second},sound:hall,90" for second in range(1_500)]
    lines += [f"{START + 1000 * second},LCeq:hall,50" for second in range(1_500, 5_400)]
    found = replayed(capsys, str(table(tmp_path / "dead.csv", lines)))
    (warning,), (alert,) = found["warnings"], found["alerts"]
    assert warning["heard"] is False
    assert warning["ended"] == alert["closed"] is not None


HOSTILE = st.sampled_from(
    [
        *("", "0", "-1", "x", "9" * 30, "1e9", "nan", "inf", "-0", "60", "2026-03-29T02:30:00+01:00"),
        *(
            "1790000000000",
            "1790000001000",
            "253402300799999",
            "\x00",
            '"',
            "sound:a",
            "range:a",
            "Leq-125:a",
        ),
        *("LCeq:b", "sound:", ":", "pir:a", "٣", "1_0", " 5 "),
    ]
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(HOSTILE, max_size=4), max_size=12))
def test_hostile_tables_are_replayed_or_refused_in_one_line(rows: list[list[str]], tmp_path: Path) -> None:
    file = table(tmp_path / "hostile.csv", [",".join(row) for row in rows])
    assert main(["evaluate", "noise", str(file), "--json"]) in (0, 2)


def test_what_is_missing_is_said_and_opens_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = party()
    found = replayed(capsys, str(table(tmp_path / "a.csv", lines[:60] + lines[-60:])))
    assert found["coverage"] == pytest.approx(0.1, abs=0.01)
    assert found["loudest_window"] is None
    assert not found["alerts"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "time,series,value\n1,pir:hall,1\n", "\x00\xff"])
def test_a_foreign_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    file = tmp_path / "foreign.csv"
    file.write_bytes(text.encode("latin-1"))
    assert main(["evaluate", "noise", str(file), "--json"]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert len(told.err.strip().splitlines()) == 1


def test_a_space_needs_its_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = table(tmp_path / "a.csv", party(1))
    assert main(["evaluate", "noise", str(file), "--space", "hall"]) == 2
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG)
    assert main(["evaluate", "noise", str(file), "--config", str(config), "--space", "cellar"]) == 2
    assert "cellar" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "level"), FILES)
def test_the_recordings_have_the_levels_of_the_reference(
    name: str, level: float, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replayed(capsys, str(data_dir / "noise" / name))
    assert found["LAeq"] == pytest.approx(level, abs=0.01)
    assert found["coverage"] == 1
    assert found["L10"] > found["L50"] > found["L90"]
    assert found["step_s"] == 0.125


def test_the_section_of_the_document_has_every_recording(data_dir: Path) -> None:
    text = section(data_dir)
    assert all(name in text for name, _ in FILES)
