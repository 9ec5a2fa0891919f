"""A building of a scenario's own: what is wired to which pin, given out in the order of the file."""

from typing import Final

from .nodes import Document
from .plan import STREET, DoorPlan, Plan, RoomPlan
from .records import BuildingRecord

PINS: Final = (5, 6, 12, 13, 16, 17, 19, 20, 22, 23, 24, 25, 26, 27, 4, 18, 21)
"""Free on the 40-pin header when no bus and no microphone is in use."""


class _Board:
    """The pins of one agent that are left."""

    def __init__(self) -> None:
        self._left = list(PINS)

    def pin(self) -> int:
        """Raises IndexError when all are taken."""
        return self._left.pop(0)


def site_plan(document: Document, building: BuildingRecord) -> Plan:
    """Raises ScenarioError for names that are there twice, ways that lead nowhere, too many wires."""
    spaces = [room.space for room in building.rooms]
    for place, space in enumerate(spaces):
        if space in spaces[:place] or space == STREET:
            raise document.error(("building", "rooms", place, "space"), f"{space} is there already")
    agents = [room.agent for room in building.rooms] + [door.agent for door in building.doors]
    boards = {agent: _Board() for agent in agents}
    rooms = []
    for place, room in enumerate(building.rooms):
        try:
            plan = RoomPlan(
                room.space,
                room.name or room.space,
                room.agent,
                boards[room.agent].pin(),
                capacity=room.capacity,
                bookable=room.bookable,
                radar=room.radar,
                meter=room.meter,
                quiet_db=room.quiet_db,
                light_pin=boards[room.agent].pin() if room.light else None,
                volume_m3=room.volume_m3,
                reverberation_s=room.reverberation_s,
            )
        except IndexError:
            raise _too_many(document, "rooms", place, room.agent) from None
        rooms.append(plan)
    doors: list[DoorPlan] = []
    for place, door in enumerate(building.doors):
        at = ("building", "doors", place)
        if any(door.door == other.door for other in doors):
            raise document.error((*at, "door"), f"{door.door} is there already")
        if door.to not in spaces:
            raise document.error((*at, "to"), f"no space {door.to!r}: there are {', '.join(spaces)}")
        if any(door.to == other.to for other in doors):
            raise document.error((*at, "to"), f"another door leads to {door.to} already")
        reached = [STREET, *(other.to for other in doors)]
        if door.from_ not in reached:
            raise document.error((*at, "from"), f"no way leads there yet; so far to {', '.join(reached)}")
        board = boards[door.agent]
        try:
            d0, d1, lock, reed, handle = (board.pin() for _ in range(5))
        except (IndexError, RuntimeError):
            raise _too_many(document, "doors", place, door.agent) from None
        doors.append(
            DoorPlan(
                door.door,
                door.name or door.door,
                door.agent,
                door.from_,
                door.to,
                d0,
                d1,
                lock,
                reed,
                handle,
                bits=door.bits,
                lock=door.lock,
                release_s=door.release_s,
                open_s=door.open_s,
                radio=door.radio,
            )
        )
    return Plan(building.site, building.name or building.site, building.zone, tuple(doors), tuple(rooms))


def _too_many(document: Document, what: str, place: int, agent: str) -> Exception:
    return document.error(("building", what, place, "agent"), f"the board of {agent} has no pins left")
