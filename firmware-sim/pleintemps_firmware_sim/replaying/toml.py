"""An agent's configuration for a replay: the same devices and doors, other keys, and no clock chip."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pleintemps_firmware_sim.errors import DatasetError

UNPLAYED: Final = frozenset({"i2s_microphone", "osdp"})
"""Sound is never recorded; what an encrypted line carries cannot be played to another key."""


def replayable(table: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The configuration to play to, and the devices that cannot be played. Raises DatasetError."""
    config = dict(table)
    devices = [dict(each) for each in _tables(config, "devices")]
    left_out = [str(each.get("device")) for each in devices if each.get("driver") in UNPLAYED]
    config["devices"] = [each for each in devices if str(each.get("device")) not in left_out]
    doors = [dict(each) for each in _tables(config, "doors")]
    for door in doors:
        readers = door.get("readers")
        if isinstance(readers, list):
            door["readers"] = [name for name in readers if name not in left_out]
    config["doors"] = doors
    config |= {"keys": "keys", "state": "state", "mqtt": {"url": "mqtt://127.0.0.1:1883"}}
    config["clock"] = {"source": "system"}
    if config.get("building") is not None:
        config["building"] = {"url": "mqtt://127.0.0.1:1883"}
    return config, left_out


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
