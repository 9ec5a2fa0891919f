"""An agent's configuration for a replay: the same devices and doors, other keys, and no clock chip."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pleintemps_firmware_sim.errors import DatasetError

_SILENT: Final = "i2s_microphone"
"""Sound is never recorded."""
_ENCRYPTED: Final = "osdp"
"""Its bytes mean nothing to another key: its keys and cards come over two spare pins instead."""
_PINS: Final = range(2, 28)


class Replayable(NamedTuple):
    """A configuration to play to. ``left_out`` are the devices that are not played as such; where a keypad
    with two wires is in the place of one, ``stand_ins`` names its pins.
    """

    config: dict[str, Any]
    left_out: list[str]
    stand_ins: dict[str, tuple[int, int]]


def replayable(table: Mapping[str, Any], cards: Container[str] = ()) -> Replayable:
    """The configuration for a replay; ``cards`` are the readers that read cards. Raises DatasetError."""
    config = dict(table)
    config.pop("board", None)
    devices = [dict(each) for each in _tables(config, "devices")]
    taken = {value for each in devices for value in each.values() if isinstance(value, int)}
    spare = [pin for pin in _PINS if pin not in taken]
    kept: list[dict[str, Any]] = []
    left_out: list[str] = []
    stand_ins: dict[str, tuple[int, int]] = {}
    for each in devices:
        name = str(each.get("device"))
        if each.get("driver") not in (_SILENT, _ENCRYPTED):
            kept.append(each)
            continue
        left_out.append(name)
        if each.get("driver") == _ENCRYPTED and len(spare) >= 2:
            d0, d1 = stand_ins[name] = (spare.pop(), spare.pop())
            kept.append({"device": name, "driver": "wiegand", "d0": d0, "d1": d1})
            if name in cards:
                kept[-1]["cards"] = [26, 34]
    config["devices"] = kept
    gone = set(left_out) - stand_ins.keys()
    doors = [dict(each) for each in _tables(config, "doors")]
    for door in doors:
        readers = door.get("readers")
        if isinstance(readers, list):
            door["readers"] = [name for name in readers if name not in gone]
    config["doors"] = doors
    config |= {"keys": "keys", "state": "state", "mqtt": {"url": "mqtt://127.0.0.1:1883"}}
    config["clock"] = {"source": "system"}
    if config.get("building") is not None:
        config["building"] = {"url": "mqtt://127.0.0.1:1883"}
    return Replayable(config, left_out, stand_ins)


def _tables(config: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = config.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise DatasetError(f"configuration: {name} is no list of tables")
    return found


def written(config: Mapping[str, Any]) -> str:
    """``config`` as TOML. Raises DatasetError for what TOML has no word for."""
    plain = {key: value for key, value in config.items() if not _is_table(value)}
    parts = [_lines(plain)]
    for key, value in config.items():
        if isinstance(value, Mapping):
            parts.append(f"[{_key(key)}]\n{_lines(value)}")
        elif _is_table(value):
            parts += [f"[[{_key(key)}]]\n{_lines(each)}" for each in value]
    return "\n".join(parts)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)
    )


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items() if value is not None)


def _key(key: str) -> str:
    return _value(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        escaped = "".join(
            f"\\U{ord(char):08x}" if char in '"\\' or not char.isprintable() else char for char in value
        )
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    raise DatasetError(f"configuration: {type(value).__name__} is nothing that a configuration holds")
