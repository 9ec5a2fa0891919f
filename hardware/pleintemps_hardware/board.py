"""A board's pin map, and whether a configuration fits on it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import msgspec

from pleintemps_contract.configfile import convert
from pleintemps_contract.errors import ConfigError


class BoardPin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pin that software can use: BCM number, place on the header, what else it can be.

    ``reserved`` says what a pin is kept for, if no device may have it.
    """

    bcm: int
    header: int
    functions: tuple[str, ...] = ()
    reserved: str = ""


class SerialPort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A serial port on the header: its two BCM pins and the device files that lead to it."""

    name: str
    tx: int
    rx: int
    devices: tuple[str, ...]


class HeaderRail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pins of the header that give a supply or ground."""

    rail: Literal["3v3", "5v", "gnd"]
    volts: float
    headers: tuple[int, ...]


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A header's pins and serial ports; ``volts`` is the level of every pin, inputs stand no more."""

    name: str
    title: str
    volts: float
    pins: tuple[BoardPin, ...]
    serial: tuple[SerialPort, ...] = ()
    rails: tuple[HeaderRail, ...] = ()

    def pin(self, bcm: int) -> BoardPin | None:
        return next((pin for pin in self.pins if pin.bcm == bcm), None)


@dataclass(frozen=True, slots=True)
class PinUse:
    """``device`` takes the pin with BCM number ``pin``."""

    device: str
    pin: int


@dataclass(frozen=True, slots=True)
class PortUse:
    """``device`` takes the serial port with device file ``port``."""

    device: str
    port: str


def names() -> list[str]:
    """The boards there are."""
    files = resources.files(f"{__package__}.boards").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load(name: str) -> Board:
    """The pin map of board ``name``; raises ConfigError that names those there are."""
    if name not in names():
        raise ConfigError(f"board: there is no {name!r}; there are {', '.join(names())}")
    text = resources.files(f"{__package__}.boards").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return convert(f"board {name}", tomllib.loads(text), Board)


def check(board: Board, uses: Iterable[PinUse | PortUse]) -> list[str]:
    """What does not fit, a line each that begins with the rule's name: unknown, reserved and doubly used pins
    and ports.
    """
    uses = list(uses)
    ports = [use for use in uses if isinstance(use, PortUse)]
    problems: list[str] = []
    owners: dict[int, str] = {}
    owned: dict[str, str] = {}
    for use in ports:
        serial = next((port for port in board.serial if use.port in port.devices), None)
        key = serial.name if serial else use.port
        if key in owned:
            problems.append(
                f"port-twice: device {use.device}: port {use.port} is already {owned[key]}'s: take another"
            )
            continue
        owned[key] = use.device
        if serial:
            for pin in (serial.tx, serial.rx):
                owners[pin] = f"{use.device} ({serial.name})"
    for pin_use in uses:
        if isinstance(pin_use, PinUse):
            problems += _pin_problems(board, pin_use, owners)
    return problems


def _pin_problems(board: Board, use: PinUse, owners: dict[int, str]) -> list[str]:
    """Problems of one use; notes in ``owners`` whose the pin is from now on."""
    where, todo = f"device {use.device}: pin {use.pin}", "take another pin"
    pin = board.pin(use.pin)
    if pin is None:
        return [f"pin-unknown: {where} is not on the header of {board.name}: {todo}"]
    if pin.reserved:
        return [f"pin-reserved: {where} (header {pin.header}) is kept for {pin.reserved}: {todo}"]
    if use.pin in owners:
        return [f"pin-twice: {where} (header {pin.header}) is already taken by {owners[use.pin]}: {todo}"]
    owners[use.pin] = use.device
    return []
