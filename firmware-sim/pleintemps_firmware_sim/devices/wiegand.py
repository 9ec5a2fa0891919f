"""Wiegand reader. A keypad sends one frame a key: 4-bit, or 8-bit with the complement in the high nibble. A
card is one frame of 26 or 34 bits: even parity over the first half of the data, facility (8 or 16 bits),
number (16 bits), odd parity over the second half. One of 37 bits (HID H10304) has 16 bits of facility and 19
of number; its halves of 18 bits share the middle one.

D0 and D1 rest high. A low pulse on D0 is a 0, on D1 a 1, most significant bit first. Pulses of 100 us every
1000 us are the default of ZKTeco readers; a receiver should accept 20-200 us and gaps of 0.2-20 ms.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from .pins_core import NS, PinEdge

KEYS: Final = "0123456789*#"
PULSE_NS: Final = 100_000
INTERVAL_NS: Final = 1_000_000

KEY_MS: Final = 150
"""From key to key, for a person in a hurry."""
CARD_MS: Final = 250
"""A reader's silence after a card."""
MOST_BUFFERED: Final = 65_534
"""What the number of a 26 bit card can say; one more says that the code was none."""

Line = Literal["d0", "d1"]
CardBits = Literal[26, 34, 37]
KeyBits = Literal[4, 8]
_LAYOUT: Final[Mapping[int, tuple[int, int]]] = {26: (8, 16), 34: (16, 16), 37: (16, 19)}
"""Bits of facility and number, by the length of the card."""


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


def card_bits(bits: CardBits, facility: int, number: int) -> str:
    """The frame of one card as 0s and 1s; raises ValueError for numbers that do not fit."""
    wide, long = _LAYOUT[bits]
    if not 0 <= facility < 2**wide or not 0 <= number < 2**long:
        raise ValueError(f"no card of {bits} bits has facility {facility} and number {number}")
    data = f"{facility << long | number:0{bits - 2}b}"
    half = -(-len(data) // 2)
    even, odd = data[:half].count("1") & 1, ~data[-half:].count("1") & 1
    return f"{even}{data}{odd}"


def frame_edges(frame: str, *, pulse_ns: int = PULSE_NS, interval_ns: int = INTERVAL_NS) -> list[Edge]:
    """The edges of a frame of bits, in order: one pulse per bit."""
    edges = []
    for place, bit in enumerate(frame):
        line: Line = "d1" if bit == "1" else "d0"
        start = place * interval_ns
        edges += [Edge(start, line, 0), Edge(start + pulse_ns, line, 1)]
    return edges


def card_edges(bits: CardBits, facility: int, number: int) -> list[Edge]:
    """The edges of one card; raises ValueError for numbers that do not fit."""
    return frame_edges(card_bits(bits, facility, number))


def key_edges(key: str, bits: Literal[4, 8]) -> list[Edge]:
    """The edges of one key; raises ValueError for what is no key."""
    return frame_edges(key_bits(key, bits))


class WiegandReader:
    """A keypad and card reader on the lines ``d0`` and ``d1``, one frame after the other.

    Keys are of 4 or 8 bits, or ``buffered``: digits until ``#`` become the number of a 26 bit card of
    ``facility`` (leading zeros are lost), ``*`` forgets them. ``swapped`` readers mix up ``*`` and ``#``.
    """

    def __init__(
        self,
        keys: KeyBits | Literal["buffered"] = 4,
        *,
        facility: int = 0,
        swapped: bool = False,
        pulse_ns: int = PULSE_NS,
        interval_ns: int = INTERVAL_NS,
        key_ms: int = KEY_MS,
    ) -> None:
        self._keys = keys
        self._facility = facility
        self._swapped = swapped
        self._pulse = pulse_ns
        self._interval = interval_ns
        self._key_ms = key_ms
        self._typed = ""
        self._free_at = 0
        self._out: deque[tuple[int, list[PinEdge]]] = deque()

    def press(self, keys: str, now: int) -> None:
        """Type ``keys``; raises ValueError, and sends nothing, for what is on no keypad."""
        for key in keys:
            key_bits(key, 4)
        for key in keys:
            if self._keys == "buffered":
                self._buffer(key, now)
            else:
                sent = key.translate(str.maketrans("*#", "#*")) if self._swapped else key
                self.frame(key_bits(sent, self._keys), now, self._key_ms)

    def card(self, bits: CardBits, facility: int, number: int, now: int) -> None:
        """Hold a card before it; raises ValueError for numbers that do not fit."""
        self.frame(card_bits(bits, facility, number), now, CARD_MS)

    def frame(self, bits: str, now: int, takes_ms: int = CARD_MS) -> None:
        """Send ``bits``, 0s and 1s; the reader is busy for ``takes_ms``."""
        start = max(now, self._free_at)
        edges = frame_edges(bits, pulse_ns=self._pulse, interval_ns=self._interval)
        end = start + -(-edges[-1].after_ns // NS)
        self._free_at = max(end + 1, start + takes_ms)
        # told when the last pulse is over: no edge is heard before it has happened
        told = [PinEdge(start * NS + edge.after_ns, edge.line, edge.level) for edge in edges]
        self._out.append((end, told))

    def levels(self) -> dict[str, int]:
        return {"d0": 1, "d1": 1}

    def edges(self, now: int) -> list[PinEdge]:
        done: list[PinEdge] = []
        while self._out and self._out[0][0] <= now:
            done += self._out.popleft()[1]
        return done

    def due(self) -> int | None:
        return self._out[0][0] if self._out else None

    def driven(self, line: str, level: int, now: int) -> None:
        """Its data lines are its own."""

    def _buffer(self, key: str, now: int) -> None:
        if key == "*":
            self._typed = ""
        elif key != "#":
            self._typed += key
        elif self._typed:
            number = min(int(self._typed), MOST_BUFFERED + 1)
            self._typed = ""
            self.card(26, self._facility, number, now)
