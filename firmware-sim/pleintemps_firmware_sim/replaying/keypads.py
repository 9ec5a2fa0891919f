"""Keys and cards of readers whose line is encrypted, as pulses on the pins of a keypad in their place."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pleintemps_contract.recording import Card, Entry, Key
from pleintemps_firmware_sim.devices.wiegand import Edge, card_edges, key_edges

_APART_MS: Final = 100
"""Between two frames: a reader may report many keys at a time, a keypad has one after the other."""


class Pulse(NamedTuple):
    """An edge at ``pin``, ``us`` after the beginning."""

    us: int
    pin: int
    level: int


def frames(entries: Iterable[Entry], pins: Mapping[str, tuple[int, int]]) -> list[tuple[int, list[Pulse]]]:
    """The pulses of each key and card, with the moment (ms) at which the last is over."""
    free = dict.fromkeys(pins, 0)
    found: list[tuple[int, list[Pulse]]] = []
    for entry in entries:
        if not isinstance(entry, Key | Card) or entry.device not in pins:
            continue
        edges = key_edges(entry.key, 4) if isinstance(entry, Key) else _card(entry.card)
        if not edges:
            continue
        start = max(entry.t, free[entry.device])
        free[entry.device] = start + _APART_MS
        d0, d1 = pins[entry.device]
        pulses = [
            Pulse(start * 1_000 + edge.after_ns // 1_000, d0 if edge.line == "d0" else d1, edge.level)
            for edge in edges
        ]
        found.append((-(-pulses[-1].us // 1_000), pulses))
    return found


def _card(card: str) -> list[Edge]:
    """Nothing for a card that two wires do not carry so."""
    kind, _, rest = card.partition(":")
    first, _, second = rest.partition(":")
    if kind not in ("w26", "w34") or not (first + second).isdecimal():
        return []
    try:
        return card_edges(26 if kind == "w26" else 34, int(first), int(second))
    except ValueError:
        return []
