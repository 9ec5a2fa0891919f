"""Keys and cards as pulses."""

from typing import Literal

import pytest

from pleintemps_firmware_sim.devices.wiegand import KEYS, card_bits, card_edges, key_bits, key_edges

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
    ],
)
def test_the_vectors_of_cards(bits: Literal[26, 34], facility: int, number: int, frame: str) -> None:
    assert card_bits(bits, facility, number) == frame
    edges = card_edges(bits, facility, number)
    assert "".join("1" if edge.line == "d1" else "0" for edge in edges if edge.level == 0) == frame
    assert len(edges) == 2 * bits


@pytest.mark.parametrize(("bits", "facility", "number"), [(26, 256, 1), (26, 1, 65536), (34, -1, 1)])
def test_what_is_no_card(bits: Literal[26, 34], facility: int, number: int) -> None:
    with pytest.raises(ValueError, match="no card of"):
        card_bits(bits, facility, number)
