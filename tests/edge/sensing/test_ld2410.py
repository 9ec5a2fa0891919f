"""The radar's frames: the makers' vectors, damage of every kind, arbitrary garbage."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pleintemps_edge.sensing.ld2410 import Reader, Report, Status, Target, parse
from tests.captures import load

CAPTURES = load("hlk-ld2410")
NOBODY = Report(Status.NOBODY, None, None)
MEANINGS = {
    "vendor still": Report(Status.STILL, None, Target(0, 59)),
    "tasmota nobody, stale energy": NOBODY,
    "tasmota nobody, stale target": NOBODY,
    "tasmota both": Report(Status.BOTH, Target(70, 52), Target(0, 60)),
    "tasmota both, near": Report(Status.BOTH, Target(42, 100), Target(0, 100)),
    "vendor engineering": Report(Status.BOTH, Target(30, 60), Target(0, 57)),
    "tasmota engineering, nobody": NOBODY,
}
GOOD = CAPTURES["tasmota both"]
GOOD_REPORT = MEANINGS["tasmota both"]
ACKS = [data for name, data in CAPTURES.items() if " ack " in name]
LONGEST = 4 + 2 + 64 + 4


@st.composite
def frames(draw: st.DrawFn) -> tuple[bytes, Report]:
    """A well-formed report, built field by field, and what it means."""
    status = draw(st.sampled_from(Status))
    moving = Target(draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 100)))
    still = Target(draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 100)))
    body = b"\xaa" + bytes([status])
    for target in (moving, still):
        body += target.distance_cm.to_bytes(2, "little") + bytes([target.energy])
    body += draw(st.integers(0, 0xFFFF)).to_bytes(2, "little")
    if draw(st.booleans()):
        gates = bytes(draw(st.lists(st.integers(0, 100), min_size=18, max_size=18)))
        body = b"\x01" + body + b"\x08\x08" + gates + draw(st.binary(min_size=2, max_size=2))
    else:
        body = b"\x02" + body
    body += b"\x55\x00"
    data = b"\xf4\xf3\xf2\xf1" + len(body).to_bytes(2, "little") + body + b"\xf8\xf7\xf6\xf5"
    has_moving, has_still = status in (Status.MOVING, Status.BOTH), status in (Status.STILL, Status.BOTH)
    return data, Report(status, moving if has_moving else None, still if has_still else None)


@pytest.mark.parametrize("name", MEANINGS)
def test_the_makers_vectors(name: str) -> None:
    assert Reader().feed(CAPTURES[name]) == [MEANINGS[name]]


def test_every_report_of_the_captures_has_a_meaning_here() -> None:
    assert set(CAPTURES) == set(MEANINGS) | {name for name in CAPTURES if " ack " in name}


@pytest.mark.parametrize("ack", ACKS, ids=lambda ack: ack[6:8].hex())
def test_answers_to_commands_are_skipped(ack: bytes) -> None:
    assert Reader().feed(ack + GOOD + ack + ack + GOOD) == [GOOD_REPORT] * 2


def test_a_report_inside_an_answer_is_not_a_report() -> None:
    answer = b"\xfd\xfc\xfb\xfa" + len(GOOD).to_bytes(2, "little") + GOOD + b"\x04\x03\x02\x01"
    assert Reader().feed(answer + GOOD) == [GOOD_REPORT]


@pytest.mark.parametrize(
    ("damage", "data"),
    [
        ("start in mid-frame", GOOD[7:]),
        ("bad tail", GOOD[:-1] + b"\x00"),
        ("truncated", GOOD[:-6]),
        ("length without bound", b"\xf4\xf3\xf2\xf1\xff\xff"),
        ("header, then nothing", b"\xf4\xf3\xf2\xf1"),
        ("half a header", b"\xf4\xf3"),
        ("longer firmware frame", b"\xf4\xf3\xf2\xf1\x10\x00" + GOOD[6:-4] + b"\0\0\0" + GOOD[-4:]),
        ("no AA", GOOD[:7] + b"\xab" + GOOD[8:]),
        ("no 55 00", GOOD[:-5] + b"\x01" + GOOD[-4:]),
        ("unknown status", GOOD[:8] + b"\x07" + GOOD[9:]),
        ("energy above 100", GOOD[:11] + b"\x65" + GOOD[12:]),
        ("type of the other length", GOOD[:6] + b"\x01" + GOOD[7:]),
    ],
)
def test_a_damaged_frame_harms_itself_only(damage: str, data: bytes) -> None:
    assert Reader().feed(data + GOOD + GOOD) == [GOOD_REPORT] * 2, damage


@pytest.mark.parametrize("status", [4, 5, 6])
def test_calibration_says_nothing_of_presence(status: int) -> None:
    [report] = Reader().feed(GOOD[:8] + bytes([status]) + GOOD[9:])
    assert (report.status, report.moving, report.still) == (status, None, None)


@given(st.lists(frames(), max_size=8), st.data())
def test_any_frames_survive_any_cuts(sent: list[tuple[bytes, Report]], data: st.DataObject) -> None:
    stream = b"".join(frame for frame, _ in sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    reader = Reader()
    got: list[Report] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.feed(stream[start:end])
    assert got == [report for _, report in sent]


@given(st.lists(st.binary(max_size=80) | st.sampled_from([*ACKS, GOOD[:10], GOOD[:4]]), max_size=5))
@example([b"\xf4\xf3\xf2\xf1\x40\x00"])
@example([b"\xfd\xfc\xfb\xfa\x40\x00"])
@example([b"\xf4\xf3\xf2\xf1\x23\x00\x01\xaa\x01" + bytes(7)])
def test_after_any_garbage_the_next_good_frame_is_found(garbage: list[bytes]) -> None:
    reader = Reader()
    for piece in garbage:
        reader.feed(piece)
    # a false header may claim up to the longest frame before it is found out
    assert reader.feed(GOOD + bytes(LONGEST))[-1] == GOOD_REPORT


@given(st.binary(max_size=80))
def test_any_payload_is_a_report_or_none(payload: bytes) -> None:
    report = parse(payload)
    assert report is None or len(payload) in (0x0D, 0x23)


def test_a_flood_of_headers_is_not_kept() -> None:
    reader = Reader()
    for _ in range(1000):
        reader.feed(b"\xf4\xf3\xf2\xf1\x40\x00")
    assert len(reader._buffer) < LONGEST
