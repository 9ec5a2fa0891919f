"""A building's doors, rooms and devices, on whatever wires there are: real ones, or ones in memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.ld2410 import Scene
from pleintemps_firmware_sim.devices.serial_core import SerialCore
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.pins.board import OnOutput

from .configs import meter_link, radar_link
from .doorpost import DoorPost
from .plan import Plan
from .rooms import Occupant, Room


class PinBoard(Protocol):
    """The pins of one agent, seen from outside. Ticks are nanoseconds of the running loop's clock."""

    def level(self, pin: int) -> int | None: ...

    def drive(self, pin: int, level: int, tick: int | None = None) -> None: ...

    def drive_edges(self, edges: Iterable[tuple[int, int, int]]) -> None: ...


B = TypeVar("B", bound=PinBoard)
D = TypeVar("D")
B_co = TypeVar("B_co", bound=PinBoard, covariant=True)
D_co = TypeVar("D_co", covariant=True)


class Wiring(Protocol[B_co, D_co]):
    """Makes boards and serial lines; ``host`` is the clock of electrical pulses."""

    @property
    def host(self) -> World: ...

    def board(self, agent: str, on_output: OnOutput) -> B_co: ...

    def device(self, link: str, core: SerialCore, world: World) -> D_co: ...


class House(Generic[B, D]):
    """Everything an agent could touch, sense or hear."""

    def __init__(self, plan: Plan, world: World, wiring: Wiring[B, D]) -> None:
        self.plan = plan
        self.world = world
        now = world.monotonic()
        self.boards = {agent: wiring.board(agent, Follower(self, agent)) for agent in plan.agents}
        self.doors = {
            door.door: DoorPost(door, self.boards[door.agent], world, wiring.host) for door in plan.doors
        }
        self.rooms = {room.space: Room(room, now) for room in plan.rooms}
        self.serial: dict[str, D] = {}
        for space, room in self.rooms.items():
            if room.radar is not None:
                self.serial[radar_link(space)] = wiring.device(radar_link(space), room.radar, world)
            if room.meter is not None:
                self.serial[meter_link(space)] = wiring.device(meter_link(space), room.meter, world)
        self.on_light: Callable[[str, bool], None] | None = None
        """Called with the space whose warning light goes on or off."""
        self._lit: dict[str, bool] = {}
        self.biases: dict[str, Callable[[float], float]] = {}
        """What a faulty meter of a space makes of the true level."""
        self.frozen: dict[str, Scene] = {}
        """What a stuck radar of a space sees for ever."""

    def wire(self) -> None:
        """Levels before any agent is there."""
        for door in self.doors.values():
            door.wire()
        for fire in self.plan.fires:
            self.fire(fire.agent, False)
        self.sense()

    def sense(self) -> None:
        """Let every room's devices sense it now."""
        now = self.world.monotonic()
        for room in self.rooms.values():
            self.boards[room.plan.agent].drive(room.plan.pir_pin, room.advance(now))

    def look(self, space: str) -> None:
        """Something about a room has changed: its devices are to sense it, if they do not all the time."""

    def fire(self, agent: str, active: bool) -> None:
        """The fire panel's contact at ``agent``: closed to ground at rest. Raises ControlError."""
        pins = {fire.agent: fire.pin for fire in self.plan.fires}
        if agent not in pins:
            raise ControlError(f"agent {agent!r} has no contact of a fire panel")
        self.boards[agent].drive(pins[agent], int(active))

    def door(self, name: str) -> DoorPost:
        """Raises ControlError for a name that no door has."""
        try:
            return self.doors[name]
        except KeyError:
            raise ControlError(f"no door {name!r}: there are {', '.join(self.doors)}") from None

    def room(self, name: str) -> Room:
        """Raises ControlError for a name that no room has."""
        try:
            return self.rooms[name]
        except KeyError:
            raise ControlError(f"no room {name!r}: there are {', '.join(self.rooms)}") from None

    def device(self, name: str) -> D:
        """A serial device; raises ControlError for a name that none has."""
        try:
            return self.serial[name]
        except KeyError:
            raise ControlError(f"no serial device {name!r}: there are {', '.join(self.serial)}") from None

    @contextmanager
    def inside(self, space: str, who: str, occupant: Occupant) -> Iterator[Occupant]:
        """``who`` is in ``space`` for as long as the block lasts."""
        room = self.room(space)
        room.occupants[who] = occupant
        try:
            yield occupant
        finally:
            del room.occupants[who]

    def light_driven(self, space: str, lit: bool) -> None:
        """The agent drives the warning light of ``space``, dark before."""
        if self._lit.get(space, False) is lit:
            return
        self._lit[space] = lit
        if self.on_light is not None:
            self.on_light(space, lit)


class Follower:
    """Hands an agent's outputs to the locks and lights that hang on them."""

    def __init__(self, house: House[B, D], agent: str) -> None:
        self._house = house
        self._agent = agent

    def __call__(self, pin: int, level: int, _tick: int) -> None:
        for door in self._house.doors.values():
            if door.plan.agent == self._agent and door.plan.lock_pin == pin and not door.plan.radio:
                door.lock_driven(level)
        for room in self._house.rooms.values():
            if room.plan.agent == self._agent and room.plan.light_pin == pin:
                self._house.light_driven(room.plan.space, bool(level))
