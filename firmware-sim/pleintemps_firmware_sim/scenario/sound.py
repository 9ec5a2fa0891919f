"""What a source comes to at a room's meter (Kuttruff, Room Acoustics: direct and diffuse field)."""

from math import log10, pi
from typing import Final

from .plan import RoomPlan

_POWER_DB: Final = 10 * log10(4 * pi)
"""From the level at 1 m in the open to the power of a source that is small and alike in all directions."""
_SABINE: Final = 0.161
"""s/m: absorption (m2) times reverberation (s) over volume (m3)."""


def at_meter(room: RoomPlan, db_at_1m: float, distance_m: float) -> float:
    """dB at the meter of a source that has ``db_at_1m`` in the open, ``distance_m`` (more than 0) away."""
    absorption = _SABINE * room.volume_m3 / room.reverberation_s
    share = 1 / (4 * pi * distance_m**2) + 4 / absorption
    return db_at_1m + _POWER_DB + 10 * log10(share)
