"""The demo building on paper: doors, rooms, what is wired to which pin of which agent."""

from dataclasses import dataclass
from typing import Literal

from pleintemps_firmware_sim.devices.door import LockKind

STREET = "street"


@dataclass(frozen=True, slots=True)
class DoorPlan:
    """A door with keypad, lock, reed contact and inside handle; numbers are BCM pins of ``agent``'s board."""

    door: str
    name: str
    agent: str
    from_: str
    to: str
    d0: int
    d1: int
    lock_pin: int
    reed_pin: int
    exit_pin: int
    bits: Literal[4, 8] = 4
    lock: LockKind = "strike"
    release_s: int = 5
    open_s: int = 20


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """A space with a motion sensor on ``pir_pin``; rooms may have a radar and a sound meter on serial ports,
    and a light on ``light_pin`` that warns of noise.

    ``quiet_db`` is its level when nobody makes a sound.
    """

    space: str
    name: str
    agent: str
    pir_pin: int
    capacity: int = 0
    bookable: bool = True
    radar: bool = False
    meter: bool = False
    quiet_db: float = 36.0
    light_pin: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One site."""

    site: str
    name: str
    zone: str
    doors: tuple[DoorPlan, ...]
    rooms: tuple[RoomPlan, ...]

    @property
    def agents(self) -> list[str]:
        return sorted({door.agent for door in self.doors} | {room.agent for room in self.rooms})

    def room(self, space: str) -> RoomPlan:
        """Raises KeyError."""
        return {room.space: room for room in self.rooms}[space]

    def way_to(self, space: str) -> list[DoorPlan]:
        """Doors from the street to ``space``, in order of walking; raises KeyError if no door leads there."""
        into = {door.to: door for door in self.doors}
        way = [into[space]]
        while way[0].from_ != STREET:
            way.insert(0, into[way[0].from_])
        return way


@dataclass(frozen=True, slots=True)
class Rules:
    """The gateway's rules, pressed together so that an evening fits into a minute. Seconds and decibels."""

    lead_s: int = 30
    tail_s: int = 3
    no_show_after_s: int = 8
    overstay_after_s: int = 60
    unexpected_after_s: int = 3
    left_after_s: int = 4
    agent_silent_after_s: int = 120
    noise_window_s: int = 8
    noise_limit_db: int = 80
    noise_quiet_limit_db: int = 75
    noise_warn_first_s: int = 4


SAINT_AUBIN = Plan(
    site="saint-aubin",
    name="Saint-Aubin",
    zone="Europe/Paris",
    doors=(
        DoorPlan("gate", "Portail", "entrance", STREET, "yard", 5, 6, 12, 13, 19, bits=8),
        DoorPlan("classroom", "Salle de classe", "entrance", "yard", "classroom", 23, 24, 25, 16, 20),
        DoorPlan("hall", "Salle des fêtes", "hall", "yard", "hall", 23, 24, 27, 22, 19),
        DoorPlan(
            "office", "Bureau des associations", "hall", "yard", "office", 5, 6, 12, 13, 20, lock="maglock"
        ),
    ),
    rooms=(
        RoomPlan("yard", "Cour", "entrance", 17, bookable=False),
        RoomPlan("classroom", "Salle de classe", "entrance", 26, capacity=30, radar=True, meter=True),
        RoomPlan("hall", "Salle des fêtes", "hall", 17, capacity=120, radar=True, meter=True, light_pin=16),
        RoomPlan("office", "Bureau des associations", "hall", 26, capacity=6),
    ),
)
