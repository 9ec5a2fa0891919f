"""``pleintemps-gateway evaluate occupancy``: readers, figures, and the reference rooms."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.cli import main
from pleintemps_gateway.evaluate.readers import read_uci
from pleintemps_gateway.evaluate.recording import Recording, Sample, Truth, with_fault
from pleintemps_gateway.evaluate.replay import believed, by_timeout
from pleintemps_gateway.evaluate.scores import score
from pleintemps_gateway.evaluate.trials import drops, in_order

MINUTE = 60_000
UCI = "uci-864-room-occupancy-estimation.csv"


def evaluate(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> dict[str, Any]:
    assert main(["evaluate", "occupancy", str(path), *options, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def owners_room(tmp_path: Path, extra: str = "") -> Path:
    """Two hours; somebody is there, and moves twice a minute, in the second half hour."""
    lines = ["time,series,value", "2026-11-23T08:00:00+01:00,truth,0"]
    for half in range(240):
        at = 1_795_417_200_000 + half * MINUTE // 2
        lines.append(f"{at},pir:hall,{int(60 <= half < 120 and half % 2 == 0)}")
    lines += ["2026-11-23T08:30:00+01:00,truth,1", "2026-11-23T09:00:00+01:00,truth,0"]
    path = tmp_path / "room.csv"
    path.write_text("\n".join(lines) + "\n" + extra)
    return path


def test_an_owners_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(capsys, owners_room(tmp_path), "--format", "csv")
    assert found["moments"] == 120
    assert (found["arrivals"], found["departures"], found["missed_vacancies"]) == (1, 1, 0)
    assert found["arrival_s"] == {"median": 0, "max": 0}
    assert 60 <= found["clear_s"]["max"] <= 360
    assert {"accuracy", "f1", "arrival_s", "clear_s", "missed_vacancies"} <= set(found["baseline"])


def ordinary_days(tmp_path: Path, every: tuple[int, ...], told: bool, propped: bool) -> Path:
    """Five days to the minute: in from 9:00 to 12:00 and from 13:30 to 18:00, seen every few minutes; the
    door stands open for a minute each time, or from the first morning on. ``told``: a line each minute, else
    changes only."""
    start, lines, held = 1_795_392_000_000, ["time,series,value"], (0, 0)
    step = 0
    for day in range(5):
        hits = set()
        edges = {540, 720, 810, 1080}
        for begin, end in ((540, 720), (810, 1080)):
            minute = begin + 1
            while minute < end - 1:
                hits.add(minute)
                step += 1
                minute += every[step % len(every)]
        for minute in range(1440):
            at = start + (day * 1440 + minute) * MINUTE
            door = int(day * 1440 + minute >= 540) if propped else int(minute in edges)
            now = (int(minute in hits), door)
            for series, value, before in zip(("pir:room", "door:room"), now, held, strict=True):
                if told or value != before or minute == day == 0:
                    lines.append(f"{at},{series},{value}")
            held = now
            if minute in {*edges, 0, 1439}:
                lines.append(f"{at},truth,{int(540 <= minute < 720 or 810 <= minute < 1080)}")
    path = tmp_path / "days.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("every", "told"),
    [
        ((3,), True),
        ((2, 5, 8), False),
        ((3, 12, 7), True),
        ((15, 25), False),
        pytest.param((3,), False, marks=pytest.mark.soak),
        pytest.param((2, 5, 8), True, marks=pytest.mark.soak),
        pytest.param((3, 12, 7), False, marks=pytest.mark.soak),
        pytest.param((15, 25), True, marks=pytest.mark.soak),
    ],
)
def test_a_door_and_one_sensor_find_all_of_an_ordinary_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], every: tuple[int, ...], told: bool
) -> None:
    found = evaluate(capsys, ordinary_days(tmp_path, every, told, False), "--format", "csv", "--unsupervised")
    assert (found["arrivals"], found["departures"]) == (10, 10)
    assert (found["missed_arrivals"], found["missed_vacancies"]) == (0, 0)
    assert found["accuracy"] >= 0.98
    assert max(found["arrival_s"]["max"], found["clear_s"]["max"]) <= 180


@pytest.mark.parametrize("told", [True, False])
def test_a_propped_door_holds_nobody_overnight(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], told: bool
) -> None:
    path = ordinary_days(tmp_path, (3, 7), told, True)
    found = evaluate(capsys, path, "--format", "csv", "--unsupervised")
    assert (found["missed_arrivals"], found["missed_vacancies"]) == (0, 0)
    assert found["accuracy"] >= 0.96
    assert found["clear_s"]["median"] <= 360
    assert found["clear_s"]["max"] <= 2 * 3600


def test_a_bad_line_harms_itself_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = "soon,pir:hall,1\n2026-11-23T08:00:00,pir:hall,1\n1,co2:hall,1\n1,pir:hall,2\n1,pir:,1\n1,truth,x\n"
    clean = evaluate(capsys, owners_room(tmp_path), "--format", "csv")
    found = evaluate(capsys, owners_room(tmp_path, bad), "--format", "csv")
    assert found.pop("rejected") == {"time": 2, "series": 2, "value": 2}
    assert clean.pop("rejected") == {}
    assert found == clean


def test_a_bad_row_of_uci_harms_itself_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sounds = ",".join(f"S{number}_Sound" for number in (1, 2, 3, 4))
    lines = [f"Date,Time,{sounds},S6_PIR,S7_PIR,Room_Occupancy_Count"]
    lines += [f"2017/12/22,10:00:{second},.1,.1,.1,.2,0,0,0" for second in (10, 40)]
    lines += ["2017/12/22,10:00:50,.1,.1,,.2,0,0,0", "2017/12/22,10:00:55,.1,.1,inf,.2,0,0,0", "2017/12/22"]
    path = tmp_path / "uci.csv"
    path.write_text("\n".join(lines))
    found = evaluate(capsys, path, "--format", "uci-864")
    assert (found["moments"], found["rejected"]) == (2, {"row": 2, "value": 1})


def test_one_line_in_another_century_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = owners_room(tmp_path, "9795417200000,pir:hall,0\n")
    assert main(["evaluate", "occupancy", str(path), "--format", "csv"]) == 2
    assert "400 days apart" in capsys.readouterr().err


def test_unix_seconds_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "room.csv"
    path.write_text("time,series,value\n1795417200,pir:hall,0\n1795417230,pir:hall,1\n1795417200,truth,1\n")
    assert main(["evaluate", "occupancy", str(path), "--format", "csv"]) == 2
    assert "look like Unix seconds" in capsys.readouterr().err


def test_lines_told_three_times_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    once = owners_room(tmp_path)
    clean = evaluate(capsys, once, "--format", "csv")
    head, *lines = once.read_text().splitlines()
    once.write_text("\n".join([head, *(line for line in lines for _ in range(3 if "pir" in line else 1))]))
    assert evaluate(capsys, once, "--format", "csv") == clean


def test_a_missing_sensor_leaves_the_room_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(capsys, owners_room(tmp_path), "--format", "csv", "--fault", "pir:hall=missing")
    assert found["unknown"] == found["moments"]
    assert (found["accuracy"], found["missed_vacancies"]) == (0, 1)
    assert found["clear_s"] == {"median": None, "max": None}


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "csv", "--fault", "pir:nowhere=high"],
        ["--format", "csv", "--house", "A"],
        ["--format", "csv", "--series", "radar,sound"],
        ["--format", "van-kasteren"],
        ["--format", "uci-864"],
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert main(["evaluate", "occupancy", str(owners_room(tmp_path)), *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_files_without_samples_or_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("", "time,series\n", "time,series,value\n1,truth,0\n", "time,series,value\n1,pir:a,0\n"):
        path = tmp_path / "room.csv"
        path.write_text(text)
        assert main(["evaluate", "occupancy", str(path), "--format", "csv"]) == 2
    assert main(["evaluate", "occupancy", str(tmp_path / "no.csv"), "--format", "csv"]) == 2
    assert capsys.readouterr().err.count("\n") == 5


def test_faults_and_timeouts() -> None:
    truths = [Truth(minute * MINUTE, minute < 2) for minute in range(4)]
    room = Recording([Sample(t.at, "pir:a", float(t.occupied)) for t in truths], truths, {})
    assert [s.value for s in with_fault(room, "pir:a", "high").samples] == [1, 1, 1, 1]
    assert [s.value for s in with_fault(room, "pir:a", "low").samples] == [0, 0, 0, 0]
    assert by_timeout(room, 60) == [True, True, True, False]
    assert by_timeout(with_fault(room, "pir:a", "low"), 60) == [False] * 4


def test_every_sensor_is_ill_for_each_day_but_the_first() -> None:
    times = [day * 86_400_000 + minute * MINUTE for day in range(3) for minute in range(60)]
    truths = [Truth(at, at // MINUTE % 60 in range(20, 40)) for at in times]
    samples = [Sample(t.at, name, float(t.occupied)) for t in truths for name in ("pir:a", "radar:b")]
    found = drops(Recording(samples, truths, {}))
    assert found.trials == 2 * 3 * 2
    assert (found.worst.series, found.worst.fault) == ("radar:b", "high")
    assert 0 < found.mean < found.worst.accuracy
    assert in_order(Recording(samples, truths, {}), (2, 0, 1)).truths[0] == Truth(0, False)


def test_a_change_that_is_seen_too_late_is_missed() -> None:
    truths = [
        Truth(second * 1000, occupied) for second, occupied in enumerate([False, True, True, False, False])
    ]
    found = score(truths, [False, False, True, True, None])
    assert (found.arrival_s.max, found.missed_arrivals) == (1, 0)
    assert (found.clear_s.max, found.missed_vacancies) == (None, 1)
    assert found.unknown == 1
    assert found.accuracy == pytest.approx(2 / 5)
    assert found.f1 == pytest.approx(2 / (2 + 3))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1)), min_size=2, max_size=60), st.integers(1, 59))
def test_what_is_said_depends_on_the_past_only(rows: list[tuple[bool, int]], cut: int) -> None:
    truths = [Truth(place * MINUTE, occupied) for place, (occupied, _) in enumerate(rows)]
    samples = [Sample(place * MINUTE, "radar:a", float(value)) for place, (_, value) in enumerate(rows)]
    whole = believed(Recording(samples, truths, {}))
    later = [s if s.at < cut * MINUTE else s._replace(value=1 - s.value) for s in samples]
    lied = [t._replace(occupied=not t.occupied) for t in truths]
    assert believed(Recording(samples, lied, {})) == whole
    same = [silent for silent in believed(Recording(later, truths, {}))[:cut]]
    assert same == whole[:cut]


# --- reference data ------------------------------------------------------------------------------------


@pytest.fixture
def uci(data_dir: Path) -> Path:
    path = data_dir / "occupancy" / UCI
    if not path.is_file():
        pytest.skip(f"no reference data: {path} is absent")
    return path


@pytest.mark.parametrize("mode", [["--unsupervised"], pytest.param([], marks=pytest.mark.soak)])
def test_uci_by_motion_alone(uci: Path, capsys: pytest.CaptureFixture[str], mode: list[str]) -> None:
    found = evaluate(
        capsys, uci, "--format", "uci-864", "--split", "leave-one-day-out", "--series", "pir", *mode
    )
    assert (found["moments"], found["days"], found["arrivals"], found["departures"]) == (10_129, 7, 4, 5)
    assert found["f1"] >= 0.970
    assert found["missed_vacancies"] == 0
    assert found["arrival_s"]["max"] <= 31
    assert found["clear_s"]["max"] <= 370
    baseline = found["baseline"]
    assert (baseline["accuracy"], baseline["f1"]) == (0.9817, 0.9525)
    assert baseline["clear_s"] == {"median": 276, "max": 367}


def test_uci_as_an_owners_file_gives_the_same(
    uci: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short.csv"  # the first day, and some of the next
    short.write_text("".join(uci.read_text().splitlines(keepends=True)[:2_500]))
    room = read_uci(short)
    lines = [f"{s.at},{s.series},{s.value}" for s in room.samples]
    lines += [f"{t.at},truth,{int(t.occupied)}" for t in room.truths]
    copy = tmp_path / "copy.csv"
    copy.write_text("time,series,value\n" + "\n".join(lines))
    assert evaluate(capsys, copy, "--format", "csv") == evaluate(capsys, short, "--format", "uci-864")


@pytest.mark.parametrize("mode", [["--unsupervised"], pytest.param([], marks=pytest.mark.soak)])
def test_uci_with_sound_that_earned_its_weight(
    uci: Path, capsys: pytest.CaptureFixture[str], mode: list[str]
) -> None:
    found = evaluate(capsys, uci, "--format", "uci-864", "--split", "leave-one-day-out", *mode)
    assert found["f1"] >= 0.975
    assert found["missed_vacancies"] == 0
    assert found["arrival_s"]["max"] <= 31
    assert found["clear_s"]["median"] <= 125
    assert found["clear_s"]["max"] <= 370
    assert found["learnt"]["sound"]["weight"] > 0.9


@pytest.mark.parametrize(
    ("order", "least"),
    [
        pytest.param((1, 2, 3, 4, 5, 6, 0), 0.972, marks=pytest.mark.soak),
        pytest.param((3, 6, 5, 2, 0, 4, 1), 0.972, marks=pytest.mark.soak),
        ((2, 3, 1, 4, 5, 0, 6), 0.972),  # three empty days first
        pytest.param((3, 4, 5, 6, 0, 1, 2), 0.972, marks=pytest.mark.soak),
        pytest.param((5, 6, 0, 1, 2, 3, 4), 0.972, marks=pytest.mark.soak),
        pytest.param((0, 2, 3, 6, 5, 4, 1), 0.972, marks=pytest.mark.soak),
        pytest.param((5, 4, 6, 3, 0, 2, 1), 0.972, marks=pytest.mark.soak),
        pytest.param((4, 3, 1, 6, 5, 2, 0), 0.972, marks=pytest.mark.soak),
    ],
)
def test_uci_in_any_order_of_days(uci: Path, order: tuple[int, ...], least: float) -> None:
    other = in_order(read_uci(uci), order)
    assert score(other.truths, believed(other)).f1 >= least


@pytest.mark.soak
@pytest.mark.parametrize(("house", "moments", "least"), [("A", 37_086, 0.984), ("C", 26_487, 0.960)])
def test_van_kasteren_is_read_to_the_minute_and_a_watched_door_holds_presence(
    data_dir: Path, capsys: pytest.CaptureFixture[str], house: str, moments: int, least: float
) -> None:
    folder = data_dir / "occupancy" / "van-kasteren"
    if not folder.is_dir():
        pytest.skip(f"no reference data: {folder} is absent")
    found = evaluate(capsys, folder, "--format", "van-kasteren", "--house", house, "--unsupervised")
    assert found["moments"] == moments
    assert found["departures"] > 20
    assert sum(name.startswith("door:") for name in found["series"]) == 1
    assert found["accuracy"] >= least
    assert found["learnt"]["door"]["used"] > 20


def test_a_stuck_sensor_costs_little_after_the_first_day_and_makes_the_first_unknown(uci: Path) -> None:
    room = read_uci(uci)
    first, second = sorted({truth.day for truth in room.truths})[:2]
    room = Recording(
        [sample for sample in room.samples if Truth(sample.at, False).day <= second],
        [truth for truth in room.truths if truth.day <= second],
        {},
    )

    def right(said: list[bool | None], day: int) -> float:
        pairs = [(t.occupied, s) for t, s in zip(room.truths, said, strict=True) if t.day == day]
        return sum(occupied is guess for occupied, guess in pairs) / len(pairs)

    sane = right(believed(room), second)
    for series, fault in (("pir:S6", "high"), ("sound:loudest", "high"), ("sound:loudest", "low")):
        assert right(believed(with_fault(room, series, fault, second)), second) >= sane - 0.03
    said = believed(with_fault(room, "pir:S6", "high", first))
    own = [guess for truth, guess in zip(room.truths, said, strict=True) if truth.day == first]
    assert own.count(None) > 0.8 * len(own)
