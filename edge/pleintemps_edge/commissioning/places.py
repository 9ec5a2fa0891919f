"""Where a device's wires end: the header, and the screw terminals where the board is a kit. Pure."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pleintemps_edge.drivers.registry import DeviceConfig
from pleintemps_hardware import board, kit


@dataclass(frozen=True, slots=True)
class Places:
    """Words for pins (BCM numbers) and for serial ports, by their device files."""

    pins: dict[int, str] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str | None, base: Path) -> Self:
        """Of the board or kit of a configuration; raises ConfigError for one that there is not."""
        if name is None:
            return cls()
        if name in board.names():
            return cls({pin.bcm: f"header {pin.header}" for pin in board.load(name).pins})
        profile = kit.load(name, base)
        header = board.load(profile.board)
        pins: dict[int, str] = {}
        for terminal in profile.terminals:
            pin = header.pin(terminal.pin) if terminal.pin is not None else None
            if pin is not None:
                words = f"{terminal.terminal} {terminal.title}, header {pin.header}"
                pins[pin.bcm] = f"{pins[pin.bcm]}; {words}" if pin.bcm in pins else words
        return cls(pins, {device: port.title for port in profile.ports for device in port.devices})

    def wiring(self, config: DeviceConfig) -> str:
        """Where the wires of a device end."""
        words = []
        for name, number in pins(config).items():
            place = f" ({self.pins[number]})" if number in self.pins else ""
            words.append(f"{name}: BCM {number}{place}")
        for port in config.ports():
            place = f" ({self.ports[port]})" if port in self.ports else ""
            words.append(f"port {port}{place}")
        return ", ".join(words)


def pins(config: DeviceConfig) -> dict[str, int]:
    """The pins of a device by their keys in the configuration."""
    named: dict[str, Any] = {name: getattr(config, name) for name in config.__struct_fields__}
    taken = config.pins()
    return {
        name: value
        for name, value in named.items()
        if isinstance(value, int) and value in taken and _pin(name)
    }


def _pin(name: str) -> bool:
    return name in ("pin", "d0", "d1", "led", "led_green", "led_red", "buzzer") or name.endswith("_pin")
