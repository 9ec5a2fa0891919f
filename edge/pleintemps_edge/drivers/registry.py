"""Which drivers exist and what each wants to know: a table filled by one decorator per driver file."""

import importlib
import pkgutil
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from gpiozero.pins import Factory

from pleintemps_contract.configfile import convert
from pleintemps_contract.cores import Wires
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.world import SystemWorld, World

from .base import Building, Driver, Lock, Panel, Signal


class DeviceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every ``[[devices]]`` table says. A driver's own struct adds its keys."""

    device: Slug
    driver: str

    def pins(self) -> tuple[int, ...]:
        """BCM numbers of the pins that the device takes, in the order of its keys."""
        return ()

    def ports(self) -> tuple[str, ...]:
        """Serial ports that the device takes, as configured."""
        return ()

    def throws_bolt(self) -> bool:
        """Whether it is a lock that throws its bolt at its own moment: past the frame of an open door."""
        return False

    def needs_building(self) -> bool:
        """Whether the device is reached over the building's own broker."""
        return False


@dataclass(frozen=True, slots=True)
class Context:
    """What a driver may use. ``base`` is the folder of the configuration: relative ports start there.

    ``idle`` makes locks idle instead of secured: a fire is not confirmed as over. ``building`` is the
    building's own broker where one is configured.

    ``state`` is the agent's state folder, for what a device was taught.

    ``line`` is the machine's own clock, for what happens on wires: pulses and bytes keep real time even
    where ``world`` is a simulated clock that runs faster. ``pin_factory`` None is gpiozero's default, which
    ``GPIOZERO_PIN_FACTORY`` decides. ``wires`` None are the serial lines of the kernel. ``hear`` gives the
    samples of a microphone by its device; None: its program is started.
    """

    world: World
    base: Path
    line: World = field(default_factory=SystemWorld)
    pin_factory: Factory | None = None
    wires: Wires | None = None
    idle: bool = False
    building: Building | None = None
    state: Path | None = None
    hear: Callable[[str], AsyncGenerator[bytes, None]] | None = None

    def port(self, name: str) -> Path:
        """The path of a configured serial port."""
        return self.base / name


Serves = Literal["lock", "contact", "readers", "exit", "fire", "lockdown", "panel", "signal"]
"""The keys of a ``[[doors]]``, ``[[panels]]`` or ``[[signals]]`` table that name devices."""

Made = Driver | Lock | Panel | Signal

C = TypeVar("C", bound=DeviceConfig)


@dataclass(frozen=True, slots=True)
class Registration(Generic[C]):
    """One driver: its name in configurations, its keys, what makes it, as what it can serve a door."""

    name: str
    config: type[C]
    make: Callable[[C, Context], Made]
    serves: Serves | None = None


_DRIVERS: Final[dict[str, Registration[Any]]] = {}

Make = TypeVar("Make", bound=Callable[..., Made])


def driver(name: str, config: type[DeviceConfig], serves: Serves | None = None) -> Callable[[Make], Make]:
    """Register the decorated class or function ``(config, context)`` under ``name``.

    ``serves`` is the key of a door's table that may name such a device. A name that is taken is a
    mistake of ours: ValueError at import.
    """

    def register(make: Make) -> Make:
        if name in _DRIVERS:
            taken = _DRIVERS[name].make
            raise ValueError(f"driver {name!r} of {make.__module__} is already {taken.__module__}'s")
        _DRIVERS[name] = Registration(name, config, make, serves)
        return make

    return register


@cache
def _import_all() -> None:
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__, f"{__package__}."):
        importlib.import_module(module.name)


def drivers() -> Mapping[str, Registration[Any]]:
    """All drivers by name; imports every module of this package at the first call."""
    _import_all()
    return _DRIVERS


def read(table: Mapping[str, object]) -> DeviceConfig:
    """One ``[[devices]]`` table as its driver's record; raises ConfigError that names device and key."""
    device = table.get("device")
    if not isinstance(device, str):
        raise ConfigError("devices: a device without a name: set `device`")
    name = table.get("driver")
    if not isinstance(name, str) or name not in drivers():
        known = ", ".join(sorted(drivers()))
        raise ConfigError(f"device {device}: no driver {name!r} - at `driver`; there are {known}")
    config: DeviceConfig = convert(f"device {device}", dict(table), drivers()[name].config)
    return config


def config_pins(config: DeviceConfig) -> tuple[int, ...]:
    """BCM numbers of the pins that ``config`` takes."""
    return config.pins()


def config_ports(config: DeviceConfig) -> tuple[str, ...]:
    """Serial ports that ``config`` takes, as configured."""
    return config.ports()


def build(table: Mapping[str, object], context: Context) -> Made:
    """Make the device of one ``[[devices]]`` table; takes its pins, opens no port yet.

    Raises ConfigError that names device and key, also for a pin that cannot be had.
    """
    config = read(table)
    made: Made = drivers()[config.driver].make(config, context)
    return made
