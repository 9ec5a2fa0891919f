"""Rules of supplies, fuses and wires."""

from collections.abc import Iterator
from typing import Final

from pleintemps_hardware.circuit import Edge, returns, sources
from pleintemps_hardware.kit import Cable, Profile, Terminal

from .wiring import Rule, Wiring

FUSE_LIMITS: Final = (
    (0.14, 0.5),
    (0.22, 1.0),
    (0.34, 2.0),
    (0.5, 3.0),
    (0.75, 5.0),
    (1.0, 8.0),
    (1.5, 10.0),
    (2.5, 16.0),
)
"""Section in mm2 and the largest fuse in A before it: our own, well under what such copper carries for long
(IEC 60204-1, table 6)."""
MOST_DROP: Final = 0.1
"""Of a lock's voltage may be lost in its wires: most strikes work from 90 %."""


def largest_fuse(mm2: float) -> float:
    """The largest fuse, in A, before a wire of ``mm2``; 0 under the thinnest of the table."""
    return max((amps for section, amps in FUSE_LIMITS if section <= mm2), default=0.0)


def _outlets(wiring: Wiring) -> Iterator[tuple[Terminal, str]]:
    """Terminals that take current from a supply's ``+``, or lead a rail of the header out of the housing."""
    plus = {node for node, part in sources(wiring.profile).items() if part is not None}
    for terminal in wiring.profile.terminals:
        ends = {f"{part.part}:{to}" for to, part in wiring.cores(terminal)}
        from_supply = sorted(ends & plus)
        parts = (wiring.profile.part(cable.part) for cable in _after(wiring, terminal))
        outside = any(part is not None and part.side != "secure" for part in parts)
        if from_supply and terminal.role != "power-in":
            yield terminal, from_supply[0]
        elif terminal.rail in ("3v3", "5v") and outside:
            yield terminal, f"rail:{terminal.rail}"


def _after(wiring: Wiring, terminal: Terminal) -> list[Cable]:
    """Cables that the current from ``terminal`` may take, back to its supply not among them."""
    starts = sources(wiring.profile)

    def onward(edge: Edge) -> bool:
        return edge.to not in starts and not edge.to.startswith("rail:")

    return wiring.circuit.cables(terminal.terminal, onward)


def short_circuit(wiring: Wiring) -> Iterator[str]:
    plus, minus = sources(wiring.profile), returns(wiring.profile)
    said = set()
    for node in plus:
        for other in sorted(wiring.circuit.reach(node) & (plus.keys() | minus) - {node}):
            pair = frozenset((node, other))
            if pair not in said:
                said.add(pair)
                yield f"{node} and {other} are joined with no load between"


def fuse_missing(wiring: Wiring) -> Iterator[str]:
    for terminal, source in _outlets(wiring):
        if not terminal.fuse:
            yield f"{terminal.terminal} ({terminal.title}) takes current from {source} without a fuse"


def fuse_too_big(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        fuse = wiring.profile.fuse(terminal.fuse)
        for cable in _after(wiring, terminal) if fuse else ():
            if fuse and fuse.amps > largest_fuse(cable.mm2):
                yield (
                    f"{fuse.fuse} of {fuse.amps:g} A in {terminal.terminal} is before {cable.mm2:g} mm2 of"
                    f" cable {cable.cable}, which bears {largest_fuse(cable.mm2):g} A"
                )


def _drawn(profile: Profile, supply: str) -> float:
    own = profile.controller.amps if profile.controller.supply == supply else 0.0
    return own + sum(part.amps for part in profile.parts if part.supply == supply)


def overload(wiring: Wiring) -> Iterator[str]:
    profile = wiring.profile
    for part in profile.parts:
        if part.kind == "supply" and (drawn := _drawn(profile, part.part)) > part.amps:
            yield f"{part.part} gives {part.amps:g} A and {drawn:g} A are drawn"
    for terminal in profile.terminals:
        fuse = profile.fuse(terminal.fuse)
        if fuse is None:
            continue
        fed = {cable.part for cable in _after(wiring, terminal)}
        drawn = sum(
            part.amps for part in profile.parts if part.part in fed and part.kind not in ("supply", "relay")
        )
        if drawn > fuse.amps:
            yield f"{fuse.fuse} in {terminal.terminal} bears {fuse.amps:g} A and {drawn:g} A are drawn"


def backup_missing(wiring: Wiring) -> Iterator[str]:
    profile = wiring.profile
    locks = {lock.part for lock in profile.locks}
    needed = {profile.controller.supply, *(each.supply for each in profile.parts if each.part in locks)}
    for part in profile.parts if profile.kind == "door" else ():
        if part.part in needed and not part.backup:
            yield f"{part.part} ({part.title}) has nothing that carries it through an outage"


def volts_differ(wiring: Wiring) -> Iterator[str]:
    known = sources(wiring.profile)
    for part in wiring.profile.parts:
        if part.kind == "supply" or not part.volts:
            continue
        for node in sorted(wiring.circuit.reach(f"{part.part}:+") & known.keys()):
            supply = known[node]
            if supply is not None and supply.volts != part.volts:
                yield f"{part.part} wants {part.volts:g} V and {supply.part} gives {supply.volts:g} V"


def voltage_drop(wiring: Wiring) -> Iterator[str]:
    profile = wiring.profile
    for lock in profile.locks:
        part = profile.part(lock.part)
        plus = wiring.circuit.path(f"{lock.part}:+", set(sources(profile)))
        minus = wiring.circuit.path(f"{lock.part}:-", returns(profile))
        if part is None or plus is None or minus is None or not part.volts:
            continue
        lost = part.amps * sum(edge.ohm for edge in (*plus, *minus))
        if lost > MOST_DROP * part.volts:
            yield f"{lost:.1f} V of {part.volts:g} V are lost on the way to {part.part}"


RULES: Final = (
    Rule("short-circuit", "part them", short_circuit),
    Rule("fuse-missing", "fit a fuse terminal there", fuse_missing),
    Rule("fuse-too-big", "fit a smaller fuse, or a thicker cable", fuse_too_big),
    Rule("overload", "fit a larger supply or fuse, or share the load out", overload),
    Rule("backup-missing", "PoE from a switch on a UPS, a UPS board, or a battery", backup_missing),
    Rule("volts-differ", "fit parts of one voltage, or a converter", volts_differ),
    Rule(
        "voltage-drop",
        "use a thicker or shorter cable: a lock that gets too little does not move",
        voltage_drop,
    ),
)
