"""Pulses on D0 and D1 as keys and cards, by the layouts of :mod:`..devices.wiegand`."""

from typing import Final

from pleintemps_firmware_sim.devices.wiegand import KEYS, CardBits, card_bits, key_bits

from .frames import Decoded

_PAUSE_NS: Final = 25_000_000
"""Longer than any gap within a frame (20 ms)."""
_CARDS: Final[dict[int, tuple[CardBits, int]]] = {26: (26, 16), 34: (34, 16), 37: (37, 19)}
"""By length: the length again, and the bits of the number."""
_MOST: Final = 64


class Pulses:
    """The two lines of one reader. A frame is over when the line rests for 25 ms."""

    def __init__(self) -> None:
        self._bits = ""
        self._last = 0

    def edge(self, bit: str, level: int, tick: int) -> Decoded | None:
        """An edge on the line of ``bit``, at ``tick`` in ns; the frame that this shows to be over."""
        done = self.end() if self._bits and tick - self._last > _PAUSE_NS else None
        self._last = tick
        if level == 0 and len(self._bits) < _MOST:
            self._bits += bit
        return done

    def end(self) -> Decoded | None:
        """The line rests: the frame, if one was coming."""
        bits, self._bits = self._bits, ""
        return read(bits) if bits else None


def read(bits: str) -> Decoded:
    """A frame of 0s and 1s."""
    raw = int(bits, 2).to_bytes(-(-len(bits) // 8), "big")
    size = {"bits": bits}
    if len(bits) == 4 and int(bits, 2) < len(KEYS):
        return Decoded("key", {"key": KEYS[int(bits, 2)], **size}, raw)
    if len(bits) == 8:
        number = int(bits[4:], 2)
        good = number < len(KEYS) and bits == key_bits(KEYS[number], 8)
        return (
            Decoded("key", {"key": KEYS[number], **size}, raw)
            if good
            else Decoded("no key", size, raw, False)
        )
    if (card := _CARDS.get(len(bits))) is not None:
        length, wide = card
        data = int(bits[1:-1], 2)
        facility, number = data >> wide, data & (1 << wide) - 1
        fields = {"facility": str(facility), "number": str(number), **size}
        good = bits == card_bits(length, facility, number)
        return Decoded("card" if good else "card with a wrong parity", fields, raw, good)
    return Decoded("no frame", size, raw, ok=False)
