"""Keys and cards from edges: all formats, every order of arrival, lost and spare bits."""

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pleintemps_edge.sensing.wiegand import (
    APART_US,
    DELIVERY_US,
    MAX_EDGES,
    MAX_SPACING_US,
    MIN_SPACING_US,
    NOISE,
    QUIET_US,
    Card,
    CardBits,
    Edge,
    Formats,
    Heard,
    Key,
    KeyBits,
    Receiver,
    Refused,
    decode,
)

FOUR = dict(zip("0123456789*#", (f"{n:04b}" for n in range(12)), strict=True))
EIGHT = {
    key: f"{int(code, 16):08b}"
    for key, code in zip(
        "0123456789*#", ["F0", "E1", "D2", "C3", "B4", "A5", "96", "87", "78", "69", "5A", "4B"], strict=True
    )
}
CODES: dict[KeyBits, dict[str, str]] = {4: FOUR, 8: EIGHT}
CARDS = {  # ZKTeco prints the first; the others were computed from the published rule
    "w26:1:1": "10000000100000000000000010",
    "w26:123:4567": "10111101100010001110101110",
    "w26:0:0": "00000000000000000000000001",
    "w26:255:65535": "01111111111111111111111111",
    "w34:1:1": "1000000000000000100000000000000010",
    "w34:123:4567": "0000000000111101100010001110101111",
    "w34:65535:65535": "0111111111111111111111111111111111",
}
KEYPAD = Formats(4)
MIXED = Formats(4, (26, 34))
ALL = [Formats(4), Formats(8), Formats(0, (26,)), Formats(0, (26, 34)), MIXED, Formats(8, (34,))]

spacings = st.integers(MIN_SPACING_US, MAX_SPACING_US)


def pulses(bits: str, start_us: int = 0, spacing_us: int = 1000) -> list[Edge]:
    return [Edge(start_us + n * spacing_us, int(bit)) for n, bit in enumerate(bits)]


def card_bits(bits: CardBits, facility: int, number: int) -> str:
    """A card's frame, put together in another way than it is taken apart."""
    data = f"{facility:0{bits - 18}b}{number:016b}"
    half = len(data) // 2
    return f"{data[:half].count('1') & 1}{data}{1 - (data[half:].count('1') & 1)}"


def hear(receiver: Receiver, arrivals: Sequence[tuple[int, Edge]]) -> list[Heard]:
    """Deliver each edge at its ms and let due moments pass in between, as a driver does."""
    heard: list[Heard] = []
    for now, edge in arrivals:
        while (due := receiver.due()) is not None and due <= now:
            heard += receiver.take(due)
        receiver.feed(edge, now)
    while (due := receiver.due()) is not None:
        found = receiver.take(due)
        assert found  # else a driver would spin
        heard += found
    assert receiver.empty
    return heard


def at_once(edges: Sequence[Edge], formats: Formats) -> list[Key | Card | Refused]:
    """What they say when all are delivered together."""
    receiver = Receiver(formats)
    for edge in edges:
        receiver.feed(edge, 1_000_000)
    return [heard.what for heard in hear(receiver, [])]


@pytest.mark.parametrize(("bits", "key"), [(bits, key) for bits in CODES for key in CODES[bits]])
def test_every_key_of_both_codings(bits: KeyBits, key: str) -> None:
    edges = pulses(CODES[bits][key])
    assert decode(edges, Formats(bits)) == Key(key)
    assert decode(edges, Formats(bits, (26, 34))) == Key(key)
    swapped = {"*": "#", "#": "*"}.get(key, key)
    assert decode(edges, Formats(bits, swap_star_hash=True)) == Key(swapped)


@pytest.mark.parametrize(("card", "bits"), CARDS.items())
def test_the_vectors_of_cards(card: str, bits: str) -> None:
    assert decode(pulses(bits), MIXED) == Card(card)
    kind, facility, number = card.split(":")
    assert card_bits(26 if kind == "w26" else 34, int(facility), int(number)) == bits


@given(st.integers(0, 2**26 - 1))
def test_every_frame_of_26_bits_is_one_card_or_refused_for_its_parity(value: int) -> None:
    bits = f"{value:026b}"
    found = decode(pulses(bits), MIXED)
    facility, number = int(bits[1:9], 2), int(bits[9:25], 2)
    whole = card_bits(26, facility, number) == bits
    assert found == (Card(f"w26:{facility}:{number}") if whole else Refused("parity of a card of 26 bits"))


