"""One device broken on purpose: what can be wrong with each kind, and how the bench does it."""

from collections.abc import Callable, Mapping
from typing import Final

from pleintemps_firmware_sim.conform.setup import Setup
from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene
from pleintemps_firmware_sim.devices.ld2410 import Target as Body
from pleintemps_firmware_sim.devices.ld2450 import Target as Walker
from pleintemps_firmware_sim.devices.line_faults import LineFault
from pleintemps_firmware_sim.errors import ControlError

from .kit import RTC, Kit

Break = Callable[[Kit, Setup, str], None]
_FOR_EVER: Final = 1_000_000
_TEN_S: Final = 10_000
_WRONG_DB: Final = -6.0
_SLOW_NS: Final = (0, 4_000_000, 45_000_000)
"""A contact that is not at rest after 30 ms."""


def _pin(setup: Setup, device: str, key: str = "pin") -> int:
    return int(setup.devices[device][key])


def _stick(level: int | None) -> Break:
    """Held at a level, or where it rests now."""

    def apply(kit: Kit, setup: Setup, device: str) -> None:
        pin = _pin(setup, device)
        kit.board.stick(pin, (kit.board.level(pin) or 0) if level is None else level)

    return apply


def _active(kit: Kit, setup: Setup, device: str) -> None:
    pin = _pin(setup, device)
    kit.board.stick(pin, 1 - (kit.board.level(pin) or 0))


def _bounce(kit: Kit, setup: Setup, device: str) -> None:
    """Its springs are worn: each movement takes 45 ms to come to rest."""
    rig = kit.exits.get(device) or kit.contacts.get(device)
    if rig is not None:
        rig.worn(_SLOW_NS)
        return
    door = next(each for each in setup.doors if each.contact == device)
    kit.doors[door.door].way.reed.bounce_ns = _SLOW_NS


def _garble(kit: Kit, _setup: Setup, device: str) -> None:
    turn = iter(range(_FOR_EVER * _FOR_EVER))

    def spoilt(data: bytes) -> bytes:
        return bytes(byte ^ 0x55 if next(turn) % 7 == 0 else byte for byte in data)

    kit.serial[device].garble = spoilt


def _noise(kit: Kit, _setup: Setup, device: str) -> None:
    kit.serial[device].garble = lambda data: bytes(byte | 0x80 for byte in data)


def _unplugged(kit: Kit, _setup: Setup, device: str) -> None:
    kit.serial[device].unplug()


def _mute(kit: Kit, _setup: Setup, device: str) -> None:
    kit.faulty[device].spoil(LineFault.DROP, _FOR_EVER)


def _ghost(kit: Kit, _setup: Setup, device: str) -> None:
    """A curtain: whatever it sees, there is somebody."""
    radar = kit.radars[device]
    if isinstance(radar, Ld2410):
        see = radar.see
        radar.see = lambda scene: see(Scene((*scene.targets, Body(160, moving=False))))  # type: ignore[method-assign]
    else:
        follow = radar.see
        radar.see = lambda targets, now: follow((*targets, Walker(200, 1_600, 20))[:3], now)  # type: ignore[method-assign]


def _blind(kit: Kit, _setup: Setup, device: str) -> None:
    kit.quiet.add(device)


def _swapped(kit: Kit, _setup: Setup, device: str) -> None:
    kit.change_over(device)


def _one_line(kit: Kit, setup: Setup, device: str) -> None:
    kit.board.stick(_pin(setup, device, "d1"), 1)


def _deaf(kit: Kit, _setup: Setup, device: str) -> None:
    kit.quiet.add(device)


def _wrong_level(kit: Kit, _setup: Setup, device: str) -> None:
    kit.off_db[device] = _WRONG_DB


def _frozen(kit: Kit, _setup: Setup, device: str) -> None:
    kit.meters[device].freeze(True)


def _damaged(kit: Kit, _setup: Setup, device: str) -> None:
    kit.meters[device].damage(_FOR_EVER)


def _silent_meter(kit: Kit, _setup: Setup, device: str) -> None:
    kit.meters[device].mute(True)


def _zeros(kit: Kit, _setup: Setup, device: str) -> None:
    kit.microphones[device].dead = True


def _muted_reader(kit: Kit, _setup: Setup, device: str) -> None:
    kit.readers[device].mute(True)


def _other_key(kit: Kit, _setup: Setup, device: str) -> None:
    kit.readers[device].key = bytes(range(16))
    kit.readers[device].restart()


