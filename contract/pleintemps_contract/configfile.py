"""TOML files as typed records: unknown keys are refused by name."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from .errors import ConfigError

T = TypeVar("T")


def load_toml(path: Path, record: type[T]) -> T:
    """Read ``path`` as ``record`` (structs that forbid unknown fields); raises ConfigError of one line."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return convert(str(path), table, record)


def convert(where: str, table: object, record: type[T]) -> T:
    """``table`` as ``record``; raises ConfigError that names ``where`` and the key."""
    try:
        return msgspec.convert(table, record, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}".replace("`$.", "`").replace(" - at `$`", "")) from error
