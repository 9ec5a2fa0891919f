"""Frames of OSDP: the recordings, the standard's vectors, what is believed and what is not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.sensing.osdp import (
    DEFAULT_KEY,
    Deframer,
    Frame,
    card_of,
    cryptogram,
    judge,
    key_of,
    nak,
    parse,
    with_crc,
)
from tests.support.osdp_witness import Session, Witness, recording, seal, unmarked

KEY = bytes(range(16))
"""The key of the recorded reader."""
CHALLENGE, ANSWER = bytes(range(0xB0, 0xB8)), bytes(range(0xA0, 0xA8))
READER, PANEL = 0xE5, 0x65
GOLDEN = {
    "ID": "ff53650900046100d97a",
    "PDID": "53e514000445bebafe0101afbeaddeaddead07fd",
    "CAP": "ff53650900056200ba18",
    "PDCAP": "53e5230005460101020201010401010501010601010801000901000a0001100200e9c7",
    "POLL": "ff53650800066002f6",
    "ACK": "53e508000640b0f0",
    "LED": "ff5365160006690000020a0a0200320000000000008a43",
    "BUZ": "ff53650d00076a00020a0a0315a3",
    "KEYPAD": "53e50f0007530005313233340d5d43",
    "RAW": "53e51000055000011a00807b1cc0443f",
    "LSTATR": "53e50a0006480100caa5",
}


def frame(raw: bytes) -> Frame:
    found = parse(unmarked(raw))
    assert found is not None
    return found


def golden(name: str) -> Frame:
    return frame(bytes.fromhex(GOLDEN[name]))


def panel(kind: int, body: bytes, extra: bytes = b"") -> Frame:
    block = bytes((2 + len(extra), kind)) + extra
    return frame(seal(PANEL, 2, body, block))


def reader(body: bytes, block: bytes = b"") -> Frame:
    return frame(seal(READER, 2, body, block))


CHLNG = panel(0x11, b"\x76" + CHALLENGE, b"\x01")
POLL = panel(0x15, b"\x60" + bytes(4))


def ccrypt(key: bytes, named: int = 1, kind: int = 0x12) -> Frame:
    proof = Session(key, CHALLENGE, ANSWER).of_reader
    return reader(b"\x76" + bytes(8) + ANSWER + proof, bytes((3, kind, named)))


@pytest.mark.parametrize(
    ("raw", "check"),
    [
        ("537F0D00046E0080250000", "6E38"),
        ("53000900046100", "C066"),
        ("537F0C00006E0080250000", "0F"),
        ("53000800006100", "44"),
    ],
)
def test_the_checks_of_annex_e(raw: str, check: str) -> None:
    assert parse(bytes.fromhex(raw + check)) is not None
    wrong = bytes.fromhex(raw + check)
    assert parse(wrong[:-1] + bytes((wrong[-1] ^ 1,))) is None


def test_the_secure_channel_of_annex_e() -> None:
    session = Session(DEFAULT_KEY, CHALLENGE, ANSWER)
    assert session.s_enc.hex() == "bf8dc2a8329acb8c67c6d0cd9a451682"
    assert session.s_mac1.hex() == "5e86c676603bdee2d8beafe178637332"
    assert session.s_mac2.hex() == "6fda86e857777e81132035758239172e"
    assert session.of_panel.hex() == "26d3356e07762d262801fc8e6665a891"
    assert session.first_mac.hex() == "b2a30057eb98ba2229ec1f875662b524"
    assert cryptogram(DEFAULT_KEY, CHALLENGE, ANSWER).hex() == "fde5d2f428ec16312471ea3c02bd7796"


@pytest.mark.parametrize("name", ["frames_plain", "frames_sc"])
def test_the_recordings_are_found_frame_by_frame_however_they_are_cut(data_dir: Path, name: str) -> None:
    raw = [each.raw for each in recording(data_dir, name)]
    for size in (1, 7, 64):
        deframer = Deframer()
        stream = b"\xff".join(raw)
        found = [
            each.raw for at in range(0, len(stream), size) for each in deframer.feed(stream[at : at + size])
        ]
        assert found == raw
        assert deframer.garbage == 0


def test_every_answer_of_the_secure_recording_is_believed_and_proved(data_dir: Path) -> None:
    frames = recording(data_dir, "frames_sc")
    witness = Witness(KEY)
    understood = list(witness.understand(frames))
    assert sum(each.proved for each in understood) == 94
    assert witness.key == bytes(range(0x10, 0x20))
    key, command = KEY, None
    for (sender, raw), meant in zip(frames, understood, strict=True):
        if sender == "CP":
            command = frame(raw)
            key = meant.data[2:] if meant.id == 0x75 else key
        else:
            verdict = judge(command, frame(raw), key)
            assert verdict.believed and not verdict.fault, raw.hex()


def test_what_the_recorded_reader_said_is_understood(data_dir: Path) -> None:
    said = {each.id: each.data for each in Witness(KEY).understand(recording(data_dir, "frames_sc"))}
    plain = {
        each.raw[5]: each.raw[6:-2] for each in recording(data_dir, "frames_plain") if each.sender == "PD"
    }
    for found in (said, plain):
        keys, card = found[0x53], found[0x50]
        assert [key_of(byte) for byte in keys[2:]] == ["1", "2", "3", "4", "#"]
        assert card[1:4] == b"\x01\x1a\x00"
        assert card_of(26, card[4:]) is None, "its even parity is odd: made up, and refused"
        assert card_of(25, card[4:]) == "raw:25:807b1c80"
        assert found[0x48] == b"\x01\x00"


def test_the_recorded_reader_in_clear_is_believed_for_its_names_only(data_dir: Path) -> None:
    frames = recording(data_dir, "frames_plain")
    believed = [
        answer.id
        for (_, sent), (_, got) in zip(frames[::2], frames[1::2], strict=True)
        if judge(frame(sent), answer := frame(got), KEY).believed
    ]
    assert believed == [0x45, 0x46]


def test_a_reader_that_knows_its_key() -> None:
    assert judge(CHLNG, ccrypt(KEY), KEY).believed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ccrypt(bytes(range(1, 17))), "holds another key"),
        (ccrypt(DEFAULT_KEY), "is still on the default key"),
        (ccrypt(DEFAULT_KEY, named=0), "answers with the default key"),
        (ccrypt(KEY, named=0), "answers with the default key"),
        (ccrypt(KEY, kind=0x14), "in clear"),
        (ccrypt(KEY, kind=0x18), "in clear"),
        (reader(b"\x76" + bytes(32)), "in clear"),
        (reader(b"\x53\x00\x011", b"\x03\x12\x01"), "in clear"),
    ],
)
def test_what_opens_no_channel(answer: Frame, words: str) -> None:
    verdict = judge(CHLNG, answer, KEY)
    assert not verdict.believed
    assert words in verdict.fault


def test_a_refused_challenge_is_handed_on_and_named() -> None:
    verdict = judge(CHLNG, reader(b"\x41\x06"), KEY)
    assert verdict.believed
    assert "NAK 6" in verdict.fault


def test_the_default_key_and_a_bare_ack_are_for_installing_only() -> None:
    challenge = panel(0x11, b"\x76" + CHALLENGE, b"\x00")
    keyset = panel(0x17, b"\x75" + bytes(36))
    for command, answer in ((challenge, ccrypt(DEFAULT_KEY, named=0)), (keyset, reader(b"\x40"))):
        assert judge(command, answer, KEY, installing=True).believed
        assert not judge(command, answer, KEY).believed


@pytest.mark.parametrize("kind", range(0x10, 0x20))
def test_a_card_counts_in_an_encrypted_block_only(kind: int) -> None:
    card = reader(b"\x50" + bytes(16) + b"MAC!", bytes((2, kind)))
    assert judge(POLL, card, KEY).believed is (kind == 0x18)
    assert not judge(POLL, reader(b"\x50" + bytes(8), bytes((3, kind, 1))), KEY).believed


def test_keys_and_cards_in_clear_are_never_believed() -> None:
    for name in ("KEYPAD", "RAW", "LSTATR", "ACK"):
        for command in (POLL, golden("POLL"), CHLNG):
            assert not judge(command, golden(name), KEY).believed


def test_answers_to_others_and_echoes_are_not_believed() -> None:
    other = frame(seal(READER ^ 1, 2, b"\x40" + b"MAC!", b"\x02\x16"))
    assert judge(POLL, reader(b"\x40" + b"MAC!", b"\x02\x16"), KEY).believed
    assert not judge(POLL, other, KEY).believed
    assert not judge(POLL, POLL, KEY).believed
    assert not judge(None, golden("PDID"), KEY).believed


def test_a_reader_without_secure_channel_is_named() -> None:
    verdict = judge(golden("CAP"), reader(b"\x46" + bytes.fromhex("040101090000")), KEY)
    assert verdict.believed
    assert "clear only" in verdict.fault


def test_a_reader_that_denies_crc_in_a_frame_with_crc_owns_up_to_it() -> None:
    denying = reader(b"\x46" + bytes.fromhex("080000090101"))
    assert frame(with_crc(denying)).data == bytes.fromhex("080100090101")
    assert with_crc(golden("PDCAP")) == golden("PDCAP").raw
    assert with_crc(golden("PDID")) == golden("PDID").raw


def test_what_stands_in_for_a_refused_answer_is_a_nak_of_the_same_sequence() -> None:
    assert frame(nak(golden("RAW"))) == frame(seal(READER, golden("RAW").control & 3, b"\x41\x06"))


def test_keys() -> None:
    assert "".join(key_of(byte) or "?" for byte in b"0123456789\r\x7f*#") == "0123456789#**#"
    assert (key_of(0x0D, True), key_of(0x7F, True), key_of(0x35, True)) == ("*", "#", "5")
    assert key_of(0x41) is None


def test_cards() -> None:
    assert card_of(26, bytes.fromhex("00000040")) == "w26:0:0"
    assert card_of(26, bytes.fromhex("00000000")) is None
    assert card_of(34, bytes.fromhex("0000000040")) == "w34:0:0"
    assert card_of(37, bytes.fromhex("ffffffffff")) == "raw:37:fffffffff8"
    assert card_of(0, b"") is None
    assert card_of(26, b"\x00") is None


@given(st.binary(max_size=400))
def test_any_bytes_are_frames_or_garbage(data: bytes) -> None:
    deframer = Deframer()
    for found in deframer.feed(data):
        assert parse(found.raw) == found
        judge(CHLNG, found, KEY)
        judge(POLL, found, KEY)


@given(
    st.integers(0, 3),
    st.integers(0x40, 0xB1),
    st.binary(max_size=60),
    st.binary(min_size=2, max_size=4),
    st.sampled_from([CHLNG, POLL, golden("CAP"), panel(0x13, b"\x77" + bytes(16), b"\x01")]),
)
def test_nothing_but_the_form_that_was_asked_for_is_believed(
    sequence: int, code: int, data: bytes, block: bytes, command: Frame
) -> None:
    block = bytes((len(block),)) + block[1:]
    answer = frame(seal(READER, sequence, bytes((code,)) + data, block))
    if judge(command, answer, KEY).believed:
        assert (command.kind, answer.kind) in {(0x13, 0x14), (0x15, 0x16), (0x15, 0x18)}
        assert answer.kind != 0x18 or (len(data) - 4) % 16 == 0