def _dark(kit: Kit, _setup: Setup, device: str) -> None:
    kit.dark.add(device)


def _jam(kit: Kit, setup: Setup, device: str) -> None:
    """The bolt stays where it holds the door."""
    door = next(each for each in setup.doors if each.lock == device)
    kit.jam(door.door)


def _loose(kit: Kit, setup: Setup, device: str) -> None:
    """A bolt that does not hold: broken, or mounted the wrong way round."""
    door = next(each for each in setup.doors if each.lock == device)
    kit.loosen(door.door)


def _uncut(kit: Kit, setup: Setup, device: str) -> None:
    kit.uncut.add(device)


def _unheard(kit: Kit, setup: Setup, device: str) -> None:
    door = next(each for each in setup.doors if each.lock == device)
    kit.cut_radio(door.door)


def _dead_panel(kit: Kit, _setup: Setup, device: str) -> None:
    kit.panels[device].put = lambda is_set: None  # type: ignore[method-assign]


def _dead_chip(kit: Kit, _setup: Setup, _device: str) -> None:
    kit.chip_answers = False


def _stopped_chip(kit: Kit, _setup: Setup, _device: str) -> None:
    kit.chip.stop()


def _wrong_chip(kit: Kit, _setup: Setup, _device: str) -> None:
    kit.set_chip(2 * _TEN_S)


_CONTACT: Final[Mapping[str, Break]] = {"silent": _stick(None), "cut": _stick(1), "bounce": _bounce}
_LOOP: Final[Mapping[str, Break]] = {"silent": _stick(None), "cut": _active, "bounce": _bounce}
_RADAR: Final[Mapping[str, Break]] = {
    "silent": _mute,
    "unplugged": _unplugged,
    "garbage": _garble,
    "ghost": _ghost,
    "blind": _blind,
}
_RADIO: Final[Mapping[str, Break]] = {"deaf": _unheard, "jammed": _jam}

FAULTS: Final[Mapping[str, Mapping[str, Break]]] = {
    "reed": _CONTACT,
    "rex": {"silent": _stick(None), "pressed": _active, "bounce": _bounce},
    "lockdown_button": {"silent": _stick(None)},
    "fire": _LOOP,
    "tamper": _LOOP,
    "pir": {"silent": _stick(None), "stuck": _active},
    "ld2410": _RADAR,
    "ld2450": _RADAR,
    "modbus_sound": {
        "silent": _silent_meter,
        "garbage": _damaged,
        "wrong-level": _wrong_level,
        "frozen": _frozen,
    },
    "i2s_microphone": {"zeros": _zeros, "wrong-level": _wrong_level},
    "wiegand": {"silent": _deaf, "reversed": _swapped, "one-line": _one_line},
    "osdp": {"silent": _muted_reader, "other-key": _other_key, "dark": _dark},
    "token_reader": {"silent": _deaf, "garbage": _noise},
    "warning_light": {"dark": _dark},
    "intrusion_panel": {"silent": _dead_panel},
    "strike": {"jammed": _jam, "loose": _loose},
    "nuki": _RADIO,
    "zigbee2mqtt": _RADIO,
    "shelly": {"deaf": _unheard},
    "machine": {"silent": _dead_chip, "stopped": _stopped_chip, "wrong": _wrong_chip},
}
"""By driver, the usual one first."""
UNCUT: Final[Mapping[str, Break]] = {"uncut": _uncut}
"""Of magnets besides."""


def faults(setup: Setup, device: str) -> Mapping[str, Break]:
    """What can be broken of a device; nothing for one that cannot."""
    if device == RTC:
        return FAULTS["machine"]
    table = setup.devices.get(device)
    if table is None:
        raise ControlError(f"there is no device {device!r}; there are {', '.join([*setup.devices, RTC])}")
    found = dict(FAULTS.get(setup.driver(device), {}))
    if table.get("wiring") == "energise-to-lock":
        found |= UNCUT
    if setup.driver(device) in ("strike", "nuki", "zigbee2mqtt", "shelly") and not any(
        door.lock == device for door in setup.doors
    ):
        return {}
    return found


def named(setup: Setup, text: str) -> tuple[str, Break]:
    """``DEVICE`` or ``DEVICE=FAULT``; raises ControlError."""
    device, _, fault = text.partition("=")
    known = faults(setup, device)
    if not known:
        raise ControlError(f"{device} cannot be broken here")
    if fault and fault not in known:
        raise ControlError(f"{device} has no fault {fault!r}; there are {', '.join(known)}")
    return device, known[fault or next(iter(known))]
