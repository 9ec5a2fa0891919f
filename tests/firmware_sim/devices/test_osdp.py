"""The simulated OSDP reader, asked with the recorded frames of a control panel."""

from pathlib import Path

import pytest

from pleintemps_firmware_sim.devices.osdp import OsdpReader
from tests.support.osdp_witness import check, recording, seal, unmarked

ADDRESS = 0x65
KEY = bytes(range(16))


def ask(reader: OsdpReader, command: bytes) -> bytes:
    """The reader's answer without its mark; its check is right."""
    reader.receive(command, 0)
    answer = unmarked(reader.transmit(0) or b"\0")
    if answer != b"\0":
        assert answer[0] == 0x53 and answer[1] == 0x80 | ADDRESS
        assert check(answer[:-2]) == answer[-2:]
    return answer


def test_it_answers_the_recorded_opening_as_the_recorded_reader_did(data_dir: Path) -> None:
    frames = recording(data_dir, "frames_sc")
    reader = OsdpReader(KEY, address=ADDRESS)
    for command, recorded in zip(frames[:4:2], frames[1:4:2], strict=True):
        answer = ask(reader, command.raw)
        assert answer[4:6] == recorded.raw[4:6], "sequence and kind"
        assert len(answer) == len(recorded.raw) or answer[5] == 0x46
    answer = ask(reader, frames[4].raw)
    assert answer[4:9] == frames[5].raw[4:9], "CCRYPT in block 12 with key 1"
    assert len(answer) == len(frames[5].raw)


def test_it_says_in_clear_what_it_is_and_nothing_else(data_dir: Path) -> None:
    reader = OsdpReader(KEY, address=ADDRESS)
    reader.press("1")
    answers = [ask(reader, frame.raw)[5] for frame in recording(data_dir, "frames_plain")[:6:2]]
    assert answers == [0x45, 0x46, 0x41], "PDID, PDCAP, and NAK to a poll"


def test_others_and_damage_get_no_answer() -> None:
    reader = OsdpReader(KEY, address=ADDRESS)
    good = seal(ADDRESS, 0, b"\x61\x00")
    assert ask(reader, seal(ADDRESS + 1, 0, b"\x61\x00")) == b"\0"
    assert ask(reader, good)[5] == 0x45


def test_muted_it_hears_nothing() -> None:
    reader = OsdpReader(KEY, address=ADDRESS)
    reader.mute(True)
    assert ask(reader, seal(ADDRESS, 0, b"\x61\x00")) == b"\0"
    reader.mute(False)
    assert ask(reader, seal(ADDRESS, 0, b"\x61\x00"))[5] == 0x45


@pytest.mark.parametrize("faults", [{}, {"clear_only": True}, {"denies_crc": True}])
def test_what_it_says_it_can(faults: dict[str, bool]) -> None:
    answer = ask(OsdpReader(None, address=ADDRESS, **faults), seal(ADDRESS, 0, b"\x62\x00"))
    levels = dict(zip(answer[6:-2:3], answer[7:-2:3], strict=True))
    assert levels[4] == levels[5] == 1, "lamp and sounder"
    assert levels[8] == (0 if "denies_crc" in faults else 1)
    assert levels[9] == (0 if "clear_only" in faults else 1)


def test_bare_it_has_neither_lamp_nor_sounder() -> None:
    answer = ask(OsdpReader(None, address=ADDRESS, bare=True), seal(ADDRESS, 0, b"\x62\x00"))
    levels = dict(zip(answer[6:-2:3], answer[7:-2:3], strict=True))
    assert levels.get(4, 0) == levels.get(5, 0) == 0


@pytest.mark.parametrize("keys", ["", "A", "12a"])
def test_what_is_no_key(keys: str) -> None:
    with pytest.raises(ValueError, match="are not keys"):
        OsdpReader(KEY, address=ADDRESS).press(keys)
