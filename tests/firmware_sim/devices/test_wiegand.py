"""Keys and cards as pulses."""

import pytest

from pleintemps_firmware_sim.devices.pins_core import PinEdge
from pleintemps_firmware_sim.devices.wiegand import (
    KEYS,
    CardBits,
    WiegandReader,
    card_bits,
    card_edges,
    key_bits,
    key_edges,
)

EIGHT = dict(zip(KEYS, bytes.fromhex("F0E1D2C3B4A5968778695A4B"), strict=True))


@pytest.mark.parametrize("key", list(KEYS))
def test_eight_bit_codes_of_the_makers(key: str) -> None:
    assert int(key_bits(key, 8), 2) == EIGHT[key]


def test_four_bit_codes() -> None:
    assert [key_bits(key, 4) for key in "09*#"] == ["0000", "1001", "1010", "1011"]


@pytest.mark.parametrize("key", ["", "a", "12", "²"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        key_bits(key, 4)


def test_pulses_of_a_hundred_microseconds_every_millisecond() -> None:
    edges = key_edges("#", 4)
    assert edges == [
        (0, "d1", 0),
        (100_000, "d1", 1),
        (1_000_000, "d0", 0),
        (1_100_000, "d0", 1),
        (2_000_000, "d1", 0),
        (2_100_000, "d1", 1),
        (3_000_000, "d1", 0),
        (3_100_000, "d1", 1),
    ]


@pytest.mark.parametrize(
    ("bits", "facility", "number", "frame"),
    [
        (26, 1, 1, "10000000100000000000000010"),  # ZKTeco's printed example
        (26, 123, 4567, "10111101100010001110101110"),
        (26, 0, 0, "00000000000000000000000001"),
        (26, 255, 65535, "01111111111111111111111111"),
        (34, 1, 1, "1000000000000000100000000000000010"),
        (34, 123, 4567, "0000000000111101100010001110101111"),
        (34, 65535, 65535, "0111111111111111111111111111111111"),
        (37, 0, 0, "0" * 36 + "1"),
        (37, 1, 1, "1" + f"{1:016b}" + f"{1:019b}" + "0"),
        (37, 65535, 524287, "0" + "1" * 35 + "1"),
    ],
)
def test_the_vectors_of_cards(bits: CardBits, facility: int, number: int, frame: str) -> None:
    assert card_bits(bits, facility, number) == frame
    edges = card_edges(bits, facility, number)
    assert "".join("1" if edge.line == "d1" else "0" for edge in edges if edge.level == 0) == frame
    assert len(edges) == 2 * bits


@pytest.mark.parametrize(("bits", "facility", "number"), [(26, 256, 1), (26, 1, 65536), (34, -1, 1)])
def test_what_is_no_card(bits: CardBits, facility: int, number: int) -> None:
    with pytest.raises(ValueError, match="no card of"):
        card_bits(bits, facility, number)


def bits_of(edges: list[PinEdge]) -> str:
    return "".join("1" if edge.line == "d1" else "0" for edge in edges if edge.level == 0)


def test_a_frame_is_told_when_it_is_over_and_the_next_key_waits() -> None:
    reader = WiegandReader()
    reader.press("19", 1_000)
    assert reader.due() == 1_004, "three intervals and a pulse"
    assert reader.edges(1_003) == []
    assert bits_of(reader.edges(1_004)) == "0001"
    assert reader.due() == 1_154
    assert bits_of(reader.edges(1_154)) == "1001"


@pytest.mark.parametrize(
    ("typed", "number"),
    [("1234#", 1_234), ("0042#", 42), ("99*7#", 7), ("65535#", 65_535), ("700000#", 65_535)],
)
def test_a_buffered_code_is_the_number_of_a_card(typed: str, number: int) -> None:
    reader = WiegandReader("buffered", facility=7)
    reader.press(typed, 0)
    assert bits_of(reader.edges(100)) == card_bits(26, 7, number)


def test_star_and_hash_are_swapped_on_some() -> None:
    reader = WiegandReader(8, swapped=True)
    reader.press("*", 0)
    assert bits_of(reader.edges(100)) == key_bits("#", 8)
