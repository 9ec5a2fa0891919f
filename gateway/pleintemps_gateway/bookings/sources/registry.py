"""Which sources of bookings exist and what each wants to know: a table filled by one decorator per file."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic, TypeVar

from pleintemps_contract.configfile import convert
from pleintemps_contract.errors import ConfigError

from .base import Source, SourceConfig

HORIZON_MS: Final = 45 * 86_400_000
"""How far ahead a source is followed and codes are on the doors."""

C = TypeVar("C", bound=SourceConfig)


@dataclass(frozen=True, slots=True)
class Registration(Generic[C]):
    """One source: its name in configurations, its keys, and what makes it for a site's time zone."""

    kind: str
    config: type[C]
    make: Callable[[C, str], Source]


_SOURCES: Final[dict[str, Registration[Any]]] = {}

Make = TypeVar("Make", bound=Callable[..., Source])


def source(kind: str, config: type[SourceConfig]) -> Callable[[Make], Make]:
    """Register the decorated class ``(config, zone)`` as ``kind``; a kind that is taken is a ValueError."""

    def register(make: Make) -> Make:
        if kind in _SOURCES:
            raise ValueError(f"source {kind!r} of {make.__module__} is already there")
        _SOURCES[kind] = Registration(kind, config, make)
        return make

    return register


@cache
def _import_all() -> None:
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__, f"{__package__}."):
        importlib.import_module(module.name)


def sources() -> Mapping[str, Registration[Any]]:
    """All sources by kind; imports every module of this package at the first call."""
    _import_all()
    return _SOURCES


def read_config(table: Mapping[str, object]) -> SourceConfig:
    """One ``[[sites.feeds]]`` table as its source's record; raises ConfigError that names feed and key."""
    feed = table.get("feed")
    if not isinstance(feed, str):
        raise ConfigError("feeds: a feed without a name: set `feed`")
    kind = table.get("kind", "ical")
    if not isinstance(kind, str) or kind not in sources():
        raise ConfigError(
            f"feed {feed}: no kind {kind!r} - at `kind`; there are {', '.join(sorted(sources()))}"
        )
    config: SourceConfig = convert(f"feed {feed}", dict(table), sources()[kind].config)
    if config.tell_releases and not hasattr(sources()[kind].make, "released"):
        raise ConfigError(f"feed {feed}: {kind} cannot be told of releases - at `tell_releases`")
    return config


def build(config: SourceConfig, zone: str) -> Source:
    """The source of ``config`` for a site in the IANA zone ``zone``."""
    made: Source = sources()[config.kind].make(config, zone)
    return made
