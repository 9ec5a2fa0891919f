"""Frames read for people: recorded ones, those of the simulated devices, in any pieces, and what is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.cli import main
from pleintemps_firmware_sim.console.frames import MOST_WAITING, PROTOCOLS, Framer, decode
from pleintemps_firmware_sim.console.wiegand_frames import Pulses, read
from pleintemps_firmware_sim.devices import ld2450
from pleintemps_firmware_sim.devices.hilink import encode_ack, encode_command
from pleintemps_firmware_sim.devices.ld2410 import Engineering, Report, encode_report
from pleintemps_firmware_sim.devices.modbus_sound import seal
from pleintemps_firmware_sim.devices.wiegand import KEYS, card_bits, key_bits, key_edges
from pleintemps_firmware_sim.errors import ControlError
from tests import captures
from tests.support import osdp_witness as osdp

_DEVICES = {"ld2410": "hlk-ld2410", "ld2450": "hlk-ld2450", "modbus": "modbus-sound-sensor"}


@pytest.mark.parametrize("protocol", _DEVICES)
def test_recorded_reports_are_frames(protocol: str) -> None:
    for name, data in captures.load(_DEVICES[protocol]).items():
        out = not name.startswith("request")
        if "report" in name or "example" in name or name.startswith(("request", "answer")):
            frames = decode(protocol, data, out=out)
            assert [frame.raw for frame in frames] == [data], name
            assert frames[0].ok and frames[0].fields, name


def test_recorded_osdp_frames_have_names(data_dir: Path) -> None:
    for recording in ("frames_plain", "frames_sc"):
        frames = [frame.raw for frame in osdp.recording(data_dir, recording)]
        read_back = decode("osdp", b"".join(frames))
        assert [frame.raw for frame in read_back] == frames
        assert all(frame.ok and frame.name.replace("_", "").isalpha() for frame in read_back)
        assert "POLL" in {frame.name for frame in read_back}


def test_fields_have_the_names_and_values_of_the_devices_own_reports() -> None:
    more = Engineering(8, 8, tuple(range(9)), tuple(range(10, 19)), 77, 1)
    (report,) = decode("ld2410", encode_report(Report(3, 120, 60, 250, 40, 130, more)))
    assert report.name == "engineering report"
    assert report.fields["moving_cm"] == "120" and report.fields["still_energy"] == "40"
    assert report.fields["moving"] == "0 1 2 3 4 5 6 7 8" and report.fields["light"] == "77"
    (report,) = decode("ld2450", ld2450.encode_report([ld2450.Target(-782, 1713, -16)]))
    assert report.fields == {"target 1": "x_mm -782 y_mm 1713 speed -16 resolution_mm 360"}
    (command,) = decode("ld2410", encode_command(0x00A3), out=False)
    assert (command.name, command.fields) == ("restart", {"word": "00A3"})
    (answer,) = decode("ld2410", encode_ack(0x00FF, 0, b"\x01\x00\x40\x00"))
    assert answer.name == "answer: enter configuration"
    assert answer.fields == {"word": "01FF", "status": "done", "value": "01004000"}


def test_questions_answers_and_refusals_of_the_meter() -> None:
    (asked,) = decode("modbus", seal(bytes.fromhex("010300000001")), out=False)
    assert (asked.name, asked.fields["register"], asked.fields["count"]) == ("read wanted", "level", "1")
    (refused,) = decode("modbus", seal(bytes.fromhex("018302")))
    assert (refused.name, refused.fields["illegal"]) == ("read refused", "register")
    (written,) = decode("modbus", seal(bytes.fromhex("010607D00007")))
    assert (written.name, written.fields["register"], written.fields["value"]) == (
        "write done",
        "address",
        "7",
    )


def test_osdp_keys_lamps_and_cards_are_read_and_what_is_sealed_is_not() -> None:
    keys = osdp.seal(0x80 | 5, 1, b"\x53\x00\x03" + b"12\x0d")
    lamp = osdp.seal(5, 2, b"\x69\x00\x00\x02\x05\x05\x02\x00\x1e\x00\x00\x00\x00\x00\x00")
    card = osdp.seal(0x80, 3, b"\x50\x00\x01\x1a\x00" + bytes((0xFF, 0, 0xFF, 0xC0)))
    secret = osdp.seal(0x80, 3, b"\x53" + bytes(16) + bytes(4), b"\x02\x18")
    frames = decode("osdp", keys + lamp + card + secret)
    assert [frame.name for frame in frames] == ["KEYPAD", "LED", "RAW", "KEYPAD"]
    assert frames[0].fields == {"address": "5", "sequence": "1", "reader": "0", "keys": "12#"}
    assert (frames[1].fields["on_colour"], frames[1].fields["timer"]) == ("2", "30")
    assert frames[2].fields["card"] == "11111111000000001111111111"
    assert frames[3].fields["sealed"] == "16 bytes" and "keys" not in frames[3].fields


@given(st.data())
def test_pieces_and_noise_between_change_nothing(data: st.DataObject) -> None:
    whole = b"\x00" + encode_report(Report(1, 100, 50)) + b"\xf4\x01" + encode_ack(0xFE, 0) + b"\x42"
    expected = decode("ld2410", whole)
    assert [frame.ok for frame in expected] == [False, True, False, True, False]
    framer, found, at = Framer("ld2410", out=True), [], 0
    while at < len(whole):
        size = data.draw(st.integers(1, 20))
        found += framer.feed(whole[at : at + size])
        at += size
    found += framer.end()
    assert [frame for frame in found if frame.ok] == [frame for frame in expected if frame.ok]
    assert b"".join(frame.raw for frame in found) == whole


@given(st.sampled_from(sorted(PROTOCOLS)), st.booleans(), st.binary(max_size=300))
def test_whatever_comes_no_byte_is_lost_and_nothing_is_raised(protocol: str, out: bool, data: bytes) -> None:
    framer = Framer(protocol, out=out)
    assert b"".join(frame.raw for frame in framer.feed(data) + framer.end()) == data


def test_a_frame_that_never_ends_is_given_up() -> None:
    framer = Framer("osdp", out=True)
    head = bytes((0x53, 0, 0xA0, 0x05, 4))
    assert framer.feed(head + bytes(100)) == []
    assert sum(len(frame.raw) for frame in framer.feed(bytes(MOST_WAITING))) > 1_440


def test_keys_and_cards_are_read_from_their_pulses() -> None:
    for key in KEYS:
        for bits in (4, 8):
            pulses = Pulses()
            for edge in key_edges(key, bits):
                assert pulses.edge(edge.line[1], edge.level, edge.after_ns) is None
            heard = pulses.end()
            assert heard is not None and heard.fields["key"] == key
    card = read(card_bits(26, 12, 3456))
    assert (card.name, card.fields["facility"], card.fields["number"]) == ("card", "12", "3456")
    broken = card_bits(34, 12, 3456)
    assert not read(("0" if broken[0] == "1" else "1") + broken[1:]).ok
    assert not read("1111" + key_bits("1", 4)).ok
    assert [read("1" * count).ok for count in (4, 1, 5, 64)] == [False] * 4


def test_a_pause_ends_a_frame() -> None:
    pulses = Pulses()
    for edge in key_edges("5", 4):
        pulses.edge(edge.line[1], edge.level, edge.after_ns)
    heard = pulses.edge("0", 0, 60_000_000)
    assert heard is not None and heard.fields["key"] == "5"


def test_the_command_reads_bytes_and_says_by_its_status_whether_all_are_frames(
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame = seal(bytes.fromhex("0103020209")).hex()
    assert main(["decode", "modbus", frame]) == 0
    assert capsys.readouterr().out.startswith("read done address=1 registers=521 tenth=52.1 [01 03")
    assert main(["decode", "modbus", frame, "00"]) == 1
    assert "no frame [00]" in capsys.readouterr().out
    assert main(["decode", "modbus", "xyz"]) == 2
    assert "hexadecimal" in capsys.readouterr().err


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ControlError, match="ld2410, ld2450, modbus, osdp"):
        decode("rs232", b"")
