"""A room with people in it, seen and heard by its devices."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log10

from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene, Target
from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter
from pleintemps_firmware_sim.devices.pir import Pir

from .plan import RoomPlan


@dataclass(slots=True)
class Occupant:
    """Somebody, or some people together: where, whether they move, how loud they are at the meter."""

    distance_cm: int = 200
    moving: bool = True
    level_db: float | None = None


def total_level(quiet_db: float, levels: Iterable[float]) -> float:
    """Sources add by energy: two of 60 dB make 63 dB."""
    energy = 10 ** (quiet_db / 10) + sum(10 ** (level / 10) for level in levels)
    return 10 * log10(energy)


class Room:
    """Cores of the room's devices and who is in it. The rim calls :meth:`advance` and moves the bytes and
    levels.
    """

    def __init__(self, plan: RoomPlan, now: int, *, pir_hold_ms: int = 3_000) -> None:
        self.plan = plan
        # the building has been powered for long: its sensors are warm
        self.pir = Pir(now, hold_ms=pir_hold_ms, warm_up_ms=0)
        self.radar = Ld2410(now) if plan.radar else None
        self.meter = ModbusSoundMeter() if plan.meter else None
        self.occupants: dict[str, Occupant] = {}
        self._sensed: list[tuple[int, bool, float | None]] | None = None
        self._scene = Scene()
        self._level = 0.0

    def advance(self, now: int) -> int:
        """Let the devices sense the room at ``now``; returns the level of the motion sensor's output."""
        present = [(one.distance_cm, one.moving, one.level_db) for one in self.occupants.values()]
        if present != self._sensed:
            self._sensed = present
            self._scene = Scene(tuple(Target(distance, moving) for distance, moving, _ in present))
            self._level = self.level
        if any(moving for _, moving, _ in present):
            self.pir.motion(now)
        if self.radar is not None:
            self.radar.see(self._scene)
        if self.meter is not None:
            self.meter.hear(self._level)
        return self.pir.output(now)

    @property
    def level(self) -> float:
        """dB at the meter."""
        levels = [one.level_db for one in self.occupants.values() if one.level_db is not None]
        return total_level(self.plan.quiet_db, levels)
