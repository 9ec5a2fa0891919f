"""Keys from edges: both codings, every order of arrival, lost and spare bits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.sensing.wiegand import (
    MAX_EDGES,
    MAX_SPACING_US,
    MIN_SPACING_US,
    Edge,
    Key,
    KeyBits,
    Refused,
    complete,
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

spacings = st.integers(MIN_SPACING_US, MAX_SPACING_US)


def pulses(bits: str, start_us: int = 0, spacing_us: int = 1000) -> list[Edge]:
    return [Edge(start_us + n * spacing_us, int(bit)) for n, bit in enumerate(bits)]


@pytest.mark.parametrize(("bits", "key"), [(bits, key) for bits in CODES for key in CODES[bits]])
def test_every_key_of_both_codings(bits: KeyBits, key: str) -> None:
    edges = pulses(CODES[bits][key])
    assert decode(edges, bits) == [Key(key)]
    swapped = {"*": "#", "#": "*"}.get(key, key)
    assert decode(edges, bits, swap_star_hash=True) == [Key(swapped)]


@given(st.sampled_from([4, 8]), st.text("0123456789*#", min_size=1, max_size=7), st.data())
def test_any_order_of_arrival_gives_the_same_keys(bits: KeyBits, keys: str, data: st.DataObject) -> None:
    edges: list[Edge] = []
    at = data.draw(st.integers(-(10**9), 10**9))
    for key in keys:
        for bit in CODES[bits][key]:
            edges.append(Edge(at, int(bit)))
            at += data.draw(spacings)
        at += data.draw(st.integers(MAX_SPACING_US + 1, 10**6))
    arrived = data.draw(st.permutations(edges))
    assert decode(arrived, bits) == [Key(key) for key in keys]
    assert complete(arrived, bits)


@given(st.sampled_from([4, 8]), st.sampled_from("0123456789*#"), st.data())
def test_a_lost_or_spare_bit_is_never_a_key(bits: KeyBits, key: str, data: st.DataObject) -> None:
    edges = pulses(CODES[bits][key])
    spare = data.draw(st.booleans())
    if spare:
        edges.append(
            Edge(data.draw(st.integers(-20_000, bits * 1000 + 19_000)), data.draw(st.integers(0, 1)))
        )
    else:
        edges.pop(data.draw(st.integers(0, bits - 1)))
    [refused] = decode(data.draw(st.permutations(edges)), bits)
    assert isinstance(refused, Refused)


@pytest.mark.parametrize("code", range(256))
def test_eight_bits_are_a_key_only_with_their_complement(code: int) -> None:
    [found] = decode(pulses(f"{code:08b}"), 8)
    known = {bits: key for key, bits in EIGHT.items()}.get(f"{code:08b}")
    assert found == Key(known) if known else isinstance(found, Refused)


@pytest.mark.parametrize(
    ("edges", "reason"),
    [
        (pulses("010"), "3 bits where a key has 4"),
        (pulses("01010"), "5 bits where a key has 4"),
        (pulses("10000000100000000000000010"), "26 bits where a key has 4"),
        (pulses("0101", spacing_us=199), "pulses 199 us apart"),
        (pulses("0101", spacing_us=0), "pulses 0 us apart"),
        (pulses("1100"), "no key has this number"),
        (pulses("0101" * 17), f"more than {MAX_EDGES} pulses without a pause"),
    ],
)
def test_what_is_no_key_has_a_reason(edges: list[Edge], reason: str) -> None:
    assert decode(edges, 4) == [Refused(reason)]


def test_the_longest_pause_of_a_frame_still_belongs_to_it() -> None:
    assert decode(pulses("0101", spacing_us=MAX_SPACING_US), 4) == [Key("5")]
    parts = decode(pulses("0101", spacing_us=MAX_SPACING_US + 1), 4)
    assert parts == [Refused("1 bits where a key has 4")] * 4


@given(st.lists(st.builds(Edge, st.integers(-(10**6), 10**6), st.integers(0, 1)), max_size=80), st.data())
def test_any_edges_give_the_same_answer_in_any_order(edges: list[Edge], data: st.DataObject) -> None:
    found = decode(edges, 4)
    # edges at one moment have no order, and no frame with two of them is a key
    assert decode(data.draw(st.permutations(edges)), 4) == found
