"""Keys and cards from the falling edges of a Wiegand reader's two lines.

D0 and D1 rest high; a low pulse on D0 is a 0, on D1 a 1, most significant bit first. Pulses last 20 to
200 us with 0.2 to 20 ms between them (union of Promag WEC200, ZKTeco and Seeed). Silence ends a frame, and
its number of bits says what it is:

    4    a key: 0-9 as binary, * is 1010, # is 1011                     Everfocus, ESPHome, leosac
    8    a key whose high half is the complement of the low half
    26   a card, see :mod:`.cards`
    34   a longer one

Bits are ordered by their edges' own time, never by arrival. A frame is judged when no edge of it can still be
on its way: edges may be delivered 50 ms late and in any order. What is no frame is refused, never guessed.

What lost edges can do. One length on a line: a damaged frame has another length and is refused, always.
Several lengths: a longer frame that lost exactly the difference has the length of a shorter one. Lost from
inside they leave a gap, and an uneven frame is refused. Not caught is a loss at the very ends (8 edges off
the ends of a 34 bit card leave 26 even ones, of which parity lets a quarter pass), of all but 4 or 8 even
ones, or of a run that lasts over 41 ms and leaves 4 or 8 before or after it. So a line names only what its
reader really sends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from .cards import canonical

KeyBits = Literal[0, 4, 8]
CardBits = Literal[26, 34]

MIN_SPACING_US: Final = 200
"""Falling edges of one reader are never closer."""
MAX_SPACING_US: Final = 20_200
"""The longest gap after the longest pulse: falling edges of one frame are never further apart."""
APART_US: Final = 41_000
"""Where a frame may be a part of another, two frames are further apart than one lost edge can make them."""
DELIVERY_US: Final = 50_000
"""How late an edge may be delivered."""
QUIET_US: Final = 25_000
"""Keys alone: one that has all its bits is said so long after its last edge, for nothing is on its way."""
MAX_EDGES: Final = 128
"""More without a pause is noise on the line; the longest card format there is has 75 bits."""
EVEN_FACTOR: Final = 1.6
EVEN_SLACK_US: Final = 60
"""The longest gap of a frame is at most 1.6 times the shortest and this: less than a lost edge makes it."""

_CLOCK_US: Final = 1_000
"""The receiver's clock counts whole milliseconds."""
_KEYS: Final = "0123456789*#"
_SWAP: Final = str.maketrans("*#", "#*")


@dataclass(frozen=True, slots=True)
class Formats:
    """What one line carries: keys of ``key_bits`` bits (0 is none) and cards of the lengths ``cards``.

    ``code_facility`` is the facility of the 26 bit cards that a keypad makes of codes, if it does.
    """

    key_bits: KeyBits = 4
    cards: tuple[CardBits, ...] = ()
    swap_star_hash: bool = False
    code_facility: int | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths of all frames, ascending."""
        return tuple(sorted({bits for bits in (self.key_bits, *self.cards) if bits}))

    @property
    def apart_us(self) -> int:
        """Edges further apart belong to two frames."""
        return APART_US if self.cards else MAX_SPACING_US

    @property
    def late_us(self) -> int:
        """So long after the last edge of a frame nothing of it is on its way."""
        return self.apart_us + DELIVERY_US + _CLOCK_US

    def wait_us(self, frame: Sequence["Edge"]) -> int:
        """How long after its last edge ``frame`` is judged."""
        whole = not self.cards and len(frame) == self.key_bits
        return QUIET_US if whole else self.late_us


@dataclass(frozen=True, slots=True)
class Edge:
    """A falling edge ``at_us`` microseconds after any fixed moment, on D0 (``bit`` 0) or D1 (1).

    ``seen`` is the monotonic ms of the World at which it arrived.
    """

    at_us: int
    bit: int
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """``0`` to ``9``, ``*`` or ``#``."""

    key: str


