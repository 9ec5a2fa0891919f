"""The tracking radar's frames: the maker's vectors, damage of every kind; what is told of counts."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.sensing.ld2450 import SETTLE_MS, Reader, Target, Told, Tracker, targets
from tests.captures import load

CAPTURES = load("hlk-ld2450")
MEANINGS = {
    "vendor example": (Target(-782, 1713, -16),),
    "left, standing": (Target(-272, 850, 0),),
    "left, going": (Target(-228, 903, 17),),
    "right, coming": (Target(2750, 3655, -17),),
    "nobody": (),
}
GOOD = CAPTURES["vendor example"]
SEEN = MEANINGS["vendor example"]


def place(x: int, y: int, speed: int = 0) -> bytes:
    """One target as two's complement would never write it."""
    return b"".join(
        (value | 0x8000 if value > 0 else -value).to_bytes(2, "little") for value in (x, y, speed, 360)
    )


def test_the_captures_mean_what_the_manual_says() -> None:
    for name, meaning in MEANINGS.items():
        assert Reader().feed(CAPTURES[name]) == [meaning], name


def test_answers_to_commands_are_skipped() -> None:
    assert Reader().feed(CAPTURES["vendor ack firmware"] + GOOD) == [SEEN]


def test_what_lies_outside_the_coverage_is_no_target() -> None:
    outside = [(0, 6_001), (0, -1_000), (3_500, 2_000), (-3_500, 2_000), (0, 0)]
    for x, y in outside:
        assert targets(place(x, y) + bytes(16)) == ()
    assert targets(place(0, 1_000, 1_501) + bytes(16)) == ()
    assert targets(place(0, 1_000) + place(0, 9_000) + place(500, 2_000)) == (
        Target(0, 1_000, 0),
        Target(500, 2_000, 0),
    )


@given(st.binary(max_size=60), st.integers(0, 30))
def test_noise_before_hides_at_most_one_report(noise: bytes, cut: int) -> None:
    reader = Reader()
    found = reader.feed(noise) + reader.feed(GOOD + GOOD[:cut]) + reader.feed(GOOD[cut:] + GOOD)
    assert found[-2:] == [SEEN, SEEN]


@given(st.lists(st.integers(0, 60), max_size=6))
def test_cuts_anywhere_change_nothing(cuts: list[int]) -> None:
    data = GOOD + CAPTURES["nobody"]
    places = sorted({0, *cuts, len(data)})
    reader = Reader()
    found = [
        report
        for start, end in zip(places, places[1:], strict=False)  # noqa: RUF007
        for report in reader.feed(data[start:end])
    ]
    assert found == [SEEN, ()]


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_garbage_never_raises_and_is_not_kept(chunks: list[bytes]) -> None:
    reader = Reader()
    for chunk in chunks:
        reader.feed(chunk)
    assert len(reader._buffer) < 30


def run(tracker: Tracker, counts: list[tuple[int, int]]) -> list[tuple[int, Told]]:
    """What is new at which moment; ``counts`` are (ms, count), repeated each 100 ms until the next."""
    told = []
    for (start, count), (end, _) in zip(counts, [*counts[1:], (counts[-1][0] + 100, 0)], strict=True):
        for now in range(start, end, 100):
            new = tracker.take(count, now)
            if new != Told():
                told.append((now, new))
    return told


def test_a_count_is_told_once_it_stood() -> None:
    told = run(Tracker(15_000), [(0, 0), (1_000, 1), (1_200, 2), (3_000, 2)])
    assert told == [(SETTLE_MS, Told(targets=0, motion=0)), (1_700, Told(targets=2, motion=1))]


def test_motion_outlasts_the_last_target_by_the_hold() -> None:
    told = run(Tracker(15_000), [(0, 1), (2_000, 0), (30_000, 0)])
    assert told == [
        (500, Told(targets=1, motion=1)),
        (2_500, Told(targets=0)),
        (17_400, Told(motion=0)),
    ]


def test_after_silence_all_is_told_again() -> None:
    tracker = Tracker(15_000)
    run(tracker, [(0, 1), (2_000, 1)])
    tracker.forget()
    assert run(tracker, [(9_000, 1), (10_000, 1)]) == [(9_500, Told(targets=1, motion=1))]


@given(st.lists(st.integers(0, 3), max_size=200))
def test_motion_is_never_denied_while_targets_are_told(counts: list[int]) -> None:
    tracker, last_targets, motion = Tracker(1_000), 0, 0
    for place_, count in enumerate(counts):
        new = tracker.take(count, 100 * place_)
        last_targets = last_targets if new.targets is None else new.targets
        motion = motion if new.motion is None else new.motion
        assert not (last_targets and not motion)
