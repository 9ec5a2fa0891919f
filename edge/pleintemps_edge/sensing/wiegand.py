"""Keys of a Wiegand keypad from the falling edges of its two lines.

D0 and D1 rest high; a low pulse on D0 is a 0, on D1 a 1, most significant bit first. Pulses last 20 to
200 us with 0.2 to 20 ms between them (union of Promag WEC200, ZKTeco and Seeed). One key is one frame of 4
bits, or of 8 bits whose high half is the complement of the low half (Everfocus, ESPHome, leosac). Bits are
ordered by their edges' own time, never by arrival. What is no key is refused, never guessed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

KeyBits = Literal[4, 8]

MIN_SPACING_US: Final = 200
"""Falling edges of one reader are never closer."""
MAX_SPACING_US: Final = 20_200
"""The longest gap after the longest pulse; falling edges further apart belong to two frames."""
QUIET_MS: Final = 25
"""A frame has ended when this long no edge came: the longest spacing and some delay of delivery."""
LATE_MS: Final = 100
"""How long a frame that lacks bits waits for edges that are delivered late (ESPHome ends every frame so)."""
MAX_EDGES: Final = 64
"""More without a pause is noise on the line."""

_KEYS: Final = "0123456789*#"
_SWAP: Final = str.maketrans("*#", "#*")


@dataclass(frozen=True, slots=True)
class Edge:
    """A falling edge ``at_us`` microseconds after any fixed moment, on D0 (``bit`` 0) or D1 (1)."""

    at_us: int
    bit: int


@dataclass(frozen=True, slots=True)
class Key:
    """``0`` to ``9``, ``*`` or ``#``."""

    key: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame that is no key, and why."""

    reason: str


def frames(edges: Iterable[Edge]) -> list[list[Edge]]:
    """``edges``, arrived in any order, as frames in order of time."""
    found: list[list[Edge]] = []
    for edge in sorted(edges, key=lambda edge: edge.at_us):
        if found and edge.at_us - found[-1][-1].at_us <= MAX_SPACING_US:
            found[-1].append(edge)
        else:
            found.append([edge])
    return found


def complete(edges: Sequence[Edge], bits: KeyBits) -> bool:
    """Whether every frame of ``edges`` has as many bits as a key: nothing is on its way."""
    return all(len(frame) == bits for frame in frames(edges))


def decode(edges: Sequence[Edge], bits: KeyBits, swap_star_hash: bool = False) -> list[Key | Refused]:
    """The keys of ``edges`` in order of time. Any order of arrival gives the same answer."""
    if len(edges) > MAX_EDGES:
        return [Refused(f"more than {MAX_EDGES} pulses without a pause")]
    return [_key(frame, bits, swap_star_hash) for frame in frames(edges)]


def _key(frame: list[Edge], bits: KeyBits, swap_star_hash: bool) -> Key | Refused:
    closest = min((later.at_us - edge.at_us for edge, later in pairwise(frame)), default=MIN_SPACING_US)
    if closest < MIN_SPACING_US:
        return Refused(f"pulses {closest} us apart")
    if len(frame) != bits:
        return Refused(f"{len(frame)} bits where a key has {bits}")
    value = 0
    for edge in frame:
        value = value << 1 | edge.bit
    low = value & 0xF
    if bits == 8 and value >> 4 != low ^ 0xF:
        return Refused("halves of the key are not complements")
    if low >= len(_KEYS):
        return Refused("no key has this number")
    return Key(_KEYS[low].translate(_SWAP) if swap_star_hash else _KEYS[low])
