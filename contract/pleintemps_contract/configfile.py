"""TOML files as typed records: unknown keys are refused by name."""

import tomllib
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from .errors import ConfigError

T = TypeVar("T")

MAX_BYTES: Final = 16 * 2**20


def load_toml(path: Path, record: type[T]) -> T:
    """Read ``path`` as ``record`` (structs that forbid unknown fields); raises ConfigError of one line."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: more than {MAX_BYTES // 2**20} MiB")
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return convert(str(path), table, record)


def convert(where: str, table: object, record: type[T]) -> T:
    """``table`` as ``record``; raises ConfigError that names ``where`` and the key."""
    try:
        return msgspec.convert(table, record, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}".replace("`$.", "`").replace(" - at `$`", "")) from error