@given(st.sampled_from(list(CARDS)), st.data())
def test_one_wrong_bit_of_a_card_is_refused(card: str, data: st.DataObject) -> None:
    bits = CARDS[card]
    at = data.draw(st.integers(0, len(bits) - 1))
    wrong = bits[:at] + str(1 - int(bits[at])) + bits[at + 1 :]
    assert isinstance(decode(pulses(wrong), MIXED), Refused)


@given(st.sampled_from(ALL), st.data())
def test_edges_up_to_50_ms_late_in_any_order_are_what_was_sent(formats: Formats, data: st.DataObject) -> None:
    """The law of the line: with none lost, none is misread and none refused."""
    offset = data.draw(st.integers(-(10**9), 10**9))
    at = 0
    sent: list[tuple[int, Key | Card]] = []
    arrivals: list[tuple[int, Edge]] = []
    for _ in range(data.draw(st.integers(1, 6))):
        what: Key | Card
        length = data.draw(st.sampled_from(formats.lengths))
        if length == formats.key_bits:
            key = data.draw(st.sampled_from("0123456789*#"))
            bits, what = CODES[formats.key_bits][key], Key(key)
        else:
            kind: CardBits = 26 if length == 26 else 34
            facility = data.draw(st.integers(0, 2 ** (length - 18) - 1))
            number = data.draw(st.integers(0, 65_535))
            bits, what = card_bits(kind, facility, number), Card(f"w{length}:{facility}:{number}")
        spacing = data.draw(spacings)
        seen = 0
        for edge in pulses(bits, at, spacing):
            arrived = -(-(edge.at_us + data.draw(st.integers(0, DELIVERY_US))) // 1000)
            arrivals.append((arrived, Edge(edge.at_us + offset, edge.bit, arrived)))
            seen = max(seen, arrived)
        sent.append((seen, what))
        at += spacing * (len(bits) - 1) + data.draw(st.integers(formats.apart_us + 1, 300_000))
    arrivals = sorted(data.draw(st.permutations(arrivals)), key=lambda arrival: arrival[0])
    assert [(heard.seen, heard.what) for heard in hear(Receiver(formats), arrivals)] == sent


@given(st.sampled_from([*ALL, Formats(8, (26, 34))]), spacings, st.data())
def test_a_frame_that_lost_a_run_of_edges_inside_is_refused(
    formats: Formats, spacing: int, data: st.DataObject
) -> None:
    length = data.draw(st.sampled_from(formats.lengths))
    edges = pulses(data.draw(st.text("01", min_size=length, max_size=length)), 0, spacing)
    run = data.draw(st.integers(1, min(length - 2, APART_US // spacing - 1)))
    first = data.draw(st.integers(1, length - 1 - run))
    found = at_once(edges[:first] + edges[first + run :], formats)
    assert found
    assert all(isinstance(what, Refused) for what in found)


@given(st.sampled_from([Formats(4), Formats(8), Formats(0, (26,)), Formats(0, (34,))]), spacings, st.data())
def test_where_all_frames_have_one_length_any_loss_is_refused(
    formats: Formats, spacing: int, data: st.DataObject
) -> None:
    [length] = formats.lengths
    edges = pulses(data.draw(st.text("01", min_size=length, max_size=length)), 0, spacing)
    kept = data.draw(st.lists(st.booleans(), min_size=length, max_size=length))
    assume(any(kept) and not all(kept))
    found = at_once([edge for edge, stays in zip(edges, kept, strict=True) if stays], formats)
    assert all(isinstance(what, Refused) for what in found)


def test_what_a_line_with_two_lengths_of_cards_cannot_tell() -> None:
    """Eight edges off an end leave an even frame of 26: so a line names only the lengths it has."""
    edges = pulses(card_bits(34, 3, 123))[8:]
    assert decode(edges, Formats(0, (26, 34))) == Card("w26:3:123")
    assert decode(edges, Formats(0, (34,))) == Refused("26 bits where a card has 34")


@given(st.sampled_from([4, 8]), st.sampled_from("0123456789*#"), st.data())
def test_a_spare_bit_is_never_a_key(bits: KeyBits, key: str, data: st.DataObject) -> None:
    edges = pulses(CODES[bits][key])
    edges.append(Edge(data.draw(st.integers(-20_000, bits * 1000 + 19_000)), data.draw(st.integers(0, 1))))
    [refused] = at_once(data.draw(st.permutations(edges)), Formats(bits))
    assert isinstance(refused, Refused)


@pytest.mark.parametrize("code", range(256))
def test_eight_bits_are_a_key_only_with_their_complement(code: int) -> None:
    found = decode(pulses(f"{code:08b}"), Formats(8))
    known = {bits: key for key, bits in EIGHT.items()}.get(f"{code:08b}")
    assert found == Key(known) if known else isinstance(found, Refused)


@pytest.mark.parametrize(
    ("formats", "edges", "reason"),
    [
        (KEYPAD, pulses("010"), "3 bits where a key has 4"),
        (KEYPAD, pulses("01010"), "5 bits where a key has 4"),
        (KEYPAD, pulses("10000000100000000000000010"), "26 bits where a key has 4"),
        (KEYPAD, pulses("0101", spacing_us=199), "pulses 199 us apart"),
        (KEYPAD, pulses("0101", spacing_us=0), "pulses 0 us apart"),
        (KEYPAD, pulses("1100"), "no key has this number"),
        (KEYPAD, pulses("0101" * 33), NOISE.reason),
        (Formats(0, (34, 26)), pulses("0101"), "4 bits where a card has 26 or 34"),
        (MIXED, pulses("01" * 18 + "0"), "37 bits where a key has 4 and a card has 26 or 34"),
        (MIXED, pulses("0" * 75), "75 bits where a key has 4 and a card has 26 or 34"),
        (MIXED, pulses("0" * 26), "parity of a card of 26 bits"),
        (MIXED, [*pulses("010"), Edge(4_000, 1)], "pulses 1000 to 2000 us apart: some are lost"),
        (MIXED, [*pulses("01"), *pulses("01", 30_000)], "a pause of 29 ms within a frame"),
    ],
)
def test_what_is_refused_has_a_reason(formats: Formats, edges: list[Edge], reason: str) -> None:
    assert at_once(edges, formats) == [Refused(reason)]


def test_a_code_collected_by_the_keypad_is_refused_by_name() -> None:
    formats = Formats(0, (26,), code_facility=123)
    assert decode(pulses(CARDS["w26:123:4567"]), formats) == Refused(
        "a code typed at a buffered keypad, which carries cards only"
    )
    assert decode(pulses(CARDS["w26:1:1"]), formats) == Card("w26:1:1")


def test_the_longest_pause_of_a_frame_still_belongs_to_it() -> None:
    assert at_once(pulses("0101", spacing_us=MAX_SPACING_US), KEYPAD) == [Key("5")]
    parts = at_once(pulses("0101", spacing_us=MAX_SPACING_US + 1), KEYPAD)
    assert parts == [Refused("1 bits where a key has 4")] * 4
    assert at_once(pulses("0101", spacing_us=APART_US), MIXED) == [
        Refused("a pause of 41 ms within a frame"),
    ]


def test_a_key_alone_on_its_line_is_said_soon_and_one_beside_cards_when_it_can_be_no_part_of_one() -> None:
    for formats, wait_ms in [(KEYPAD, QUIET_US // 1000), (MIXED, 92)]:
        receiver = Receiver(formats)
        for edge in pulses("0101"):
            receiver.feed(edge, 5_000 + edge.at_us // 1000)
        assert receiver.due() == 5_003 + wait_ms
        assert receiver.take(5_002 + wait_ms) == []
        assert [heard.what for heard in receiver.take(5_003 + wait_ms)] == [Key("5")]
        assert receiver.due() is None


def test_what_is_known_is_said_while_more_comes_in() -> None:
    """Somebody types so fast that the line is never quiet."""
    receiver = Receiver(MIXED)
    heard = 0
    for n in range(100):
        for edge in pulses("0101", 80_000 * n):
            receiver.feed(edge, edge.at_us // 1000 + n % 50)
            assert not receiver.noisy
        heard += len(receiver.take(80 * n + 53))
    assert heard == 99


def test_noise_is_said_once_when_the_line_is_quiet_again() -> None:
    receiver = Receiver(KEYPAD)
    for n in range(20 * MAX_EDGES):
        receiver.feed(Edge(10_000 * n, n % 2), 10 * n)
        assert receiver.take(10 * n) == []
        assert receiver.noisy == (n >= MAX_EDGES)
    due = receiver.due()
    assert due is not None
    assert receiver.take(due - 1) == []
    assert [heard.what for heard in receiver.take(due)] == [NOISE]
    assert receiver.empty


@given(
    st.sampled_from(ALL),
    st.lists(st.builds(Edge, st.integers(-(10**6), 10**6), st.integers(0, 1)), max_size=80),
    st.data(),
)
def test_any_edges_give_the_same_answer_in_any_order(
    formats: Formats, edges: list[Edge], data: st.DataObject
) -> None:
    # edges at one moment have no order, and no frame with two of them is read
    assert at_once(data.draw(st.permutations(edges)), formats) == at_once(edges, formats)
