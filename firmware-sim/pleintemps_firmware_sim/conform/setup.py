"""A tester's ``edge.toml`` as the bench needs it, and as an agent at the bench gets it.

What the agent refuses it says itself; here only what is wired to what is read. Defaults are those of the
agent's documentation.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from pleintemps_contract.identifiers import Slug
from pleintemps_firmware_sim.errors import ConformError

MAX_BYTES: Final = 2**20
SOFT: Final = frozenset({"i2s_microphone"})
"""Drivers whose samples take longer than all else; their devices are at the bench where they are meant."""
RADIO: Final = frozenset({"nuki", "zigbee2mqtt", "shelly"})
SERIAL: Final = frozenset({"ld2410", "ld2450", "modbus_sound", "token_reader", "osdp"})
OWN_TIME: Final = "its reader speaks OSDP, whose library reads the machine's clock: not in virtual time"


class Door(Struct, frozen=True, kw_only=True):
    """One ``[[doors]]`` table; times in seconds."""

    door: Slug
    lock: Slug
    contact: Slug | None = None
    readers: list[Slug] = []
    exit: Slug | None = None
    exit_releases: bool = False
    fire: Slug | None = None
    lockdown: Slug | None = None
    interlock: Slug | None = None
    release_s: float = 5
    open_s: float = 30
    extended_release_s: float = 15
    extended_open_s: float = 60
    relock: str = "open"
    relock_delay_s: float = 0
    pre_alarm_s: float = 5


class Panel(Struct, frozen=True, kw_only=True):
    panel: Slug
    device: Slug
    doors: list[Slug]


class Signal(Struct, frozen=True, kw_only=True):
    signal: Slug
    device: Slug
    space: Slug
    max_on_s: float = 900


class _File(Struct, frozen=True, kw_only=True):
    site: Slug
    agent: Slug
    devices: list[dict[str, Any]] = []
    doors: list[Door] = []
    panels: list[Panel] = []
    signals: list[Signal] = []
    mqtt: dict[str, Any] = field(default_factory=dict)
    building: dict[str, Any] | None = None
    clock: dict[str, Any] = field(default_factory=dict)


class Setup:
    """One configuration. ``path`` names it in reports."""

    def __init__(self, path: Path, tables: dict[str, Any]) -> None:
        """Raises ConformError where it is not even the outline of a configuration."""
        self.path = path
        self._tables = tables
        try:
            self.file = msgspec.convert(tables, _File, strict=True)
        except msgspec.ValidationError as error:
            raise ConformError(f"{path}: {str(error).replace('$.', '')}") from error
        self.devices: dict[str, Mapping[str, Any]] = {
            str(table.get("device")): table for table in self.file.devices
        }

    @classmethod
    def read(cls, path: Path) -> "Setup":
        """Raises ConformError of one line that names the file."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ConformError(f"{path}: {error.strerror or error}") from error
        if len(data) > MAX_BYTES:
            raise ConformError(f"{path}: more than {MAX_BYTES // 2**20} MiB")
        try:
            tables = tomllib.loads(data.decode())
        except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
            raise ConformError(f"{path}: not TOML: {error}") from error
        return cls(path, tables)

    @property
    def doors(self) -> list[Door]:
        return self.file.doors

    def driver(self, device: str | None) -> str:
        """The driver of a device; empty where there is none."""
        return "" if device is None else str(self.devices.get(device, {}).get("driver", ""))

    def of(self, *drivers: str) -> list[str]:
        """The devices with one of these drivers."""
        return [name for name in self.devices if self.driver(name) in drivers]

    def keypad(self, door: Door) -> str | None:
        """The first reader of ``door`` on which the bench can type."""
        for reader in door.readers:
            if self.driver(reader) == "wiegand" and self.devices[reader].get("bits", 4):
                return reader
        return None

    def holds_by_current(self, door: Door) -> bool:
        """A magnet, or anything else that is open without current."""
        return self.devices.get(door.lock, {}).get("wiring") == "energise-to-lock"

    def at_bench(self, folder: Path, *, microphones: bool) -> str:
        """The same configuration on keys, state, brokers and clock of the bench, below ``folder``."""
        tables = dict(self._tables)
        tables |= {
            "keys": str(folder / "keys"),
            "state": str(folder / "state"),
            "mqtt": {"url": "mqtt://127.0.0.1:1883"},
            "clock": {"source": "system"},
            "devices": [
                table | ({"key_file": str(folder / "osdp.key")} if table.get("driver") == "osdp" else {})
                for table in self.file.devices
                if microphones or table.get("driver") not in SOFT
            ],
        }
        if self.file.building is not None:
            tables["building"] = {"url": "mqtt://127.0.0.1:1884"}
        return toml(tables)


def toml(tables: Mapping[str, Any]) -> str:
    """TOML of plain values, tables and lists of tables."""
    head, rest = [], []
    for key, value in tables.items():
        if isinstance(value, Mapping):
            rest.append(_table(f"[{_value(key)}]", value))
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            rest += [_table(f"[[{_value(key)}]]", each) for each in value]
        else:
            head.append(f"{_value(key)} = {_value(value)}")
    return "\n".join([*head, *rest]) + "\n"


def _table(header: str, values: Mapping[str, Any]) -> str:
    return "\n".join([header, *(f"{_value(key)} = {_value(value)}" for key, value in values.items())])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_value(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value)  # with inf and nan as TOML spells them
    return json.dumps(value, default=str)
