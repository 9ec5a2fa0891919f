"""The wiring of a kit as WireViz (https://github.com/wireviz/WireViz) reads it: YAML.

WireViz is a program that the checkout has for its diagrams; nothing here imports it.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from .board import Board
from .kit import Cable, Core, Part, Profile, Terminal, header_of

Value = str | int | float | bool | list["Value"] | dict[str, "Value"]

_JUMPERS: Final = ("BN", "OG", "YE", "GN", "BU", "VT", "GY", "WH", "PK")
HEADER: Final = "J8"


def yaml(profile: Profile, board: Board) -> str:
    """The YAML of ``profile``, which is one variant as :func:`.kit.built` gives it."""
    document: dict[str, Value] = {
        "metadata": {"title": profile.title},
        "options": {"fontname": "Arial", "bgcolor": "WH", "color_mode": "SHORT", "mini_bom_mode": False},
        "connectors": _connectors(profile, board),
        "cables": _cables(profile, board),
        "connections": _connections(profile, board),
    }
    head = f"# {profile.title}. Made by `make hardware` from the kit's profile; change that.\n"
    return head + "\n".join(_lines(document, "")) + "\n"


def _lines(value: dict[str, Value], indent: str) -> Iterator[str]:
    """Block style for tables, flow style for lists: JSON's strings and lists are YAML too."""
    for key, each in value.items():
        if isinstance(each, dict):
            yield f"{indent}{json.dumps(key)}:"
            yield from _lines(each, indent + "  ")
        elif isinstance(each, list) and each and isinstance(each[0], list):
            yield f"{indent}{json.dumps(key)}:"
            yield from (f"{indent}  - {json.dumps(one, ensure_ascii=False)}" for one in each)
        else:
            yield f"{indent}{json.dumps(key)}: {json.dumps(each, ensure_ascii=False)}"


def blocks(profile: Profile) -> dict[str, list[Terminal]]:
    """Terminals by their block, in the order of their numbers; the header's last."""
    found: dict[str, list[Terminal]] = {}
    for terminal in sorted(
        profile.terminals, key=lambda each: (each.block != "USB", each.block, int(each.number))
    ):
        found.setdefault(terminal.block, []).append(terminal)
    return found


def _connectors(profile: Profile, board: Board) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for block, terminals in blocks(profile).items():
        if block == HEADER:
            continue
        found[block] = {
            "type": "USB of the Pi" if block == "USB" else "Terminals",
            "pins": [_pin(terminal.number) for terminal in terminals],
            "pinlabels": [_label(profile, terminal) for terminal in terminals],
            "hide_disconnected_pins": False,
            "loops": [[_pin(a.number), _pin(b.number)] for a, b in _combs(terminals)],
        }
    heads = sorted(_header(profile, board).items())
    found[HEADER] = {
        "type": profile.controller.title,
        "subtype": "40-pin header",
        "pins": [number for number, _ in heads],
        "pinlabels": [label for _, label in heads],
    }
    for part in profile.parts:
        wired = {core.to for cable in profile.cables if cable.part == part.part for core in cable.cores}
        found[part.part] = {
            "type": part.title,
            "pins": [_pin(name) for name in part.terminals if name in wired],
            "notes": "\n".join(_notes(profile, part)),
        }
    return found


def _pin(name: str) -> Value:
    """WireViz reads digits as numbers wherever it expects pins."""
    return int(name) if name.isdigit() else name


def _label(profile: Profile, terminal: Terminal) -> str:
    fuse = profile.fuse(terminal.fuse)
    between = "" if terminal.interface in ("direct", "relay", "transistor") else f" ({terminal.interface})"
    return terminal.title + between + (f" {fuse.fuse} {fuse.amps:g} A {fuse.kind}" if fuse else "")


def _combs(terminals: Iterable[Terminal]) -> Iterator[tuple[Terminal, Terminal]]:
    """Grounds that hang on the one before them."""
    before: Terminal | None = None
    for terminal in terminals:
        if terminal.rail != "gnd":
            continue
        if before is not None and terminal.header is None:
            yield before, terminal
        before = terminal


