"""The clock as a configuration names it: the machine's own, or a simulator's on a local socket."""

from pathlib import Path
from typing import Literal

import msgspec

from .errors import ConfigError
from .keyfiles import Purpose
from .simclock import SimulatedWorld
from .world import SystemWorld, World


class ClockConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Literal["system", "simulated"] = "system"
    socket: str = ""


def open_world(config: ClockConfig, base: Path, purpose: Purpose) -> World:
    """The World that ``config`` asks for; ``base`` is the folder of the configuration file.

    Raises ConfigError for a simulated clock without demo keys, ClockError if it does not answer.
    """
    if config.source == "system":
        return SystemWorld()
    if purpose != "demo":
        raise ConfigError('clock.source = "simulated" goes with demo keys only')
    if not config.socket:
        raise ConfigError("clock.socket: name the Unix socket of the simulated clock")
    return SimulatedWorld(base / config.socket)
