"""Recorded, played to the same agent, to a changed one, and cut short."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pleintemps_contract.keyfiles import IDENTITY
from pleintemps_contract.recording import Bytes, Edge, Events, Right
from pleintemps_firmware_sim import cli
from pleintemps_firmware_sim.replaying.diff import Report, compare
from pleintemps_firmware_sim.replaying.play import play
from pleintemps_firmware_sim.replaying.reading import Recording, read
from pleintemps_firmware_sim.virtual.loop import run

from .place import CARD, CODE, CONFIG, GRANT, evening, recorded


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(recorded(tmp_path_factory.mktemp("night"), evening))


def _replayed(recording: Recording, **changed: Any) -> Report:
    config = dict(recording.header.config)
    for name, change in changed.items():
        config[name] = [{**each, **change} if change.keys() <= each.keys() else each for each in config[name]]
    played = run(play(recording, config))
    return compare(played.recorded, played.replayed)


def test_the_same_agent_tells_the_same(night: Path) -> None:
    recording = read(night)
    report = _replayed(recording)
    assert report.events.differences == []
    assert report.same, report.series
    told = [
        type(each.event).__name__
        for line in recording.entries
        if isinstance(line, Events)
        for each in line.records
    ]
    assert {"AccessGranted", "AccessRefused", "DoorAlarmChanged", "AccessNotUsed"} <= set(told)
    assert report.events.matched == len(told)
    assert {each.series: each.matched > 2 for each in report.series} == dict.fromkeys(
        ("contact", "eye", "meter", "radar"), True
    )


def test_a_longer_limit_is_named_by_the_events_that_it_moves(night: Path) -> None:
    report = _replayed(read(night), doors={"open_s": 13})
    assert [(each.kind, each.what, each.shift_ms) for each in report.events.differences] == [
        ("shifted", "door-alarm door=hall alarm=DoorOpenTooLong", 3_000)
    ]
    report = _replayed(read(night), doors={"open_s": 60})
    assert [(each.kind, each.what) for each in report.events.differences] == [
        ("missing", "door-alarm door=hall alarm=DoorOpenTooLong"),
        ("missing", "door-alarm door=hall alarm=Normal"),
    ]
    assert all(each.same for each in report.series)


def test_a_keypad_wired_the_other_way_round_opens_no_door(night: Path) -> None:
    recording = read(night)
    report = _replayed(recording, devices={"d0": 18, "d1": 17})
    missing = {each.what.split()[0] for each in report.events.differences if each.kind == "missing"}
    assert {"access-granted", "access-not-used"} <= missing


def test_nothing_secret_is_in_the_file(night: Path) -> None:
    packed = night.read_bytes()
    text = gzip.decompress(packed)
    identity = json.loads((night.parent / "keys" / IDENTITY).read_bytes())
    trusted = json.loads((night.parent / "keys" / "gateway-keys.json").read_bytes())
    secrets = [CODE, GRANT, "cd" * 16, f"{CARD[0]}:{CARD[1]}", identity["pepper"], trusted["keys"][0]["kid"]]
    for secret in (*secrets, "grants/page", "lookup", "pepper", "keys/", '"sig"', str(night.parent)):
        assert secret.encode() not in text, secret
    assert night.stat().st_mode & 0o077 == 0


def test_the_pulses_of_a_keypad_spell_another_code(night: Path) -> None:
    """The digits can be read off two pins as well as off a line of text."""
    recording = read(night)
    pulses = [line for line in recording.entries if isinstance(line, Edge) and line.pin in (17, 18)]
    bits = "".join(str(line.pin - 17) for line in sorted(pulses, key=lambda line: line.us or 0))
    typed = "".join(f"{'0123456789*#'.index(key):04b}" for key in f"1234#{CODE}#")
    assert len(bits) == len(typed) + 26
    shown = [line.credential for line in recording.entries if isinstance(line, Right)]
    assert [len(each) for each in shown[:2]] == [4, 8]
    assert CODE not in shown
    assert "".join(f"{'0123456789*#'.index(key):04b}" for key in f"{shown[0]}#{shown[1]}#") == bits[:-26]


def test_a_file_is_good_up_to_where_it_was_cut(night: Path, tmp_path: Path) -> None:
    whole = night.read_bytes()
    cut = tmp_path / "cut.rec"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    recording = read(cut)
    assert recording.cut
    assert 10_000 < recording.length < read(night).length
    assert _replayed(recording).same


def test_the_command_says_what_differs(
    night: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", "recording", str(night)]) == 0
    assert "the same" in capsys.readouterr().out
    changed = tmp_path / "edge.toml"
    changed.write_text(CONFIG.replace("open_s = 10", "open_s = 12"))
    page = tmp_path / "page.html"
    status = cli.main(
        ["replay", "recording", str(night), "--config", str(changed), "--json", "--report", str(page)]
    )
    assert status == 1
    result = json.loads(capsys.readouterr().out)
    assert [(each["what"], each["shift_ms"]) for each in result["events"]["differences"]] == [
        ("door-alarm door=hall alarm=DoorOpenTooLong", 2_000)
    ]
    assert "DoorOpenTooLong" in page.read_text()


def test_a_recording_can_be_played_at_a_speed(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "recording", str(night), "--speed", "1000"]) == 0
    assert "the same" in capsys.readouterr().out


def _spoilt(night: Path, place: Path, header: dict[str, Any]) -> Path:
    first, rest = gzip.decompress(night.read_bytes()).split(b"\n", 1)
    table = msgspec.json.decode(first) | header
    place.write_bytes(gzip.compress(msgspec.json.encode(table) + b"\n" + rest))
    return place


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ({"format": 2}, "format 2"),
        ({"config": {"site": "school", "agent": "hall", "devices": 7}}, "devices"),
        ({"config": {"site": "school", "agent": "hall", "devices": [{"device": "x"}]}}, "driver"),
        ({"config": {"site": "school", "agent": "hall", "doors": [None]}}, "doors"),
        ({"config": {"site": 'school"\nkeys = "/etc', "agent": "hall"}}, "site"),
        ({"config": {}}, "configuration"),
    ],
)
def test_a_header_that_is_wrong_is_one_message(
    night: Path, tmp_path: Path, header: dict[str, Any], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _spoilt(night, tmp_path / "spoilt.rec", header)
    assert cli.main(["replay", "recording", str(file)]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert "Traceback" not in said


def test_bytes_of_radar_and_meter_are_kept_as_they_were(night: Path) -> None:
    lines = [line for line in read(night).entries if isinstance(line, Bytes)]
    radar = b"".join(line.data for line in lines if line.port == "ports/radar" and line.to)
    assert radar.startswith(b"\xf4\xf3\xf2\xf1")
    asked = [line.data for line in lines if line.port == "ports/meter" and not line.to]
    assert asked[0][:2] == b"\x01\x03"
    assert zlib.crc32(asked[0]) == zlib.crc32(asked[-1])
