"""Which device is tested how, and in which order: a table from the driver to its script. Pure.

Contacts come before locks, so that a lock is judged by a contact that is known to work.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from pleintemps_contract.errors import ConfigError
from pleintemps_edge.config import DoorConfig, EdgeConfig
from pleintemps_edge.drivers import registry
from pleintemps_edge.drivers.modbus_sound import ModbusSoundConfig
from pleintemps_edge.drivers.pir import PirConfig
from pleintemps_edge.drivers.registry import DeviceConfig
from pleintemps_edge.drivers.strike import StrikeConfig
from pleintemps_edge.drivers.wiegand import WiegandConfig
from pleintemps_edge.sensing.modbus_rtu import Request

from . import contacts, locks, outputs, readers, rooms, sounds
from .locks import Door
from .places import Places
from .steps import Bench, Known, Step

RTC: Final = "agent.rtc"
CLOCK: Final = "agent.clock"
DISK: Final = "agent.disk"
"""What is tested of the machine itself; no device has a name with a dot."""
_USUAL_CONFIRM_S: Final = 12.0
_SHELLY_CONFIRM_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What scripts have to know beside the configuration: calibrations by device (dB), the calibrator."""

    calibrator_db: float = 94.0
    calibrations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """One device with what the configuration says of it."""

    config: DeviceConfig
    edge: EdgeConfig
    facts: Facts

    @property
    def name(self) -> str:
        return self.config.device

    def doors(self) -> list[DoorConfig]:
        """The doors that it serves."""
        return [
            door
            for door in self.edge.doors
            if self.name in (door.lock, door.contact, door.exit, door.fire, door.lockdown, *door.readers)
        ]

    @property
    def door(self) -> str:
        return ", ".join(door.door for door in self.doors())

    @property
    def space(self) -> str:
        space = getattr(self.config, "space", "")
        signals = [signal.space for signal in self.edge.signals if signal.device == self.name]
        return str(space or ", ".join(signals))


Script = Callable[[Known], tuple[Step, ...]]


def _wiegand(place: _Place) -> Script:
    config = place.config
    assert isinstance(config, WiegandConfig)
    shows = len(config.pins()) > 2
    return partial(readers.wiegand, device=place.name, formats=config.formats, shows=shows)


def _pir(place: _Place) -> Script:
    assert isinstance(place.config, PirConfig)
    return partial(rooms.pir, warm_up_ms=round(1000 * place.config.warm_up_s))


def _modbus(place: _Place) -> Script:
    config = place.config
    assert isinstance(config, ModbusSoundConfig)
    request = Request(config.address, config.register)
    return partial(sounds.modbus, device=place.name, request=request, calibrator_db=place.facts.calibrator_db)


def _microphone(place: _Place) -> Script:
    stored = place.facts.calibrations.get(place.name)
    return partial(sounds.microphone, stored_db=stored, calibrator_db=place.facts.calibrator_db)


def _lock(place: _Place) -> Script:
    config, doors = place.config, place.doors()
    door = doors[0] if doors else None
    strike = isinstance(config, StrikeConfig)
    usual = _SHELLY_CONFIRM_S if config.driver == "shelly" else _USUAL_CONFIRM_S
    wanted = Door(
        door=door.door if door else "-",
        contact=door.contact if door else None,
        exit=door.exit if door else None,
        fire=door.fire if door else None,
        confirms=config.bolt_pin is not None if isinstance(config, StrikeConfig) else True,
        confirm_ms=1_000 if strike else round(1000 * float(getattr(config, "confirm_s", usual))),
        radio=not strike,
        cut_by=config.supply_cut_by
        if isinstance(config, StrikeConfig) and config.wiring == "energise-to-lock"
        else (),
    )
    return partial(locks.lock, device=place.name, door=wanted)


_SCRIPTS: Final[dict[str, Callable[[_Place], Script]]] = {
    "fire": lambda place: contacts.fire,
    "tamper": lambda place: contacts.tamper,
    "rex": lambda place: partial(contacts.button, door=place.door),
    "lockdown_button": lambda place: contacts.attack,
    "reed": lambda place: partial(contacts.contact, door=place.door),
    "nuki_contact": lambda place: partial(contacts.contact, door=place.door),
    "wiegand": _wiegand,
    "osdp": lambda place: partial(readers.osdp, device=place.name),
    "token_reader": lambda place: readers.token,
    "pir": _pir,
    "ld2410": lambda place: partial(rooms.ld2410, device=place.name),
    "ld2450": lambda place: partial(rooms.ld2450, device=place.name),
    "modbus_sound": _modbus,
    "i2s_microphone": _microphone,
    "warning_light": lambda place: partial(outputs.light, device=place.name, space=place.space),
    "intrusion_panel": lambda place: partial(outputs.panel, device=place.name),
    "strike": _lock,
    "nuki": _lock,
    "zigbee2mqtt": _lock,
    "shelly": _lock,
}
_ORDER: Final = {name: place for place, name in enumerate(_SCRIPTS)}


def benches(edge: EdgeConfig, facts: Facts, places: Places, only: Iterable[str] = ()) -> list[Bench]:
    """Everything to test in its order; raises ConfigError for a name in ``only`` that there is not."""
    found = [
        Bench(name, "machine", partial(outputs.look, device=name), where="", wiring=wiring)
        for name, wiring in (
            (DISK, edge.state),
            (CLOCK, ""),
            *([(RTC, edge.clock.rtc)] if edge.clock.rtc or edge.doors else []),
        )
    ]
    configs = [registry.read(table) for table in edge.devices]
    for config in sorted(configs, key=lambda each: _ORDER.get(each.driver, len(_ORDER))):
        place = _Place(config, edge, facts)
        script = _SCRIPTS.get(config.driver)
        found.append(
            Bench(
                config.device,
                config.driver,
                outputs.unknown if script is None else script(place),
                where=place.door or place.space,
                wiring=places.wiring(config),
                door=place.door,
            )
        )
    wanted = list(only)
    for name in wanted:
        if name not in (names := [each.device for each in found]):
            raise ConfigError(f"--only: there is no device {name!r}; there are {', '.join(names)}")
    return [each for each in found if not wanted or each.device in wanted]
