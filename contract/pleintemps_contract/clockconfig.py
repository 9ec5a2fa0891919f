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


class AgentClockConfig(ClockConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``rtc`` is the device of the battery-backed clock chip, such as ``/dev/rtc0``; none if empty."""

    rtc: str = ""

    def __post_init__(self) -> None:
        if self.rtc and self.source != "system":
            raise ValueError('rtc: goes with source = "system" only')


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