@dataclass(frozen=True, slots=True)
class Card:
    """Canonical text: ``w26:FACILITY:NUMBER`` or ``w34:FACILITY:NUMBER``."""

    card: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame that is neither, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a frame was, and when its last edge arrived (monotonic ms of the World)."""

    what: Key | Card | Refused
    seen: int


NOISE: Final = Refused(f"more than {MAX_EDGES} pulses without a pause")


def frames(edges: Iterable[Edge], apart_us: int = MAX_SPACING_US) -> list[list[Edge]]:
    """``edges``, arrived in any order, as frames in order of time."""
    found: list[list[Edge]] = []
    for edge in sorted(edges, key=lambda edge: edge.at_us):
        if found and edge.at_us - found[-1][-1].at_us <= apart_us:
            found[-1].append(edge)
        else:
            found.append([edge])
    return found


def decode(frame: Sequence[Edge], formats: Formats) -> Key | Card | Refused:
    """What the edges of one frame, in order of time, say."""
    gaps = [later.at_us - edge.at_us for edge, later in pairwise(frame)]
    if gaps and min(gaps) < MIN_SPACING_US:
        return Refused(f"pulses {min(gaps)} us apart")
    if gaps and max(gaps) > MAX_SPACING_US:
        return Refused(f"a pause of {max(gaps) // 1000} ms within a frame")
    count = len(frame)
    if count not in formats.lengths:
        return Refused(f"{count} bits where {_wanted(formats)}")
    if count < formats.lengths[-1] and max(gaps) > EVEN_FACTOR * min(gaps) + EVEN_SLACK_US:
        return Refused(f"pulses {min(gaps)} to {max(gaps)} us apart: some are lost")
    bits = "".join(str(edge.bit) for edge in frame)
    return _key(bits, formats) if count == formats.key_bits else _card(bits, formats)


def _wanted(formats: Formats) -> str:
    cards = " or ".join(str(bits) for bits in sorted(formats.cards))
    kinds = [f"a key has {formats.key_bits}"] if formats.key_bits else []
    kinds += [f"a card has {cards}"] if cards else []
    return " and ".join(kinds)


def _key(bits: str, formats: Formats) -> Key | Refused:
    value = int(bits, 2)
    low = value & 0xF
    if formats.key_bits == 8 and value >> 4 != low ^ 0xF:
        return Refused("halves of the key are not complements")
    if low >= len(_KEYS):
        return Refused("no key has this number")
    return Key(_KEYS[low].translate(_SWAP) if formats.swap_star_hash else _KEYS[low])


def _card(bits: str, formats: Formats) -> Card | Refused:
    card = canonical(bits)
    if card is None:
        return Refused(f"parity of a card of {len(bits)} bits")
    if formats.code_facility is not None and card.startswith(f"w26:{formats.code_facility}:"):
        return Refused("a code typed at a buffered keypad, which carries cards only")
    return Card(card)


class Receiver:
    """Collects the edges of one line; says what they were, in order of time, when nothing of it is missing.

    ``now`` is monotonic ms of the machine; edges have a clock of their own, of the same speed. No edge
    arrives before it was: the most prompt of those that wait tells how late it is by their clock at least.
    """

    def __init__(self, formats: Formats) -> None:
        self._formats = formats
        self._edges: list[Edge] = []
        self._ahead_us = 0
        self._noisy = False
        self._last = Edge(0, 0)
        self._arrived = 0

    @property
    def empty(self) -> bool:
        """Nothing waits: the edges' clock may start anew."""
        return not self._edges and not self._noisy

    @property
    def noisy(self) -> bool:
        """There are pulses without a pause; nothing is believed until the line is quiet."""
        return self._noisy

    def feed(self, edge: Edge, now: int) -> None:
        """Take one edge, delivered at ``now``."""
        self._last, self._arrived = edge, now
        if self._noisy:
            return
        ahead = edge.at_us - 1000 * now
        self._ahead_us = max(ahead, self._ahead_us) if self._edges else ahead
        self._edges.append(edge)
        if len(self._edges) > MAX_EDGES:
            self._edges = []
            self._noisy = True

    def due(self) -> int | None:
        """When :meth:`take` will have something to say if no edge comes; None while nothing waits."""
        if self._noisy:
            return self._arrived + -(-self._formats.late_us // 1000)
        if not self._edges:
            return None
        first = self._frames()[0]
        return -((self._ahead_us - first[-1].at_us - self._formats.wait_us(first)) // 1000)

    def take(self, now: int) -> list[Heard]:
        """What is known by ``now``; an early call finds nothing and does no harm."""
        found: list[Heard] = []
        if self._noisy:
            due = self.due()
            if due is not None and now >= due:
                self._noisy = False
                found.append(Heard(NOISE, self._last.seen))
            return found
        waiting = self._frames()
        while waiting and now * 1000 + self._ahead_us >= (
            waiting[0][-1].at_us + self._formats.wait_us(waiting[0])
        ):
            frame = waiting.pop(0)
            found.append(Heard(decode(frame, self._formats), max(edge.seen for edge in frame)))
        self._edges = [edge for frame in waiting for edge in frame]
        return found

    def _frames(self) -> list[list[Edge]]:
        return frames(self._edges, self._formats.apart_us)
