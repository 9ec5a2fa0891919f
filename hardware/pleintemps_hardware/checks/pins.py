"""Rules of pins, levels, ports and cables."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from pleintemps_hardware.circuit import Edge, sources
from pleintemps_hardware.kit import CONTACT_ROLES, OUTPUT_ROLES

from .wiring import Rule, Wiring

FUNCTIONS: Final = {
    "i2c-data": "I2C1 SDA",
    "i2c-clock": "I2C1 SCL",
    "uart-tx": "UART0 TX",
    "uart-rx": "UART0 RX",
    "i2s-clock": "PCM CLK",
    "i2s-frame": "PCM FS",
    "i2s-data": "PCM DIN",
    "i2s-out": "PCM DOUT",
}
"""What a pin has to be able to for a role."""

AT_REST: Final = {
    "reed": "closed",
    "bolt": "closed",
    "fire": "closed",
    "tamper": "closed",
    "exit": "open",
    "lockdown": "open",
}
"""How a contact rests, so that a cut wire is an open door, a bolt not locked, a fire, an open housing, and
nobody who goes out or presses."""

DRIVERS: Final = frozenset({"relay", "transistor", "optocoupler"})
"""What may stand between an output and its load."""

LIMITS: Final = {
    "jumper": 0.5,
    "i2c": 0.5,
    "i2s": 0.3,
    "uart": 1.0,
    "usb": 5.0,
    "supply": 50.0,
    "contact": 100.0,
    "wiegand": 150.0,
    "rs485": 1_200.0,
}
"""Metres. RS-485: TIA-485-A at up to 100 kbit/s. Wiegand: 500 ft of the SIA standard. USB: 2.0. I2C, I2S,
UART at 256 000 baud and jumpers: our own, for signals of 3.3 V without a driver."""

MINI_UART: Final = "/dev/ttyS0"
SLOW_BAUD: Final = 115_200
"""The mini UART has a FIFO of 8 bytes."""
CONSOLES: Final = ("console=serial0", "console=ttyAMA", "console=ttyS")


def _twice(what: str, found: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(found).items():
        if count > 1:
            yield f"{what} {name!r} is there {count} times"


def name_twice(wiring: Wiring) -> Iterator[str]:
    profile = wiring.profile
    yield from _twice("terminal", (each.terminal for each in profile.terminals))
    yield from _twice("part", (each.part for each in profile.parts))
    yield from _twice("cable", (each.cable for each in profile.cables))
    yield from _twice("fuse", (each.fuse for each in profile.fuses))
    yield from _twice("port", (each.port for each in profile.ports))
    yield from _twice("lock", (each.lock for each in profile.locks))


def unknown_name(wiring: Wiring) -> Iterator[str]:
    profile = wiring.profile
    terminals = {each.terminal: each for each in profile.terminals}
    parts = {each.part: each for each in profile.parts}
    fuses = {each.fuse for each in profile.fuses}
    ports = {each.port for each in profile.ports}
    supplies = {each.part for each in profile.parts if each.kind == "supply"}
    for cable in profile.cables:
        part = parts.get(cable.part)
        if part is None:
            yield f"cable {cable.cable} leads to {cable.part!r}"
        for core in cable.cores:
            if core.at not in terminals:
                yield f"cable {cable.cable} begins at {core.at!r}"
            if part is not None and core.to not in part.terminals:
                yield f"cable {cable.cable} ends at {core.to!r} of {part.part}"
    for part in profile.parts:
        if part.supply and part.supply not in supplies:
            yield f"{part.part} is fed by {part.supply!r}"
        for contact in part.contacts:
            for name in contact.between:
                if name not in part.terminals:
                    yield f"{part.part} has a contact at {name!r}"
    if profile.controller.supply not in supplies:
        yield f"the controller is fed by {profile.controller.supply!r}"
    for terminal in profile.terminals:
        if terminal.fuse and terminal.fuse not in fuses:
            yield f"{terminal.terminal} holds fuse {terminal.fuse!r}"
        if terminal.port and terminal.port not in ports:
            yield f"{terminal.terminal} belongs to port {terminal.port!r}"
    for each in profile.exemptions:
        if each.part not in parts:
            yield f"{each.part!r} is exempt from {each.rule}"
    for lock in profile.locks:
        relay = terminals.get(lock.relay)
        if lock.part not in parts:
            yield f"lock {lock.lock} is part {lock.part!r}"
        if relay is None or relay.role != "lock-relay":
            yield f"lock {lock.lock} is switched at {lock.relay!r}"


def unwired(wiring: Wiring) -> Iterator[str]:
    begun = {core.at for cable in wiring.profile.cables for core in cable.cores}
    for terminal in wiring.profile.terminals:
        if terminal.role != "ground" and terminal.terminal not in begun:
            yield f"nothing is wired to {terminal.terminal} ({terminal.title})"


def pin_unknown(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        if terminal.pin is not None and wiring.board.pin(terminal.pin) is None:
            yield f"{terminal.terminal} takes pin {terminal.pin}, which {wiring.board.name} does not have"


def pin_reserved(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        pin = None if terminal.pin is None else wiring.board.pin(terminal.pin)
        if pin is not None and pin.reserved:
            yield f"{terminal.terminal} takes pin {pin.bcm}, which is kept for: {pin.reserved}"


def pin_twice(wiring: Wiring) -> Iterator[str]:
    owners: dict[int, str] = {}
    for terminal in wiring.profile.terminals:
        if terminal.pin is None:
            continue
        if terminal.pin in owners:
            yield f"{terminal.terminal} takes pin {terminal.pin}, which {owners[terminal.pin]} has already"
        owners.setdefault(terminal.pin, terminal.terminal)


def pin_function(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        wanted = FUNCTIONS.get(terminal.role)
        pin = None if terminal.pin is None else wiring.board.pin(terminal.pin)
        if wanted and pin is not None and wanted not in pin.functions:
            yield f"{terminal.terminal} wants {wanted}, which pin {pin.bcm} is not"


def header_place(wiring: Wiring) -> Iterator[str]:
    rails = {header: rail.rail for rail in wiring.board.rails for header in rail.headers}
    for terminal in wiring.profile.terminals:
        pin = None if terminal.pin is None else wiring.board.pin(terminal.pin)
        place = pin.header if pin is not None else terminal.header
        if terminal.rail and terminal.header is not None and rails.get(terminal.header) != terminal.rail:
            yield f"{terminal.terminal} wants {terminal.rail}, which header {terminal.header} is not"
        elif terminal.block == "J8" and place is not None and str(place) != terminal.number:
            yield f"{terminal.terminal} is header {place}"
        elif terminal.rail in ("3v3", "5v") and terminal.header is None:
            yield f"{terminal.terminal} has {terminal.rail} from nowhere: it needs `header`"


def over_voltage(wiring: Wiring) -> Iterator[str]:
    high = {
        node: part.volts
        if part
        else next(rail.volts for rail in wiring.board.rails if f"rail:{rail.rail}" == node)
        for node, part in sources(wiring.profile).items()
    }
    grounds = {each.terminal for each in wiring.profile.terminals if each.rail == "gnd"}
    most = wiring.board.volts
    for terminal in wiring.profile.terminals:
        if terminal.pin is None or terminal.interface != "direct":
            continue
        for _, part in wiring.cores(terminal):
            if part.signal_volts > most:
                yield f"{part.part} puts {part.signal_volts:g} V on {terminal.terminal}, a pin of {most:g} V"

        def may(edge: Edge) -> bool:
            return edge.to not in grounds

        for node in sorted(wiring.circuit.reach(terminal.terminal, may) & high.keys()):
            if high[node] > most:
                yield f"{node} puts {high[node]:g} V on {terminal.terminal}, a pin of {most:g} V"


def pull(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        if terminal.role in CONTACT_ROLES:
            circuit = wiring.circuit_of(terminal)
            if circuit is None:
                yield f"{terminal.terminal} ({terminal.title}) reads no contact that leads to ground or 3.3 V"
            elif circuit.rail != "5v" and circuit.pull != terminal.pull:
                yield (
                    f"{terminal.terminal} has a contact to {circuit.rail} and its resistor {terminal.pull},"
                    f" want {circuit.pull}"
                )
        elif terminal.role in ("wiegand-d0", "wiegand-d1") and terminal.pull != "up":
            yield f"{terminal.terminal} is driven low by the reader: its resistor is {terminal.pull}, want up"


def cut_wire(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        circuit = wiring.circuit_of(terminal) if terminal.role in CONTACT_ROLES else None
        if circuit is not None and circuit.rests != AT_REST[terminal.role]:
            yield (
                f"{terminal.terminal} ({terminal.title}) rests {circuit.rests}: want"
                f" {AT_REST[terminal.role]}, so that a cut wire is on the safe side"
            )


def output_rest(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        if terminal.role not in OUTPUT_ROLES:
            continue
        rest = "down" if terminal.active == "high" else "up"
        if terminal.pull != rest or terminal.pull_ohm is None:
            yield f"{terminal.terminal} ({terminal.title}) has no resistor {rest} of its own"


def output_direct(wiring: Wiring) -> Iterator[str]:
    for terminal in wiring.profile.terminals:
        if terminal.role in OUTPUT_ROLES and terminal.interface not in DRIVERS:
            yield f"{terminal.terminal} ({terminal.title}) drives its load by {terminal.interface}"


def i2c_twice(wiring: Wiring) -> Iterator[str]:
    owners: dict[int, str] = {}
    for part in wiring.profile.parts:
        if part.i2c is None:
            continue
        if part.i2c in owners:
            yield f"{part.part} answers at {part.i2c:#04x}, as {owners[part.i2c]} does"
        owners.setdefault(part.i2c, part.part)


def serial_twice(wiring: Wiring) -> Iterator[str]:
    owners: dict[str, str] = {}
    for port in wiring.profile.ports:
        if port.header in owners and port.header:
            yield f"port {port.port} is {port.header}, as {owners[port.header]} is"
        owners.setdefault(port.header, port.port)


def serial_console(wiring: Wiring) -> Iterator[str]:
    for port in wiring.profile.ports:
        for word in wiring.profile.boot.cmdline:
            if port.header and word.startswith(CONSOLES):
                yield f"Linux has its console on {port.header} of {port.port}: {word}"


def serial_bluetooth(wiring: Wiring) -> Iterator[str]:
    freed = {"dtoverlay=disable-bt", "dtoverlay=miniuart-bt"}
    for port in wiring.profile.ports:
        if port.header and freed.isdisjoint(wiring.profile.boot.config):
            yield f"Bluetooth has the good port of {port.header}, which {port.port} needs"


def serial_slow(wiring: Wiring) -> Iterator[str]:
    for port in wiring.profile.ports:
        if port.baud > SLOW_BAUD and MINI_UART in port.devices:
            yield f"port {port.port} runs at {port.baud} baud and may be {MINI_UART}"


def boot_lines(wiring: Wiring) -> Iterator[str]:
    profile = wiring.profile
    roles = {terminal.role for terminal in profile.terminals}
    wanted = [
        ("i2c-data" in roles, "dtparam=i2c_arm=on"),
        (any(part.kind == "clock" for part in profile.parts), "dtoverlay=i2c-rtc"),
        ("i2s-data" in roles, "dtparam=i2s=on"),
        (any(port.header for port in profile.ports), "enable_uart=1"),
    ]
    for needed, line in wanted:
        if needed and not any(each.startswith(line) for each in profile.boot.config):
            yield f"config.txt lacks {line}"


def cable_too_long(wiring: Wiring) -> Iterator[str]:
    for cable in wiring.profile.cables:
        limit = min(LIMITS[cable.bus], cable.max_m or LIMITS[cable.bus])
        if cable.length_m > limit:
            where = f"cable {cable.cable} ({cable.title})"
            yield f"{where} has {cable.length_m:g} m of {cable.bus}, {limit:g} m at most"


RULES: Final = (
    Rule("name-twice", "give each a name of its own", name_twice),
    Rule("unknown-name", "name one that is there", unknown_name),
    Rule("unwired", "wire it, or take it out of the profile", unwired),
    Rule("pin-unknown", "take a pin of the header", pin_unknown),
    Rule("pin-reserved", "take another pin", pin_reserved),
    Rule("pin-twice", "give each a pin of its own", pin_twice),
    Rule("pin-function", "take the pin that has this function", pin_function),
    Rule("header-place", "look at the header's plan and put it right", header_place),
    Rule("over-voltage", "put a level shifter or an optocoupler between, or the pin is lost", over_voltage),
    Rule("pull", "contact to ground: pull-up; contact to 3.3 V: pull-down", pull),
    Rule("cut-wire", "use the other side of the contact", cut_wire),
    Rule("output-direct", "a pin gives 16 mA: put a relay or transistor stage between", output_direct),
    Rule(
        "output-rest",
        "fit 10 kOhm to the level that does nothing: the pin floats while the Pi starts",
        output_rest,
    ),
    Rule("i2c-twice", "set another address by its jumpers, or leave one out", i2c_twice),
    Rule("serial-twice", "one device on a port: put the other on a USB adapter", serial_twice),
    Rule("serial-console", "take the word out of cmdline.txt", serial_console),
    Rule("serial-bluetooth", 'add "dtoverlay=disable-bt" to config.txt', serial_bluetooth),
    Rule("serial-slow", "use /dev/ttyAMA0: the mini UART loses bytes", serial_slow),
    Rule("boot-lines", "add it", boot_lines),
    Rule("cable-too-long", "shorten the cable, or put the board nearer", cable_too_long),
)
