"""Wiegand lines in a recording: every pulse at its time, on the line that the replaced key or card has it.

A pulse is held back until its frame is whole, for only then it is known what it says.
"""

from collections.abc import Callable
from typing import Final

from pleintemps_edge.access.dialogue import Dialogue, press
from pleintemps_edge.sensing.wiegand import MAX_EDGES, Card, Edge, Formats, Key, decode, frames

from .veil import Veil

_KEYS: Final = "0123456789*#"
_SWAP: Final = str.maketrans("*#", "#*")
Put = Callable[[Edge], None]


def key_bits(key: str, formats: Formats) -> str:
    """The bits of a key's frame."""
    nibble = _KEYS.index(key.translate(_SWAP) if formats.swap_star_hash else key)
    return f"{15 - nibble:04b}{nibble:04b}" if formats.key_bits == 8 else f"{nibble:04b}"


class Typing:
    """What is typed at one keypad, as the agent takes it: true digits in memory only."""

    def __init__(self, veil: Veil) -> None:
        self._veil = veil
        self._dialogue = Dialogue()

    def key(self, key: str, monotonic: int) -> str:
        """What stands for ``key``, pressed at ``monotonic``."""
        dialogue, _ = press(self._dialogue, key, monotonic)
        veiled = self._veil.key(dialogue.digits[:-1], key)
        self._dialogue = dialogue
        return veiled


class WiegandTap:
    """``put`` gets each edge as it may be written; its ``at_us`` and ``seen`` are those that came."""

    def __init__(self, formats: Formats, veil: Veil, put: Put) -> None:
        self._formats = formats
        self._veil = veil
        self._put = put
        self._typing = Typing(veil)
        self._edges: list[Edge] = []

    def take(self, edge: Edge) -> None:
        """A falling edge."""
        self._edges.append(edge)
        if len(self._edges) > 2 * MAX_EDGES:  # noise without a pause
            self._say(self._edges)
            self._edges = []

    def settle(self, now_us: int) -> None:
        """Write what is whole at ``now_us`` by the edges' clock."""
        waiting = frames(self._edges, self._formats.apart_us)
        while waiting and now_us - waiting[0][-1].at_us > 2 * self._formats.late_us:
            self._say(waiting.pop(0))
        self._edges = [edge for frame in waiting for edge in frame]

    def _say(self, frame: list[Edge]) -> None:
        for edge, bit in zip(frame, self._veiled(frame), strict=True):
            self._put(Edge(edge.at_us, int(bit), edge.seen))

    def _veiled(self, frame: list[Edge]) -> str:
        heard = decode(frame, self._formats) if len(frame) <= MAX_EDGES else None
        if isinstance(heard, Key):
            return key_bits(self._typing.key(heard.key, max(edge.seen for edge in frame)), self._formats)
        if isinstance(heard, Card):
            return self._veil.card_bits("".join(str(edge.bit) for edge in frame))
        # no key and no card by its length, its spacing or its parity: all ones are none either
        return "1" * len(frame)
