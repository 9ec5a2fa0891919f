"""Laws of the difference, and of what stands in the place of secrets."""

import asyncio
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.recording import End, Gap, Header, Line, decode_entry
from pleintemps_edge.errors import RecordError
from pleintemps_edge.record.keypads import WiegandTap, key_bits
from pleintemps_edge.record.sink import Sink
from pleintemps_edge.record.veil import Veil
from pleintemps_edge.record.words import lock_words
from pleintemps_edge.sensing.cards import canonical
from pleintemps_edge.sensing.wiegand import Card, Edge, Formats, Key, decode
from pleintemps_firmware_sim.replaying.diff import compare
from pleintemps_firmware_sim.replaying.told import Told

DIGITS = st.text("0123456789", min_size=1, max_size=12)
TIMES = st.lists(st.tuples(st.integers(0, 500_000), st.sampled_from(("a", "b", "c"))), max_size=30)
KEYS = st.binary(min_size=32, max_size=32)
FORMATS = Formats(key_bits=4, cards=(26, 34))


def _told(events: list[tuple[int, str]]) -> Told:
    return Told(sorted(events), {"level": [(at, 1.0) for at, _ in sorted(events)]}, frozenset())


# --- differences -----------------------------------------------------------------------------------------


@given(TIMES)
def test_nothing_differs_from_itself(events: list[tuple[int, str]]) -> None:
    report = compare(_told(events), _told(events))
    assert report.same
    assert report.events.matched == len(events)


@given(TIMES, TIMES)
def test_every_event_is_accounted_for_once(one: list[tuple[int, str]], other: list[tuple[int, str]]) -> None:
    found = compare(_told(one), _told(other)).events
    kinds = [each.kind for each in found.differences]
    assert found.matched + kinds.count("missing") + kinds.count("shifted") == len(one)
    assert found.matched + kinds.count("added") + kinds.count("shifted") == len(other)
    assert all(250 < abs(each.shift_ms) <= 60_000 for each in found.differences if each.kind == "shifted")


@given(TIMES, TIMES)
def test_seen_from_the_other_side_missing_is_added(
    one: list[tuple[int, str]], other: list[tuple[int, str]]
) -> None:
    there, back = compare(_told(one), _told(other)).events, compare(_told(other), _told(one)).events
    assert there.matched == back.matched
    swapped = sorted((each.what, each.replayed or -1, each.at or -1) for each in back.differences)
    assert swapped == sorted((each.what, each.at or -1, each.replayed or -1) for each in there.differences)


@given(TIMES, st.integers(-250, 250))
def test_a_little_later_is_the_same(events: list[tuple[int, str]], shift: int) -> None:
    apart = [(at * 10, what) for at, what in {at: (at, what) for at, what in events}.values()]
    one = Told(sorted(apart), {}, frozenset())
    other = Told(sorted((at + shift, what) for at, what in apart), {}, frozenset())
    assert compare(one, other).same or min(abs(a[0] - b[0]) for a in apart for b in apart if a != b) <= 500


def test_a_reading_that_is_missing_or_another_is_said() -> None:
    one = Told([], {"meter": [(0, 40.0), (1_000, 41.0), (2_000, 42.0), (3_000, 43.0)]}, frozenset())
    other = Told([], {"meter": [(10, 40.0), (2_010, 55.0), (3_010, 43.0)]}, frozenset())
    (found,) = compare(one, other).series
    assert (found.matched, found.missing, found.added, found.changed, found.worst) == (2, 1, 0, 1, 13.0)


def test_a_state_that_changes_later_is_shifted() -> None:
    one = Told([], {"eye": [(0, 0.0), (5_000, 1.0), (6_000, 1.0)]}, frozenset({"eye"}))
    other = Told([], {"eye": [(0, 0.0), (7_000, 1.0)]}, frozenset({"eye"}))
    (found,) = compare(one, other).series
    assert (found.matched, found.shifted) == (1, 1)
    assert found.differences[0].shift_ms == 2_000


# --- secrets ---------------------------------------------------------------------------------------------


@given(KEYS, DIGITS, DIGITS)
def test_codes_stay_different_and_as_long(key: bytes, one: str, other: str) -> None:
    veil = Veil(key)
    assert len(veil.code(one)) == len(one)
    assert veil.code(one).isdigit()
    assert (veil.code(one) == veil.code(other)) == (one == other)


@given(KEYS, st.text("0123456789", max_size=11))
def test_every_digit_has_its_own(key: bytes, before: str) -> None:
    assert {Veil(key).key(before, digit) for digit in "0123456789"} == set("0123456789")


