"""Registration, configuration errors, and the documentation's tables."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pleintemps_contract.errors import ConfigError
from pleintemps_edge.drivers import registry
from pleintemps_edge.drivers.base import Driver, Lock
from pleintemps_edge.drivers.registry import (
    Context,
    DeviceConfig,
    build,
    config_pins,
    config_ports,
    drivers,
    read,
)

DOCS = Path(__file__).parents[3] / "docs" / "drivers.md"
PIR: dict[str, Any] = {"device": "hall-pir", "driver": "pir", "space": "hall", "pin": 17}
METER: dict[str, Any] = {
    "device": "hall-meter",
    "driver": "modbus_sound",
    "space": "hall",
    "port": "ttyUSB0",
    "baud": 4800,
    "address": 1,
    "register": 0,
    "scale": 0.1,
    "quantity": "level",
    "poll_s": 1.0,
}
KEYPAD: dict[str, Any] = {"device": "hall-keypad", "driver": "wiegand", "d0": 23, "d1": 24, "bits": 4}


def test_a_name_that_is_taken_fails_loudly() -> None:
    before = dict(drivers())
    with pytest.raises(ValueError, match=r"driver 'pir' of .* is already pleintemps_edge\.drivers\.pir's"):

        @registry.driver("pir", DeviceConfig)
        def another(config: DeviceConfig, context: Context) -> Driver | Lock:
            raise AssertionError

    assert drivers() == before


def test_the_drivers_of_the_house_are_registered() -> None:
    assert {name: each.serves for name, each in drivers().items()} == {
        "fire": "fire",
        "i2s_microphone": None,
        "intrusion_panel": "panel",
        "warning_light": "signal",
        "ld2410": None,
        "ld2450": None,
        "lockdown_button": "lockdown",
        "modbus_sound": None,
        "nuki": "lock",
        "nuki_contact": "contact",
        "osdp": "readers",
        "pir": None,
        "reed": "contact",
        "rex": "exit",
        "shelly": "lock",
        "strike": "lock",
        "tamper": None,
        "token_reader": "readers",
        "wiegand": "readers",
        "zigbee2mqtt": "lock",
    }


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "set `device`"),
        ({"device": 5}, "set `device`"),
        ({"device": "hall-pir"}, "device hall-pir: no driver None - at `driver`; there are fire, "),
        ({"device": "hall-pir", "driver": "pyr"}, "device hall-pir: no driver 'pyr' - at `driver`"),
        ({"device": "hall-pir", "driver": ["pir"]}, "device hall-pir: no driver"),
        (PIR | {"pni": 17}, "device hall-pir: .* unknown field `pni`"),
        ({key: PIR[key] for key in ("device", "driver", "space")}, "device hall-pir: .* `pin`"),
        (PIR | {"pin": "17"}, "device hall-pir: .*`pin`"),
        (PIR | {"pin": 54}, "device hall-pir: .*`pin`"),
        (PIR | {"device": "Hall PIR"}, "device Hall PIR: .*`device`"),
        (PIR | {"warm_up_s": -1}, "device hall-pir: .*`warm_up_s`"),
        (KEYPAD | {"bits": 26}, "device hall-keypad: .*`bits`"),
        (KEYPAD | {"d1": 23}, "device hall-keypad: .*`d0` and `d1` are the same pin"),
        (METER | {"baud": 4801}, "device hall-meter: .*`baud`"),
        (METER | {"address": 0}, "device hall-meter: .*`address`"),
        (METER | {"quantity": "motion"}, "device hall-meter: `quantity` of a sound meter"),
        (METER | {"quantity": "loudness"}, "device hall-meter: .*`quantity`"),
        (METER | {"poll_s": 100}, "device hall-meter: `poll_s` is longer than `max_silence_s`"),
    ],
)
def test_a_wrong_table_names_device_and_key(table: dict[str, Any], words: str, context: Context) -> None:
    with pytest.raises(ConfigError, match=words):
        build(table, context)


@pytest.mark.parametrize(
    ("table", "pins", "ports"),
    [
        (KEYPAD, (23, 24), ()),
        (METER, (), ("ttyUSB0",)),
        (PIR, (17,), ()),
        (PIR | {"driver": "reed"}, (17,), ()),
        ({"device": "hall-strike", "driver": "strike", "pin": 27}, (27,), ()),
        ({"device": "hall-lock", "driver": "strike", "pin": 27, "bolt_pin": 22}, (27, 22), ()),
        (KEYPAD | {"led": 5, "buzzer": 6}, (23, 24, 5, 6), ()),
        ({"device": "hall-handle", "driver": "rex", "pin": 5}, (5,), ()),
        ({"device": "fire-panel", "driver": "fire", "pin": 5}, (5,), ()),
        ({"device": "hall-radar", "driver": "ld2410", "space": "hall", "port": "radar"}, (), ("radar",)),
    ],
)
def test_a_config_tells_its_pins_and_ports(
    table: dict[str, Any], pins: tuple[int, ...], ports: tuple[str, ...]
) -> None:
    config = read(table)
    assert (config_pins(config), config_ports(config)) == (pins, ports)


def test_a_port_is_relative_to_the_configuration(context: Context) -> None:
    assert context.port("pts/radar") == context.base / "pts" / "radar"
    assert context.port("/dev/ttyAMA0") == Path("/dev/ttyAMA0")


def documented() -> dict[str, dict[str, str]]:
    """The tables of keys in the documentation: driver -> key -> default (`required` where there is none)."""
    found: dict[str, dict[str, str]] = {}
    name = ""
    for text in DOCS.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"### `(\w+)`.*", text):
            name = heading[1]
            found[name] = {}
        elif name and (row := re.match(r"\| `(\w+)` \| ([^|]*) \|", text)):
            found[name][row[1]] = row[2].strip().strip("`")
    return found


def test_the_documentation_lists_every_key_with_its_default() -> None:
    actual = {
        name: {
            field.name: "required" if field.required else msgspec.json.encode(field.default).decode()
            for field in msgspec.structs.fields(registration.config)
            if field.name not in ("device", "driver")
        }
        for name, registration in drivers().items()
    }
    assert documented() == actual


def test_the_skeleton_of_the_documentation_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_DRIVERS", dict(drivers()))
    [skeleton] = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    package = registry.__package__
    exec(skeleton, {"__name__": f"{package}.leak", "__package__": package})
    assert read({"device": "cellar", "driver": "leak", "space": "cellar", "pin": 4}).pins() == (4,)
