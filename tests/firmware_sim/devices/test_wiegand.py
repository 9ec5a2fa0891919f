"""Keys as pulses."""

import pytest

from pleintemps_firmware_sim.devices.wiegand import KEYS, frame_edges, key_bits, key_edges

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


def test_a_card_frame_has_two_edges_a_bit() -> None:
    assert len(frame_edges("10000000100000000000000010")) == 52
