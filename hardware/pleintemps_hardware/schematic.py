"""The lock's supply as a drawing: through fuse and contacts to the coil with its diode, and back.

The order is that of the wiring itself (:func:`.circuit.Circuit.path`): it cannot say what is not so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from . import circuit
from .kit import Contact, Fuse, Lock, Profile, Terminal

COLOURS: Final = {
    "BK": "#222222",
    "WH": "#b8b8b8",
    "GY": "#888888",
    "PK": "#e58fb5",
    "RD": "#c62828",
    "OG": "#e07b00",
    "YE": "#c9a800",
    "GN": "#2e7d32",
    "LB": "#4aa3df",
    "BU": "#1f4fbf",
    "VT": "#7b3fa0",
    "BN": "#7a4a21",
    "BG": "#c8b58a",
}
"""How a core of one colour is drawn: white so that it shows on white."""

_SLOT, _TOP, _BOTTOM, _LEFT = 150, 120, 320, 110
_WORDS: Final = {
    "fire": ("fire", "opens in a fire"),
    "exit": ("exit", "opened by hand"),
    "switch": ("relay", "moved by the Pi"),
    "signal": ("contact", ""),
}


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing on the way: a terminal or a contact, and the wire that leads to it."""

    wire: str
    colour: str
    terminal: Terminal | None = None
    contact: Contact | None = None
    part: str = ""


def lock_loop(profile: Profile, lock: Lock) -> str:
    """An SVG of the supply of ``lock`` in ``profile``, which is one variant; ValueError if it is not fed."""
    graph = circuit.of(profile)
    plus = graph.path(f"{lock.part}:+", set(circuit.sources(profile)))
    minus = graph.path(f"{lock.part}:-", circuit.returns(profile))
    if not plus or not minus:
        raise ValueError(f"{lock.part} is not fed")
    there = list(_steps(profile, f"{lock.part}:+", plus))
    back = list(_steps(profile, f"{lock.part}:-", minus))
    width = _LEFT + _SLOT * (len(there) + 1) + 150
    wires = [_colour(way[0], f"{lock.part}:{sign}", way[0].to) for way, sign in ((plus, "+"), (minus, "-"))]
    body = [
        *_supply(profile, plus[-1].to),
        *_forward(profile, there, wires[0]),
        *_load(profile, lock, there, *wires),
        *_back(back, len(there), wires[1]),
        f'<text x="20" y="368" font-size="12">{escape(_way_out(profile, lock, there))}</text>',
    ]
    title = f"Supply of the {lock.part}: {profile.title}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 400" width="{width}" height="400"'
        ' font-family="Arial, Helvetica, sans-serif" font-size="13">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{width}" height="400" fill="#ffffff"/>\n'
        f'<text x="20" y="30" font-size="17" font-weight="bold">{escape(title)}</text>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _way_out(profile: Profile, lock: Lock, steps: list[_Step]) -> str:
    """How somebody gets out, as the wiring has it."""
    part = profile.part(lock.part)
    cuts = [
        f"{step.part} {'-'.join(step.contact.between)}"
        for step in steps
        if step.contact is not None and step.contact.role in ("fire", "exit")
    ]
    if lock.wiring == "energise-to-lock":
        return f"Each of these alone frees the door, with the Pi on or off: {', '.join(cuts)}."
    if part is not None and part.handle:
        return "From inside the handle opens the door, with the Pi, the strike and its supply on or off."
    return "Nothing here opens the door from inside."


def _steps(profile: Profile, start: str, way: list[circuit.Edge]) -> Iterator[_Step]:
    """From the supply to the lock: each terminal and contact, with the wire on its supply's side."""
    nodes = [start, *(edge.to for edge in way)]
    wire, colour = "", "BK"
    for number, edge in reversed(list(enumerate(way))):
        lockward, supplyward = nodes[number], nodes[number + 1]
        if edge.contact is not None:
            yield _Step(wire, colour, contact=edge.contact, part=edge.part)
        if edge.cable is not None:
            wire, colour = edge.cable.cable, _colour(edge, lockward, supplyward)
        terminal = profile.terminal(lockward)
        if terminal is not None:
            yield _Step(wire, colour, terminal=terminal)


def _colour(edge: circuit.Edge, a: str, b: str) -> str:
    for core in edge.cable.cores if edge.cable else ():
        if {core.at, f"{edge.cable.part}:{core.to}" if edge.cable else ""} == {a, b}:
            return core.colour
    return "BK"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "BK") -> str:
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{COLOURS.get(colour[:2], "#222222")}"'
        ' stroke-width="3"/>'
    )


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle"{more}>{escape(words)}</text>'


def _supply(profile: Profile, node: str) -> Iterator[str]:
    part = profile.part(node.partition(":")[0])
    yield (
        f'<rect x="30" y="{_TOP + 50}" width="120" height="100" fill="#f4f4f4" stroke="#222222"'
        ' stroke-width="2"/>'
    )
    yield _text(90, _TOP + 85, node.partition(":")[0], ' font-weight="bold"')
    if part is not None:
        yield _text(90, _TOP + 105, f"{part.volts:g} V DC")
        yield _text(90, _TOP + 125, "with battery" if part.backup else "no battery")
    yield _text(60, _TOP + 45, "+", ' font-size="18"')
    yield _text(60, _BOTTOM - 32, "-", ' font-size="18"')
    yield _line(90, _TOP + 50, 90, _TOP, "RD")
    yield _line(90, _TOP, _LEFT, _TOP, "RD")


