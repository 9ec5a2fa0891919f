"""Other digits, cards and identifiers in the place of the true ones, one for one. Pure.

The key is drawn for one recording, held in memory and never written. Who has the file alone cannot go back.
Equal stays equal and different stays different, digit by digit as it is typed: two codes that begin alike do
so afterwards too, and that is all that the file tells of them.
"""

import hashlib
import hmac
from typing import Final

from pleintemps_edge.sensing.cards import canonical

_DIGITS: Final = "0123456789"


class Veil:
    """``key``: 32 bytes of chance."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _stream(self, what: str) -> bytes:
        return hmac.new(self._key, what.encode(), hashlib.sha512).digest()

    def key(self, before: str, key: str) -> str:
        """What stands for ``key``, typed after the true digits ``before``; ``*`` and ``#`` stay."""
        if key not in _DIGITS:
            return key
        # the digits in the order of as many parts of one keyed hash: a permutation
        stream = self._stream(f"digit/{before}")
        order = sorted(_DIGITS, key=lambda digit: stream[6 * int(digit) : 6 * int(digit) + 6])
        return order[int(key)]

    def code(self, code: str) -> str:
        """What stands for a whole typed code."""
        return "".join(self.key(code[:place], digit) for place, digit in enumerate(code))

    def identifier(self, identifier: str) -> str:
        """What stands for 32 hexadecimal digits."""
        return self._stream(f"id/{identifier}")[:16].hex()

    def card_bits(self, bits: str) -> str:
        """What stands for the bits of a card whose parity is right; that of the result is right too."""
        inner = bits[1:-1]
        veiled = "".join(
            str(int(bit) ^ (self._stream(f"card/{len(bits)}/{inner[:place]}")[0] & 1))
            for place, bit in enumerate(inner)
        )
        half = len(veiled) // 2
        return f"{veiled[:half].count('1') % 2}{veiled}{1 - veiled[half:].count('1') % 2}"

    def card(self, card: str) -> str:
        """What stands for a card in canonical text."""
        kind, first, second = card.split(":")
        if kind == "raw":
            return f"raw:{first}:{self._stream(f'raw/{card}').hex()[: len(second)]}"
        facility = 8 if kind == "w26" else 16
        inner = f"{int(first):0{facility}b}{int(second):016b}"
        half = len(inner) // 2
        bits = f"{inner[:half].count('1') % 2}{inner}{1 - inner[half:].count('1') % 2}"
        veiled = canonical(self.card_bits(bits))
        assert veiled is not None
        return veiled
