"""Rules of people and burglars: who must get out, what must not be in reach."""

from collections.abc import Iterator
from typing import Final

from pleintemps_hardware.circuit import Edge, fed, sources

from .wiring import Rule, Wiring

PLACES: Final = {
    "clock": {"secure"},
    "relay": {"secure"},
    "transistor": {"secure"},
    "supply": {"secure"},
    "adapter": {"secure"},
    "strike": {"secure", "door"},
    "magnet": {"secure", "door"},
    "contact": {"secure", "door", "room"},
    "exit": {"room", "door"},
    "fire": {"secure", "room"},
}
"""Where parts may be; others anywhere."""

MOVERS: Final = {"fire": {"fire"}, "exit": {"exit"}, "switch": {"relay", "transistor"}}
"""What kind of part may say that its contact cuts in a fire, cuts by hand, is moved by the board."""

READER_ROLES: Final = frozenset(
    {
        "wiegand-d0",
        "wiegand-d1",
        "reader-led",
        "reader-buzzer",
        "rs485-a",
        "rs485-b",
        "feed",
        "ground",
        "light-loop",
    }
)
"""Wires that may lead to where a stranger stands."""

EXEMPTIBLE: Final = frozenset({"wiegand-at-street"})


def magnet_uncut(wiring: Wiring) -> Iterator[str]:
    names = {"fire": "the fire contact", "exit": "the exit device"}
    for lock in wiring.profile.locks:
        if lock.wiring != "energise-to-lock":
            continue
        for role, name in names.items():

            def closed(edge: Edge, role: str = role) -> bool:
                return edge.contact is None or edge.contact.role != role

            if fed(wiring.profile, wiring.circuit, lock.part, closed):
                yield f"{lock.part} is still fed when {name} opens"


def contact_kind(wiring: Wiring) -> Iterator[str]:
    for part in wiring.profile.parts:
        for contact in part.contacts:
            if part.kind not in MOVERS.get(contact.role, {part.kind}):
                yield f"{part.part} ({part.title}) is no part whose contact says {contact.role}"


def lock_unfed(wiring: Wiring) -> Iterator[str]:
    for lock in wiring.profile.locks:
        if not fed(wiring.profile, wiring.circuit, lock.part):
            yield f"{lock.part} is joined to no supply"


def lock_rest(wiring: Wiring) -> Iterator[str]:
    def resting(edge: Edge) -> bool:
        return edge.contact is None or edge.contact.rests == "closed"

    for lock in wiring.profile.locks:
        holds = lock.wiring == "energise-to-lock"
        if fed(wiring.profile, wiring.circuit, lock.part, resting) != holds:
            state = "without current" if holds else "with current"
            yield f"{lock.part} is {state}, so open, while the relay rests"


def lock_kind(wiring: Wiring) -> Iterator[str]:
    for lock in wiring.profile.locks:
        part = wiring.profile.part(lock.part)
        if part is not None and part.kind == "magnet" and lock.wiring != "energise-to-lock":
            yield f"{lock.part} is a magnet and said to be {lock.wiring}"


def strike_handle(wiring: Wiring) -> Iterator[str]:
    for lock in wiring.profile.locks:
        part = wiring.profile.part(lock.part)
        if part is not None and lock.wiring == "energise-to-unlock" and not part.handle:
            yield f"{lock.part} stays locked without current and no handle is said to open from inside"


def rtc_missing(wiring: Wiring) -> Iterator[str]:
    if wiring.profile.kind == "door" and not any(part.kind == "clock" for part in wiring.profile.parts):
        yield "there is no clock with a battery, and without the time no code can be checked"


def secure_side(wiring: Wiring) -> Iterator[str]:
    if wiring.profile.controller.side != "secure":
        yield f"the controller is at the side {wiring.profile.controller.side!r}"
    for part in wiring.profile.parts:
        if part.side not in PLACES.get(part.kind, {part.side}):
            yield f"{part.part} ({part.title}) is at the side {part.side!r}"


def reader_wires(wiring: Wiring) -> Iterator[str]:
    for part in wiring.profile.parts:
        if part.side not in ("street", "corridor"):
            continue
        for cable in wiring.profile.cables:
            for core in cable.cores if cable.part == part.part else ():
                terminal = wiring.profile.terminal(core.at)
                if terminal is not None and terminal.role not in READER_ROLES:
                    what = f"{terminal.terminal} ({terminal.title})"
                    yield f"cable {cable.cable} takes {what} out to {part.part}"


def wiegand_at_street(wiring: Wiring) -> Iterator[str]:
    exempt = {each.part for each in wiring.profile.exemptions if each.rule == "wiegand-at-street"}
    for part in wiring.profile.parts:
        if part.kind == "reader-wiegand" and part.side == "street" and part.part not in exempt:
            yield f"{part.part} hangs at the street, and whoever opens it reads every code off two wires"


def exemption(wiring: Wiring) -> Iterator[str]:
    for each in wiring.profile.exemptions:
        if each.rule not in EXEMPTIBLE:
            yield f"from {each.rule} nothing is exempt"


def lock_supply(wiring: Wiring) -> Iterator[str]:
    known = sources(wiring.profile)
    for lock in wiring.profile.locks:
        for node in sorted(wiring.circuit.reach(f"{lock.part}:+") & known.keys()):
            part = known[node]
            if part is None or part.part == wiring.profile.controller.supply:
                yield f"{lock.part} is fed by {node}, as the Pi is"


def coil_diode(wiring: Wiring) -> Iterator[str]:
    for part in wiring.profile.parts:
        if part.coil and not part.diode:
            yield f"{part.part} ({part.title}) has a coil and no diode across it"


RULES: Final = (
    Rule(
        "magnet-uncut",
        "wire the fire panel's contact and the exit device in series with the magnet's supply, both of them",
        magnet_uncut,
    ),
    Rule("contact-kind", "say `signal`, or wire the part that does this", contact_kind),
    Rule("lock-unfed", "wire both of its ends", lock_unfed),
    Rule("lock-rest", "use the relay's other contact: NO for a strike, NC for a magnet", lock_rest),
    Rule("lock-kind", 'a magnet is `wiring = "energise-to-lock"`', lock_kind),
    Rule(
        "strike-handle",
        "fit a lock case whose inside handle always draws the latch, then say `handle = true`",
        strike_handle,
    ),
    Rule("rtc-missing", "fit a clock chip with a battery (DS3231)", rtc_missing),
    Rule("secure-side", "put it behind the door that it protects, in the closed housing", secure_side),
    Rule("reader-wires", "outside there are a reader's data and supply, and nothing else", reader_wires),
    Rule(
        "wiegand-at-street",
        "use an OSDP reader, or hang it inside the building, or say who answers for it in [[exemptions]]",
        wiegand_at_street,
    ),
    Rule("exemption", "only wiegand-at-street can be exempt; wire the rest as it has to be", exemption),
    Rule("lock-supply", "give the lock a supply of its own", lock_supply),
    Rule("coil-diode", "fit a diode 1N4007 across the coil, ring to +, at the coil", coil_diode),
)
