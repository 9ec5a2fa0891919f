"""Wiegand reader. A keypad sends one frame a key: 4-bit, or 8-bit with the complement in the high nibble. A
card is one frame of 26 or 34 bits: even parity over the first half of the data, facility (8 or 16 bits),
number (16 bits), odd parity over the second half.

D0 and D1 rest high. A low pulse on D0 is a 0, on D1 a 1, most significant bit first. Pulses of 100 us every
1000 us are the default of ZKTeco readers; a receiver should accept 20-200 us and gaps of 0.2-20 ms.
"""

from typing import Final, Literal, NamedTuple

KEYS: Final = "0123456789*#"
PULSE_NS: Final = 100_000
INTERVAL_NS: Final = 1_000_000

Line = Literal["d0", "d1"]


class Edge(NamedTuple):
    """``after_ns`` nanoseconds after the key went down, ``line`` goes to ``level``."""

    after_ns: int
    line: Line
    level: int


def key_bits(key: str, bits: Literal[4, 8]) -> str:
    """The frame of one key as 0s and 1s, first bit on the left; raises ValueError for what is no key."""
    if len(key) != 1 or key not in KEYS:
        raise ValueError(f"{key!r} is not a key: 0-9, * or #")
    value = KEYS.index(key)
    return f"{value:04b}" if bits == 4 else f"{~value & 0xF:04b}{value:04b}"


def card_bits(bits: Literal[26, 34], facility: int, number: int) -> str:
    """The frame of one card as 0s and 1s; raises ValueError for numbers that do not fit."""
    if not 0 <= facility < 2 ** (bits - 18) or not 0 <= number < 2**16:
        raise ValueError(f"no card of {bits} bits has facility {facility} and number {number}")
    data = facility << 16 | number
    half = (bits - 2) // 2
    even = (data >> half).bit_count() & 1
    odd = ~(data & (1 << half) - 1).bit_count() & 1
    return f"{even}{data:0{bits - 2}b}{odd}"


def frame_edges(frame: str, *, pulse_ns: int = PULSE_NS, interval_ns: int = INTERVAL_NS) -> list[Edge]:
    """The edges of a frame of bits, in order: one pulse per bit."""
    edges = []
    for place, bit in enumerate(frame):
        line: Line = "d1" if bit == "1" else "d0"
        start = place * interval_ns
        edges += [Edge(start, line, 0), Edge(start + pulse_ns, line, 1)]
    return edges


def card_edges(bits: Literal[26, 34], facility: int, number: int) -> list[Edge]:
    """The edges of one card; raises ValueError for numbers that do not fit."""
    return frame_edges(card_bits(bits, facility, number))


def key_edges(key: str, bits: Literal[4, 8]) -> list[Edge]:
    """The edges of one key; raises ValueError for what is no key."""
    return frame_edges(key_bits(key, bits))
