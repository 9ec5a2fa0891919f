"""Rules of an agent's configuration on a kit: each device where the kit has such a thing, told as it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from pleintemps_hardware.board import Board
from pleintemps_hardware.kit import CONTACT_ROLES, Lock, Profile, Role, Terminal, built

from .wiring import Problem, Wiring

STREET: Final = "street"
"""The name that a door's ``from`` has for outdoors."""

ROLES: Final[Mapping[tuple[str, str], Role]] = {
    ("reed", "pin"): "reed",
    ("rex", "pin"): "exit",
    ("fire", "pin"): "fire",
    ("tamper", "pin"): "tamper",
    ("lockdown_button", "pin"): "lockdown",
    ("strike", "pin"): "lock-relay",
    ("strike", "bolt_pin"): "bolt",
    ("warning_light", "pin"): "light",
    ("pir", "pin"): "pir",
    ("wiegand", "d0"): "wiegand-d0",
    ("wiegand", "d1"): "wiegand-d1",
    ("wiegand", "led"): "reader-led",
    ("wiegand", "led_green"): "reader-led",
    ("wiegand", "led_red"): "reader-led",
    ("wiegand", "buzzer"): "reader-buzzer",
}
"""What a driver's key that names a pin takes. Other drivers may have the pins that a kit leaves free."""

PORT_ROLES: Final[Mapping[str, str]] = {
    "ld2410": "radar",
    "ld2450": "radar",
    "osdp": "osdp",
    "modbus_sound": "modbus",
    "token_reader": "token-reader",
}

_LEVELS: Final[Mapping[tuple[str, str], str]] = {
    ("reed", "pin"): "open_when",
    ("rex", "pin"): "active_when",
    ("fire", "pin"): "active_when",
    ("tamper", "pin"): "active_when",
    ("lockdown_button", "pin"): "active_when",
    ("strike", "bolt_pin"): "locked_when",
    ("warning_light", "pin"): "energise",
    ("pir", "pin"): "motion_when",
    ("wiegand", "led"): "active",
    ("wiegand", "led_green"): "active",
    ("wiegand", "led_red"): "active",
    ("wiegand", "buzzer"): "active",
}
"""The key that tells at which level a pin means something."""

_PULLS: Final[Mapping[tuple[str, str], str]] = {
    ("reed", "pin"): "pull",
    ("rex", "pin"): "pull",
    ("fire", "pin"): "pull",
    ("tamper", "pin"): "pull",
    ("lockdown_button", "pin"): "pull",
    ("strike", "bolt_pin"): "bolt_pull",
    ("pir", "pin"): "pull",
    ("wiegand", "d0"): "pull",
    ("wiegand", "d1"): "pull",
}

_MEANS_OPEN: Final = frozenset({"reed", "fire", "tamper"})
"""Roles that mean their contact's opening; the others mean its closing."""


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """One device of a configuration: its driver, all its keys, defaults too, and the pins it takes."""

    device: str
    driver: str
    keys: Mapping[str, object]
    taken: tuple[int, ...] = ()

    def pins(self) -> Iterator[tuple[str, int]]:
        for driver, key in ROLES:
            pin = self.keys.get(key) if driver == self.driver else None
            if isinstance(pin, int):
                yield key, pin


