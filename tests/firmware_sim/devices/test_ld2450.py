"""The tracking radar's bytes against the maker's vectors, and its behaviour over time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.hilink import ACK_MS, encode_command
from pleintemps_firmware_sim.devices.ld2450 import LOST_MS, REPORT_HEAD, Ld2450, Target, encode_report

ENABLE = encode_command(0x00FF, b"\x01\x00")
END = encode_command(0x00FE)
WALKER = Target(500, 2_000, -40)


def frame(text: str) -> bytes:
    return bytes.fromhex(text)


def ask(radar: Ld2450, command: bytes, now: int) -> bytes:
    radar.receive(command, now)
    return radar.transmit(now + ACK_MS)


def configuring() -> Ld2450:
    radar = Ld2450(0)
    ask(radar, ENABLE, 0)
    return radar


@pytest.mark.parametrize(
    ("first", "target"),
    [
        ("0E03B18610004001", Target(-782, 1713, -16, 320)),
        ("1001528300006801", Target(-272, 850, 0, 360)),
        ("E400878311806801", Target(-228, 903, 17, 360)),
        ("BE8A478E11006801", Target(2750, 3655, -17, 360)),
    ],
)
def test_the_makers_examples(first: str, target: Target) -> None:
    assert encode_report([target]) == frame(f"AAFF0300 {first} {'00' * 16} 55CC")


def test_ten_reports_a_second_of_thirty_bytes() -> None:
    radar = Ld2450(0)
    reports = [report for now in range(0, 1_001, 10) if (report := radar.transmit(now))]
    assert [len(report) for report in reports] == [30] * 10
    assert radar.transmit(5_000).count(REPORT_HEAD) == 1


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        (0x80, "0400 8001 0000"),
        (0x90, "0400 9001 0000"),
        (0x91, "0600 9101 0000 0200"),
        (0xA0, "0C00 A001 0000 0000 0201 16240622"),
        (0xC1, f"1E00 C101 0000 0000 {'00' * 24}"),
    ],
)
def test_answers_of_the_manual(word: int, answer: str) -> None:
    assert ask(configuring(), encode_command(word), 50) == frame(f"FDFCFBFA {answer} 04030201")


def test_single_target_mode_follows_one() -> None:
    radar = Ld2450(0)
    radar.see([WALKER, Target(0, 1_000, 10), Target(0, 3_000, 10), Target(0, 4_000, 10)], 0)
    assert len(radar.followed(100)) == 3
    ask(radar, ENABLE, 200)
    ask(radar, encode_command(0x80), 220)
    assert ask(radar, encode_command(0x91), 240)[10:12] == b"\x01\x00"
    assert radar.followed(300) == (WALKER,)


def test_who_keeps_still_is_lost() -> None:
    radar = Ld2450(0)
    sitter = Target(0, 2_000)
    radar.see([WALKER, sitter], 0)
    assert radar.followed(LOST_MS - 1) == (WALKER, sitter)
    radar.see([sitter], LOST_MS - 1)
    assert radar.followed(LOST_MS) == ()


@pytest.mark.parametrize("outside", [Target(0, 6_001, 9), Target(0, 0, 9), Target(-3_500, 2_000, 9)])
def test_outside_its_coverage_there_is_nobody(outside: Target) -> None:
    radar = Ld2450(0)
    radar.see([outside], 0)
    assert radar.followed(0) == ()


def test_the_manuals_region_lets_in_and_keeps_out() -> None:
    radar = configuring()
    radar.see([WALKER, Target(1_500, 2_000, 10)], 0)
    region = frame("E803E80318FC8813") + bytes(16)
    assert ask(radar, encode_command(0xC2, b"\x01\x00" + region), 20)[8:10] == b"\x00\x00"
    assert radar.followed(30) == (WALKER,)
    ask(radar, encode_command(0xC2, b"\x02\x00" + region), 40)
    assert radar.followed(50) == (Target(1_500, 2_000, 10),)
    assert ask(radar, encode_command(0xC1), 60)[10:] == b"\x02\x00" + region + frame("04030201")
    assert ask(radar, encode_command(0xC2, b"\x03\x00" + region), 80)[8:10] == b"\x01\x00"


def test_a_restart_is_silent_for_a_second() -> None:
    radar = configuring()
    assert ask(radar, encode_command(0xA3), 100) == frame("FDFCFBFA 0400 A301 0000 04030201")
    assert [bool(radar.transmit(at)) for at in (1_100, 1_200)] == [False, True]


@given(st.lists(st.builds(Target, st.integers(-32_767, 32_767), st.integers(1, 32_767)), max_size=3))
def test_frames_have_one_length(targets: list[Target]) -> None:
    data = encode_report(targets)
    assert len(data) == 30 and data[28:] == b"\x55\xcc"