def _header(profile: Profile, board: Board) -> dict[int, str]:
    rails = {"3v3": "3.3 V", "5v": "5 V", "gnd": "GND"}
    found = {}
    for terminal in profile.terminals:
        number = header_of(terminal, board)
        if number is not None:
            found[number] = rails[terminal.rail] if terminal.rail else f"GPIO{terminal.pin}"
    return found


def _notes(profile: Profile, part: Part) -> Iterator[str]:
    if part.where:
        yield part.where
    if part.kind == "supply":
        yield f"{part.volts:g} V, {part.amps:g} A" + (f", {part.backup}" if part.backup else "")
    elif part.volts and part.amps:
        yield f"{part.volts:g} V, {part.amps:g} A, from {part.supply}"
    for contact in part.contacts:
        name = {"fire": "fire: cuts the lock", "exit": "exit: cuts the lock"}.get(contact.role, contact.role)
        yield f"{contact.between[0]}-{contact.between[1]} {name}, {contact.rests} at rest"
    if part.diode:
        yield f"diode: {part.diode}"
    if part.i2c is not None:
        yield f"I2C address {part.i2c:#04x}"
    if part.handle:
        yield "the inside handle always opens"


def _jumpers(profile: Profile, board: Board) -> Iterator[tuple[str, list[tuple[Terminal, int, str]]]]:
    """Wires inside the housing from the header to a block, with their colours."""
    for block, terminals in blocks(profile).items():
        colours = iter(_JUMPERS)
        wires = []
        for terminal in terminals if block not in (HEADER, "USB") else ():
            number = header_of(terminal, board)
            if number is not None:
                colour = {"gnd": "BK", "5v": "RD", "3v3": "RD"}.get(terminal.rail or "") or next(colours)
                wires.append((terminal, number, colour))
        if wires:
            yield f"{HEADER}-{block}", wires


def _cables(profile: Profile, board: Board) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, wires in _jumpers(profile, board):
        found[name] = {
            "type": "in the housing",
            "category": "bundle",
            "gauge": "0.14 mm2",
            "length": 0.3,
            "colors": [colour for _, _, colour in wires],
        }
    for cable in profile.cables:
        found[cable.cable] = {
            "type": cable.title,
            "gauge": f"{cable.mm2:g} mm2",
            "length": cable.length_m,
            "colors": [core.colour for core in cable.cores],
            "shield": cable.screened,
        }
    return found


def _connections(profile: Profile, board: Board) -> list[Value]:
    found: list[Value] = []
    for name, wires in _jumpers(profile, board):
        for number, (terminal, header, _) in enumerate(wires, 1):
            found.append([{HEADER: [header]}, {name: [number]}, {terminal.block: [_pin(terminal.number)]}])
    for cable in profile.cables:
        for number, core in enumerate(cable.cores, 1):
            found.append(_connection(profile, cable, core, number))
        ground = next((core for core in cable.cores if _is_ground(profile, core)), None)
        if cable.screened and ground is not None:
            block, _, place = ground.at.partition(".")
            found.append([{block: [_pin(place)]}, {cable.cable: ["s"]}])
    return found


def _is_ground(profile: Profile, core: Core) -> bool:
    terminal = profile.terminal(core.at)
    return terminal is not None and terminal.rail == "gnd"


def _connection(profile: Profile, cable: Cable, core: Core, number: int) -> list[Value]:
    """Left to right: header, what is in the housing, terminals, what is in the building."""
    block, _, place = core.at.partition(".")
    at: Value = {block: [_pin(place)]}
    to: Value = {cable.part: [_pin(core.to)]}
    part = profile.part(cable.part)
    inside = part is not None and part.side == "secure" and part.kind not in ("fire", "contact")
    supply = part is not None and part.kind == "supply"
    ends = [to, at] if inside and (block.startswith("X") or supply) else [at, to]
    return [ends[0], {cable.cable: [number]}, ends[1]]