def _forward(profile: Profile, steps: list[_Step], last: str) -> Iterator[str]:
    for number, step in enumerate(steps):
        x = _LEFT + _SLOT * number + _SLOT / 2
        left, right = x - _SLOT / 2, x + _SLOT / 2
        after = steps[number + 1].colour if number + 1 < len(steps) else last
        yield _line(left, _TOP, x - 28, _TOP, step.colour)
        if step.wire:
            yield _text(left + 18, _TOP - 12, f"{step.wire} {step.colour}", ' font-size="11"')
        if step.terminal is not None:
            yield from _terminal(x, step.terminal, (step.colour, after), profile.fuse(step.terminal.fuse))
        if step.contact is not None:
            yield from _contact(x, step)
        yield _line(x + 28, _TOP, right, _TOP, after)


def _terminal(x: float, terminal: Terminal, colours: tuple[str, str], fuse: Fuse | None) -> Iterator[str]:
    yield _line(x - 28, _TOP, x, _TOP, colours[0])
    yield _line(x, _TOP, x + 28, _TOP, colours[1])
    if fuse is not None:
        yield (
            f'<rect x="{x - 26:g}" y="{_TOP - 9}" width="52" height="18" fill="#ffffff" stroke="#222222"'
            ' stroke-width="2"/>'
        )
        yield _line(x - 26, _TOP, x + 26, _TOP)
        yield _text(x, _TOP - 18, f"{fuse.fuse} {fuse.amps:g} A {fuse.kind}", ' font-weight="bold"')
    else:
        yield f'<circle cx="{x:g}" cy="{_TOP}" r="6" fill="#ffffff" stroke="#222222" stroke-width="2"/>'
    yield _text(x, _TOP + 28, terminal.terminal, ' font-weight="bold"')


def _contact(x: float, step: _Step) -> Iterator[str]:
    contact = step.contact
    assert contact is not None
    closed = contact.rests == "closed"
    for side in (-28, 28):
        yield f'<circle cx="{x + side:g}" cy="{_TOP}" r="4" fill="#222222"/>'
    yield _line(x - 28, _TOP, x + 30, _TOP - (4 if closed else 24))
    if closed:
        yield _line(x + 28, _TOP - 14, x + 28, _TOP)
    name, what = _WORDS[contact.role]
    yield _text(x, _TOP + 28, f"{step.part} {contact.between[0]}-{contact.between[1]}", ' font-weight="bold"')
    yield _text(x, _TOP + 46, f"{name}: {contact.rests} at rest")
    yield _text(x, _TOP + 62, what)


def _load(profile: Profile, lock: Lock, there: list[_Step], plus: str, minus: str) -> Iterator[str]:
    """The coil between both rails, its diode beside it with the ring to +."""
    part = profile.part(lock.part)
    start = _LEFT + _SLOT * len(there)
    diode, coil = start + 20, start + 100
    yield _line(start, _TOP, coil, _TOP, plus)
    yield _line(coil, _TOP, coil, _TOP + 60, plus)
    yield (
        f'<rect x="{coil - 26}" y="{_TOP + 60}" width="52" height="80" fill="#f4f4f4" stroke="#222222"'
        ' stroke-width="2"/>'
    )
    yield _text(coil, _TOP + 104, "coil")
    yield _line(coil, _TOP + 140, coil, _BOTTOM, minus)
    yield _text(coil, _TOP - 14, f"{lock.part} +")
    yield _text(coil, _BOTTOM + 24, f"{lock.part} -")
    if part is not None and part.diode:
        yield _line(diode, _TOP, diode, _BOTTOM)
        yield f'<path d="M{diode - 14} {_TOP + 116} h28 l-14 -26 z" fill="#222222"/>'
        yield _line(diode - 14, _TOP + 89, diode + 14, _TOP + 89)
        yield _text(diode - 32, _TOP + 108, "diode")
        yield f'<text x="20" y="388" font-size="12">Diode: {escape(part.diode)}.</text>'


def _back(steps: list[_Step], slots: int, colour: str) -> Iterator[str]:
    end = _LEFT + _SLOT * slots + 100
    yield _line(90, _TOP + 150, 90, _BOTTOM, "BK")
    place = (90 + end) / 2
    first = steps[0].colour if steps else colour
    yield _line(90, _BOTTOM, place, _BOTTOM, first)
    yield _line(place, _BOTTOM, end, _BOTTOM, colour)
    for step in steps:
        if step.terminal is not None:
            yield (
                f'<circle cx="{place:g}" cy="{_BOTTOM}" r="6" fill="#ffffff" stroke="#222222"'
                ' stroke-width="2"/>'
            )
            yield _text(place, _BOTTOM + 24, step.terminal.terminal, ' font-weight="bold"')
            yield _text(place - 90, _BOTTOM - 10, f"{step.wire} {step.colour}", ' font-size="11"')