@dataclass(frozen=True, slots=True)
class DoorUse:
    """One door of a configuration: where it is entered from, and its devices."""

    door: str
    from_: str
    readers: tuple[str, ...]
    lock: str = ""
    exit: str | None = None
    fire: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What a configuration has the kit do. ``rtc`` is the device file of the clock, or empty; None where time
    is simulated.
    """

    devices: tuple[DeviceUse, ...]
    doors: tuple[DoorUse, ...] = ()
    rtc: str | None = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """A configuration on the way to build the kit that it stands for."""

    use: Use
    whole: Profile
    wiring: Wiring

    def terminal(self, pin: int) -> Terminal | None:
        """The terminal at ``pin``, in any way to build the kit."""
        return next((each for each in self.whole.terminals if each.pin == pin), None)

    def right(self) -> Iterator[tuple[DeviceUse, str, Terminal]]:
        """Devices with the key and the terminal of each pin that is what they take it for."""
        for device in self.use.devices:
            for key, pin in device.pins():
                terminal = self.terminal(pin)
                if terminal is not None and terminal.role == ROLES[device.driver, key]:
                    yield device, key, terminal


@dataclass(frozen=True, slots=True)
class FitRule:
    """One thing that a configuration on a kit must keep."""

    name: str
    todo: str
    find: Callable[[Fit], Iterator[str]]


def places(profile: Profile, use: Use) -> int:
    """How many pins, ports and locks of ``use`` there are in ``profile``, a kit or one way to build it."""
    terminals = {each.pin: each.role for each in profile.terminals if each.pin is not None}
    ports = {port.role for port in profile.ports}
    wirings = {lock.wiring for lock in profile.locks}
    fits = 0
    for device in use.devices:
        fits += sum(terminals.get(pin) == ROLES[device.driver, key] for key, pin in device.pins())
        fits += PORT_ROLES.get(device.driver) in ports
        fits += device.driver == "strike" and device.keys.get("wiring") in wirings
    return fits


def variant_of(profile: Profile, use: Use) -> Profile:
    """The way to build the kit that has places for most of ``use``, the first of equals."""
    return max((built(profile, each) for each in profile.variants), key=lambda each: places(each, use))


def wrong_terminal(fit: Fit) -> Iterator[str]:
    for device in fit.use.devices:
        for key, pin in device.pins():
            terminal, role = fit.terminal(pin), ROLES[device.driver, key]
            if terminal is None:
                yield f"device {device.device}: `{key}` {pin}: {fit.whole.name} has nothing there"
            elif terminal.role != role:
                what = f"{terminal.terminal}, {terminal.title}"
                yield f"device {device.device}: `{key}` {pin} is {what}: no {role}"
        for pin in set(device.taken) - {pin for _, pin in device.pins()}:
            terminal = fit.terminal(pin)
            if terminal is not None:
                yield f"device {device.device}: pin {pin} is {terminal.terminal}, {terminal.title}"


def wrong_port(fit: Fit) -> Iterator[str]:
    for device in fit.use.devices:
        name, role = device.keys.get("port"), PORT_ROLES.get(device.driver)
        if role is None or not isinstance(name, str):
            continue
        ports = [port for port in fit.whole.ports if port.role == role]
        if not ports:
            yield f"device {device.device}: {fit.whole.name} has no port for a {device.driver}"
        elif name.startswith("/dev/") and not any(
            fnmatchcase(name, path) for port in ports for path in port.devices
        ):
            wanted = " or ".join(path for port in ports for path in port.devices)
            yield f"device {device.device}: `port` {name}: want {wanted}"


def wrong_level(fit: Fit) -> Iterator[str]:
    for device, key, terminal in fit.right():
        name = _LEVELS.get((device.driver, key))
        wanted: str | None = terminal.active
        if terminal.role in CONTACT_ROLES:
            circuit = fit.wiring.circuit_of(terminal)
            if circuit is None:
                continue
            wanted = circuit.open_level if terminal.role in _MEANS_OPEN else circuit.closed_level
        if name is not None and wanted is not None and device.keys.get(name) != wanted:
            yield (
                f'device {device.device}: `{name}` is "{device.keys.get(name)}", want "{wanted}" as'
                f" {terminal.terminal} is wired"
            )


def wrong_pull(fit: Fit) -> Iterator[str]:
    for device, key, terminal in fit.right():
        name = _PULLS.get((device.driver, key))
        if name is None or device.keys.get(name) == terminal.pull:
            continue
        if device.keys.get(name) == "none" and terminal.pull_ohm is not None:
            continue  # the kit's own resistor is enough
        yield (
            f'device {device.device}: `{name}` is "{device.keys.get(name)}", want "{terminal.pull}" as'
            f" {terminal.terminal} is wired"
        )


def _locks(fit: Fit) -> Iterator[tuple[DeviceUse, Terminal, Lock | None]]:
    for device, key, terminal in fit.right():
        if terminal.role == "lock-relay" and key == "pin":
            locks = [lock for lock in fit.wiring.profile.locks if lock.relay == terminal.terminal]
            yield (
                device,
                terminal,
                next((lock for lock in locks if lock.wiring == device.keys.get("wiring")), None),
            )


def wrong_lock(fit: Fit) -> Iterator[str]:
    for device, terminal, lock in _locks(fit):
        if lock is None:
            wirings = " or ".join(sorted({f'"{each.wiring}"' for each in fit.whole.locks}))
            yield f'device {device.device}: `wiring` "{device.keys.get("wiring")}": this kit has {wirings}'
            continue
        # a magnet hangs on the relay's other contact: what lets the relay rest energises it
        rest = "low" if terminal.active == "high" else "high"
        wanted = terminal.active if lock.wiring == "energise-to-unlock" else rest
        if device.keys.get("energise") != wanted:
            yield (
                f'device {device.device}: `energise` is "{device.keys.get("energise")}", want "{wanted}":'
                f" {lock.part} hangs on the relay's {'NO' if wanted == terminal.active else 'NC'} contact"
            )


def no_variant(fit: Fit) -> Iterator[str]:
    terminals = {each.terminal for each in fit.wiring.profile.terminals}
    for device, _, terminal in fit.right():
        if terminal.terminal not in terminals:
            yield f"device {device.device}: {terminal.terminal} is not there beside the other devices"
    ports = {port.role for port in fit.wiring.profile.ports}
    everywhere = {port.role for port in fit.whole.ports}
    for device in fit.use.devices:
        role = PORT_ROLES.get(device.driver)
        if role in everywhere and role not in ports:
            yield f"device {device.device}: its port is not there beside the other devices"


def rtc_unused(fit: Fit) -> Iterator[str]:
    if fit.use.rtc == "" and any(part.kind == "clock" for part in fit.whole.parts):
        yield "`clock.rtc` is empty, and the kit has a clock with a battery"


def magnet_unread(fit: Fit) -> Iterator[str]:
    magnets = {
        device.device
        for device in fit.use.devices
        if device.driver == "strike" and device.keys.get("wiring") == "energise-to-lock"
    }
    for door in fit.use.doors:
        if door.lock in magnets and door.fire is None:
            yield f"door {door.door}: without `fire` its magnet holds again as soon as the panel is reset"
        if door.lock in magnets and door.exit is None:
            yield f"door {door.door}: without `exit` each who leaves has forced the door"


def wiegand_from_street(fit: Fit) -> Iterator[str]:
    if any(each.rule == "wiegand-at-street" for each in fit.whole.exemptions):
        return
    readers = {device.device for device in fit.use.devices if device.driver == "wiegand"}
    for door in fit.use.doors:
        for reader in door.readers if door.from_ == STREET else ():
            if reader in readers:
                yield f"door {door.door}: {reader} hangs at the street, and whoever opens it reads every code"


RULES: Final = (
    FitRule("wrong-terminal", "take the pin that the kit's table names for it", wrong_terminal),
    FitRule("wrong-port", "take the port that the kit's table names for it", wrong_port),
    FitRule("wrong-level", "set it so", wrong_level),
    FitRule("wrong-pull", "set it so", wrong_pull),
    FitRule("wrong-lock", "tell the lock as it is wired", wrong_lock),
    FitRule("no-variant", "build one of the kit's variants, and configure only what it has", no_variant),
    FitRule("magnet-unread", "name the devices of the second poles", magnet_unread),
    FitRule("rtc-unused", 'set `clock.rtc`, such as "/dev/rtc0"', rtc_unused),
    FitRule(
        "wiegand-at-street",
        "use an OSDP reader, or say who answers for it in [[exemptions]] of a profile of your own",
        wiegand_from_street,
    ),
)


def check(profile: Profile, on: Board, use: Use) -> list[Problem]:
    """What of ``use`` does not fit on ``profile``, in the order of the rules."""
    fit = Fit(use, profile, Wiring.of(variant_of(profile, use), on))
    return [Problem(rule.name, what, rule.todo) for rule in RULES for what in rule.find(fit)]