@given(KEYS, st.sampled_from((26, 34)), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_cards_stay_cards_and_different(key: bytes, bits: int, one: int, other: int) -> None:
    veil = Veil(key)
    facility = 8 if bits == 26 else 16
    cards = [f"w{bits}:{number >> 16 & (1 << facility) - 1}:{number & 0xFFFF}" for number in (one, other)]
    veiled = [veil.card(card) for card in cards]
    assert all(each.startswith(f"w{bits}:") for each in veiled)
    assert (veiled[0] == veiled[1]) == (cards[0] == cards[1])


def _frame(bits: str, start: int) -> list[Edge]:
    return [Edge(start + 1_000 * place, int(bit), 0) for place, bit in enumerate(bits)]


@given(KEYS, st.text("0123456789*#", min_size=1, max_size=6), st.integers(1, 60))
def test_what_is_written_of_a_keypad_is_what_it_was_but_for_the_digits(
    key: bytes, keys: str, odd: int
) -> None:
    """Of every frame its pulses, their times and its kind; a damaged frame stays one."""
    veil, written = Veil(key), list[Edge]()
    tap = WiegandTap(FORMATS, veil, written.append)
    frames = [_frame(key_bits(each, FORMATS), 200_000 * place) for place, each in enumerate(keys)]
    frames.append(_frame("01" * odd, 200_000 * len(keys)))
    for frame in frames:
        for edge in frame:
            tap.take(edge)
    tap.settle(2**40)
    assert [edge.at_us for edge in written] == [edge.at_us for frame in frames for edge in frame]
    for frame in frames:
        after, written = written[: len(frame)], written[len(frame) :]
        before, now = decode(frame, FORMATS), decode(after, FORMATS)
        assert type(before) is type(now)
        if isinstance(before, Key) and isinstance(now, Key):
            assert (before.key == now.key) or (before.key.isdigit() and now.key.isdigit())
        if isinstance(before, Card) and isinstance(now, Card):
            assert now.card == veil.card(before.card)
            assert canonical("".join(str(edge.bit) for edge in after)) == now.card


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b'{"state":"LOCK","action":"unlock","action_user":3,"users":{"1":{"pin_code":"48215907"}}}',
         '{"state":"LOCK","action":"unlock"}'),
        (b'{"id":1,"src":"door","result":{"output":true,"user":"Marie"}}',
         '{"id":1,"src":"door","result":{"output":true}}'),
        (b"1", "1"),
        (b"true", "true"),
        (b"\xff\x00", None),
        (b"{" * 100_000, None),
        ("Marie Dupont-Éluard".encode(), None),
    ],
)  # fmt: skip
def test_of_a_lock_s_words_only_what_a_driver_reads_is_kept(said: bytes, kept: str | None) -> None:
    assert lock_words(said) == kept


# --- the file --------------------------------------------------------------------------------------------

HEADER = Header(format=1, version="1", site="a", agent="b", boot="0" * 32, begin=0, config={})


def test_a_file_that_is_full_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    async def work() -> Sink:
        sink = Sink(tmp_path / "x.rec", 60)
        sink.begin(HEADER)
        for at in range(3):
            sink.put(Line(t=at, broker="site", up=True))
            await sink.flush()
        sink.close()
        return sink

    assert asyncio.run(work()).lost == 2
    # cut: it has no end, and reads up to there
    lines = gzip.GzipFile(tmp_path / "x.rec").read1().splitlines()
    assert [decode_entry(text, 2).t for text in lines[1:]] == [0]


def test_a_disk_that_does_not_follow_costs_lines_that_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pleintemps_edge.record.sink.MAX_WAITING", 100)

    async def work() -> None:
        sink = Sink(tmp_path / "x.rec", 2**20)
        sink.begin(HEADER)
        for at in range(10):
            sink.put(Line(t=at, broker="site", up=True))
        await sink.flush()
        sink.put(End(t=99))
        sink.close()

    asyncio.run(work())
    entries = [
        decode_entry(text, 2) for text in gzip.decompress((tmp_path / "x.rec").read_bytes()).splitlines()[1:]
    ]
    gaps = [entry for entry in entries if isinstance(entry, Gap)]
    assert len(gaps) == 1
    assert len([entry for entry in entries if isinstance(entry, Line)]) + gaps[0].lines == 10


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.rec").write_bytes(b"another night")
    with pytest.raises(RecordError, match="File exists"):
        Sink(tmp_path / "x.rec", 2**20)
    assert (tmp_path / "x.rec").read_bytes() == b"another night"


def test_an_agent_that_cannot_start_leaves_no_file(tmp_path: Path) -> None:
    Sink(tmp_path / "x.rec", 2**20).close()
    assert list(tmp_path.iterdir()) == []
