"""What the self test looks at on this machine: clock chip, disk, the board's own name. At the rim."""

import os
from pathlib import Path
from typing import Final

from pleintemps_contract.commissioning import Chip, Machine
from pleintemps_edge.config import Setup
from pleintemps_edge.rtc import VL_BACKUP_EMPTY, VL_DATA_INVALID, LinuxRtc

MODEL: Final = Path("/proc/device-tree/model")
_MIB: Final = 2**20


def model(path: Path = MODEL) -> str:
    """The board as its firmware names it; empty where there is no such thing."""
    try:
        return path.read_bytes().rstrip(b"\0").decode(errors="replace")[:100]
    except OSError:
        return ""


def machine(setup: Setup) -> Machine:
    """Of this configuration."""

    def chip() -> Chip:
        reading = LinuxRtc(setup.base / setup.config.clock.rtc).read()
        if reading.at is None or (reading.flags or 0) & (VL_DATA_INVALID | VL_BACKUP_EMPTY):
            return Chip(None, "chip-stopped" if reading.answered else "chip-silent")
        return Chip(reading.at)

    def free_mib() -> float:
        found = os.statvfs(setup.state)
        return found.f_bavail * found.f_frsize / _MIB

    return Machine(chip=chip, free_mib=free_mib, model=model())
