"""The demo building on paper: doors, rooms, what is wired to which pin of which agent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

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
    radio: bool = False
    """Its lock is a motor lock behind Zigbee2MQTT; ``lock_pin`` and ``lock`` mean nothing then."""
    cards: bool = False
    """Its reader takes cards of 26 and 34 bits, too."""


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """A space with a motion sensor on ``pir_pin``; rooms may have a radar and a sound meter on serial ports,
    and a light on ``light_pin`` that warns of noise.

    ``quiet_db`` is its level when nobody makes a sound; ``volume_m3`` and ``reverberation_s`` say what
    a sound comes to at the meter.
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
    volume_m3: float = 300.0
    reverberation_s: float = 0.8


@dataclass(frozen=True, slots=True)
class FirePlan:
    """A contact of the fire panel that serves all doors of ``agent``: closed to ground at rest, open in a
    fire.
    """

    agent: str
    pin: int


Part = Literal["pir", "radar", "meter", "lamp", "keypad", "reed", "handle", "lock", "fire"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One site."""

    site: str
    name: str
    zone: str
    doors: tuple[DoorPlan, ...]
    rooms: tuple[RoomPlan, ...]
    fires: tuple[FirePlan, ...] = ()

    @property
    def agents(self) -> list[str]:
        return sorted({door.agent for door in self.doors} | {room.agent for room in self.rooms})

    def room(self, space: str) -> RoomPlan:
        """Raises KeyError."""
        return {room.space: room for room in self.rooms}[space]

    def door(self, name: str) -> DoorPlan:
        """Raises KeyError."""
        return {door.door: door for door in self.doors}[name]

    def devices(self) -> dict[str, tuple[Part, str]]:
        """Every device by the name that configurations give it: what it is, and its space, door or agent."""
        found: dict[str, tuple[Part, str]] = {}
        for room in self.rooms:
            found[f"{room.space}-pir"] = ("pir", room.space)
            if room.radar:
                found[f"{room.space}-radar"] = ("radar", room.space)
            if room.meter:
                found[f"{room.space}-meter"] = ("meter", room.space)
            if room.light_pin is not None:
                found[f"{room.space}-lamp"] = ("lamp", room.space)
        doors: tuple[Part, ...] = ("keypad", "reed", "handle", "lock")
        for door in self.doors:
            found |= {f"{door.door}-{part}": (part, door.door) for part in doors}
        return found | {f"{fire.agent}-fire": ("fire", fire.agent) for fire in self.fires}

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
    poll_s: int = 1
    """Between two readings of the calendar."""


LIFE: Final = Rules(
    lead_s=900,
    tail_s=900,
    no_show_after_s=900,
    overstay_after_s=900,
    unexpected_after_s=120,
    left_after_s=300,
    agent_silent_after_s=120,
    noise_window_s=900,
    noise_limit_db=75,
    noise_quiet_limit_db=65,
    noise_warn_first_s=300,
    poll_s=60,
)
"""As they are where nobody has set any: those of scenarios."""

SAINT_AUBIN = Plan(
    site="saint-aubin",
    name="Saint-Aubin",
    zone="Europe/Paris",
    doors=(
        DoorPlan("gate", "Portail", "entrance", STREET, "yard", 5, 6, 12, 13, 19, bits=8),
        DoorPlan("classroom", "Salle de classe", "entrance", "yard", "classroom", 23, 24, 25, 16, 20),
        DoorPlan("hall", "Salle des fêtes", "hall", "yard", "hall", 23, 24, 27, 22, 19),
        DoorPlan(
            "office",
            "Bureau des associations",
            "hall",
            "yard",
            "office",
            5,
            6,
            12,
            13,
            20,
            lock="maglock",
            cards=True,
        ),
    ),
    rooms=(
        RoomPlan("yard", "Cour", "entrance", 17, bookable=False),
        RoomPlan("classroom", "Salle de classe", "entrance", 26, capacity=30, radar=True, meter=True),
        RoomPlan("hall", "Salle des fêtes", "hall", 17, capacity=120, radar=True, meter=True, light_pin=16),
        RoomPlan("office", "Bureau des associations", "hall", 26, capacity=6),
    ),
)


SCHOOL = Plan(
    site="jules-ferry",
    name="École Jules-Ferry",
    zone="Europe/Paris",
    doors=(
        DoorPlan("gate", "Portail", "north", STREET, "yard", 5, 6, 12, 13, 19, bits=8),
        DoorPlan("gym", "Gymnase", "north", "yard", "gym", 23, 24, 25, 16, 20),
        DoorPlan("canteen", "Cantine", "south", "yard", "canteen", 5, 6, 12, 13, 19),
        DoorPlan("music", "Salle de musique", "south", "yard", "music", 23, 24, 25, 16, 20),
    ),
    rooms=(
        RoomPlan("yard", "Cour", "north", 17, bookable=False),
        RoomPlan(
            "gym",
            "Gymnase",
            "north",
            26,
            capacity=200,
            radar=True,
            meter=True,
            light_pin=27,
            volume_m3=3_000,
            reverberation_s=1.8,
        ),
        RoomPlan("canteen", "Cantine", "south", 17, capacity=120, radar=True, meter=True, volume_m3=600),
        RoomPlan("music", "Salle de musique", "south", 26, capacity=30, radar=True, meter=True, light_pin=27),
    ),
    fires=(FirePlan("north", 22), FirePlan("south", 22)),
)
ANNEX = Plan(
    site="annex",
    name="Annexe",
    zone="Europe/Paris",
    doors=(DoorPlan("annex", "Annexe", "annex", STREET, "studio", 5, 6, 12, 13, 19, radio=True),),
    rooms=(RoomPlan("studio", "Studio", "annex", 17, capacity=12, radar=True, meter=True),),
)
CLUB_HOUSE = Plan(
    site="club-house",
    name="Maison des associations",
    zone="Europe/Paris",
    doors=(DoorPlan("hall", "Salle", "hall", STREET, "hall", 23, 24, 27, 22, 19),),
    rooms=(RoomPlan("hall", "Salle", "hall", 17, capacity=60, radar=True, meter=True, light_pin=16),),
)
BUILDINGS: Final[Mapping[str, Plan]] = {
    "saint-aubin": SAINT_AUBIN,
    "school": SCHOOL,
    "annex": ANNEX,
    "club-house": CLUB_HOUSE,
}
"""What comes along, by the name that scenarios use."""
