"""The radar's bytes against the maker's vectors, and its behaviour over time."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.hilink import ACK_MS, encode_command
from pleintemps_firmware_sim.devices.ld2410 import (
    CALIBRATION_PAUSE_MS,
    NEWEST,
    REPORT_HEAD,
    Engineering,
    Ld2410,
    Report,
    Scene,
    Target,
    encode_report,
)

ENABLE = encode_command(0x00FF, b"\x01\x00")
END = encode_command(0x00FE)
WALKER = Scene((Target(150, True),))
SITTER = Scene((Target(300, False),))


def frame(text: str) -> bytes:
    return bytes.fromhex(text)


def ask(radar: Ld2410, command: bytes, now: int) -> bytes:
    radar.receive(command, now)
    return radar.transmit(now + ACK_MS)


def status(data: bytes) -> int:
    assert data.startswith(REPORT_HEAD)
    return data[8]


def configuring(now: int = 0) -> Ld2410:
    radar = Ld2410(now)
    ask(radar, ENABLE, now)
    return radar


def test_the_vendors_basic_report() -> None:
    report = Report(status=2, moving_cm=81, still_energy=59)
    assert encode_report(report) == frame("F4F3F2F1 0D00 02AA 02 5100 00 0000 3B 0000 5500 F8F7F6F5")


def test_reports_seen_in_the_field() -> None:
    assert encode_report(Report(0, 0x45, 0x3E, 0, 0x3A)) == frame(
        "F4F3F2F1 0D00 02AA 00 4500 3E 0000 3A 0000 5500 F8F7F6F5"
    )
    assert encode_report(Report(3, 42, 100, 0, 100)) == frame(
        "F4F3F2F1 0D00 02AA 03 2A00 64 0000 64 0000 5500 F8F7F6F5"
    )


def test_the_vendors_engineering_report() -> None:
    more = Engineering(
        8,
        8,
        (0x3C, 0x22, 5, 3, 3, 4, 3, 6, 5),
        (0, 0, 0x39, 0x10, 0x13, 6, 6, 8, 4),
        3,
        5,
    )
    assert encode_report(Report(3, 0x1E, 0x3C, 0, 0x39, 0, more)) == frame(
        "F4F3F2F1 2300 01AA 03 1E00 3C 0000 39 0000 0808"
        "3C2205030304030605 000039101306060804 03 05 5500 F8F7F6F5"
    )


def test_ten_reports_a_second_and_none_made_up_for_a_stall() -> None:
    radar = Ld2410(0)
    reports = [radar.transmit(now) for now in range(0, 1_001, 10)]
    assert sum(1 for report in reports if report) == 10
    assert radar.transmit(5_000).count(REPORT_HEAD) == 1


def test_statuses_follow_the_scene() -> None:
    radar = Ld2410(0)
    assert status(radar.transmit(100)) == 0
    radar.see(WALKER)
    assert status(radar.transmit(200)) == 1
    radar.see(SITTER)
    assert status(radar.transmit(300)) == 2
    radar.see(Scene(WALKER.targets + SITTER.targets))
    assert status(radar.transmit(400)) == 3


def test_nobody_is_reported_only_after_the_no_one_delay() -> None:
    radar = Ld2410(0)
    radar.see(WALKER)
    radar.transmit(100)
    radar.see(Scene())
    assert status(radar.transmit(5_050)) == 1
    report = radar.transmit(5_150)
    assert status(report) == 0
    assert report[9:11] == b"\x96\x00", "the distance stays behind, as in the real module"


def test_nobody_beyond_the_last_gate() -> None:
    radar = Ld2410(0)
    radar.see(Scene((Target(700, True),)))
    assert status(radar.transmit(100)) == 0


def test_enable_and_end_answer_as_the_manual_says_after_ten_milliseconds() -> None:
    radar = Ld2410(0)
    radar.receive(ENABLE, 0)
    assert radar.transmit(ACK_MS - 1) == b""
    assert radar.transmit(ACK_MS) == frame("FDFCFBFA 0800 FF01 0000 0100 4000 04030201")
    assert radar.transmit(3_000) == b"", "reports pause in configuration mode"
    assert ask(radar, END, 3_000) == frame("FDFCFBFA 0400 FE01 0000 04030201")
    assert radar.transmit(3_100).startswith(REPORT_HEAD)


def test_firmware_and_default_parameters() -> None:
    radar = configuring()
    assert ask(radar, encode_command(0xA0), 50) == frame(
        "FDFCFBFA 0C00 A001 0000 0001 0701 16150922 04030201"
    )
    assert ask(radar, encode_command(0x61), 100) == frame(
        "FDFCFBFA 1C00 6101 0000 AA 080808 3232281E140F0F0F0F 000028281E1E141414 0500 04030201"
    )


def test_a_command_outside_configuration_mode_fails() -> None:
    assert ask(Ld2410(0), encode_command(0x61), 0) == frame("FDFCFBFA 0400 6101 0100 04030201")


def test_an_unknown_command_and_bad_values_fail() -> None:
    radar = configuring()
    for word, value in ((0x7777, b""), (0x60, b"\x00"), (0xAA, b"\x02\x00"), (0x64, b"\x00\x00" * 3)):
        assert ask(radar, encode_command(word, value), 100)[8:10] == b"\x01\x00"


def test_gates_and_no_one_delay_of_the_manuals_example() -> None:
    radar = configuring()
    ask(
        radar,
        frame("FDFCFBFA 1400 6000 0000 08000000 0100 08000000 0200 01000000 04030201"),
        20,
    )
    ask(radar, END, 40)
    radar.see(WALKER)
    radar.transmit(200)
    radar.see(Scene())
    assert status(radar.transmit(1_300)) == 0


def test_a_gate_at_one_hundred_is_ignored() -> None:
    radar = configuring()
    value = bytes.fromhex("0000 FFFF0000 0100 64000000 0200 64000000")
    assert ask(radar, encode_command(0x64, value), 20)[8:10] == b"\x00\x00"
    ask(radar, END, 40)
    radar.see(WALKER)
    assert status(radar.transmit(200)) == 0


def test_engineering_is_lost_at_a_restart_which_is_silent_for_a_second() -> None:
    radar = configuring()
    ask(radar, encode_command(0x62), 20)
    ask(radar, END, 40)
    assert radar.transmit(200)[4:7] == b"\x23\x00\x01"
    ask(radar, ENABLE, 300)
    assert ask(radar, encode_command(0xA3), 400) == frame("FDFCFBFA 0400 A301 0000 04030201")
    assert radar.transmit(1_400) == b""
    radar.receive(ENABLE, 1_000)
    assert radar.transmit(1_500)[4:7] == b"\x0d\x00\x02"


def test_resolution_counts_after_a_restart() -> None:
    radar = configuring()
    ask(radar, encode_command(0xAA, b"\x01\x00"), 20)
    assert radar.parameters.gate_cm == 75
    ask(radar, encode_command(0xA3), 40)
    assert radar.parameters.gate_cm == 20


def test_a_new_speed_counts_from_the_restart_on_after_its_answer() -> None:
    radar = configuring()
    assert ask(radar, encode_command(0xA1, b"\x09\x00"), 20)[8:10] == b"\x01\x00"
    assert ask(radar, frame("FDFCFBFA 0400 A100 0500 04030201"), 30) == frame(
        "FDFCFBFA 0400 A101 0000 04030201"
    )
    assert ask(radar, encode_command(0xA3), 50) and radar.line.baud == 256_000
    assert radar.due() == 61
    assert radar.transmit(61) == b"" and radar.line.baud == 115_200
    radar.receive(ENABLE, 1_060)
    ask(radar, encode_command(0xA2), 1_100)
    ask(radar, encode_command(0xA3), 1_200)
    radar.transmit(1_211)
    assert radar.line.baud == 256_000, "factory settings"


def test_bluetooth_address_and_password() -> None:
    radar = configuring()
    assert ask(radar, frame("FDFCFBFA 0400 A500 0100 04030201"), 20) == frame(
        "FDFCFBFA 0A00 A501 0000 8F272EB80F65 04030201"
    )
    assert ask(radar, encode_command(0xA4, b"\x00\x00"), 40)[8:10] == b"\x00\x00"
    assert radar.line.bluetooth, "until the restart"
    assert ask(radar, encode_command(0xA8, b"HiLink"), 60)[8:10] == b"\x00\x00"
    assert ask(radar, encode_command(0xA9, b"secret"), 80)[8:10] == b"\x00\x00"
    assert ask(radar, encode_command(0xA8, b"HiLink"), 100)[8:10] == b"\x01\x00"
    ask(radar, encode_command(0xA3), 120)
    assert not radar.line.bluetooth


def test_what_only_newer_firmware_knows() -> None:
    for word, value in ((0xAD, b"\x01\x80\x00\x00"), (0xAE, b""), (0x0B, b"\x0a\x00"), (0x1B, b"")):
        assert ask(configuring(), encode_command(word, value), 20)[8:10] == b"\x01\x00"


def test_the_out_pin_by_light() -> None:
    radar = Ld2410(0, NEWEST)
    ask(radar, ENABLE, 0)
    ask(radar, encode_command(0x62), 10)
    assert ask(radar, encode_command(0xAD, b"\x01\x60\x01\x00"), 20)[8:10] == b"\x00\x00"
    assert ask(radar, encode_command(0xAE), 40)[10:14] == b"\x01\x60\x01\x00"
    ask(radar, END, 60)
    reports = []
    for at, light in ((400, 0x5F), (500, 0x60)):
        radar.see(Scene(WALKER.targets, light))
        reports.append(radar.transmit(at)[-8:-6])
    assert reports == [b"\x5f\x00", b"\x60\x01"], "dark enough: away from the level at rest, which is high"


def test_noise_calibration_says_so_in_reports() -> None:
    radar = Ld2410(0, NEWEST)
    ask(radar, ENABLE, 0)
    assert ask(radar, encode_command(0x1B), 20)[10:12] == b"\x00\x00"
    ask(radar, encode_command(0x0B, b"\x0a\x00"), 100)
    assert ask(radar, encode_command(0x1B), 120)[10:12] == b"\x01\x00"
    ask(radar, END, 140)
    start = 100 + CALIBRATION_PAUSE_MS
    assert [status(radar.transmit(at)) for at in (start - 100, start, start + 9_900)] == [0, 4, 4]
    assert [status(radar.transmit(at)) for at in (start + 10_000, start + 11_000)] == [5, 0]


def test_noise_calibration_with_somebody_there_fails() -> None:
    radar = Ld2410(0, NEWEST)
    radar.see(WALKER)
    ask(radar, ENABLE, 0)
    ask(radar, encode_command(0x0B, b"\x01\x00"), 100)
    ask(radar, END, 140)
    start = 100 + CALIBRATION_PAUSE_MS
    assert [status(radar.transmit(at)) for at in (start, start + 1_000, start + 2_000)] == [4, 6, 1]


@given(st.lists(st.binary(max_size=20), max_size=8), st.data())
def test_noise_never_hides_a_command_for_good(noise: list[bytes], data: st.DataObject) -> None:
    radar = Ld2410(0)
    for chunk in noise:
        radar.receive(chunk, 0)
    # a damaged header in the noise may claim up to 64 bytes of what follows
    radar.receive(bytes(80), 0)
    cut = data.draw(st.integers(0, len(ENABLE)))
    radar.receive(ENABLE[:cut], 1)
    radar.receive(ENABLE[cut:], 2)
    assert frame("FDFCFBFA 0800 FF01 0000") in radar.transmit(50)
