"""The evening that the demo plays: a choir, a class that nobody comes to, one without a booking.

Seeded chance moves the acts a little, never across one another.
"""

import asyncio
from typing import Final

from .calendar import Event
from .people import Town
from .rooms import Occupant

CYCLE_MS: Final = 50_000
"""All acts of a cycle lie within, and so do the ends of its bookings."""
REPEAT_MS: Final = 120_000
VISIT_MS: Final = 12 * 3_600_000

_STROLL_MS: Final = 900
_LOUD_DB: Final = 96.0
_TALK_DB: Final = 58.0
_WRONG_TRIES: Final = 3


async def open_house(town: Town) -> Event:
    """The standing booking for the person at the keyboard; a host comes at once and stays."""
    start = town.world.now() // 1_000 * 1_000 + 12_000
    visit = Event("visite@demo", "Votre visite", "office", start, start + VISIT_MS)
    town.book("visitor", visit)
    return visit


async def host(town: Town, visit: Event) -> None:
    """Opens the office with the visit's code and stays in it until cancelled."""
    code = await town.code_of(visit)
    if not await _come(town, "host", "office", code):
        return
    with town.building.inside("office", "host", Occupant(moving=False)) as occupant:
        await town.stir(occupant)


async def cycle(town: Town, number: int) -> None:
    """One evening; returns when every act and every booking is over."""
    began = town.world.now() // 1_000 * 1_000
    choir = Event(f"chorale-{number}@demo", "Chorale Les Hirondelles", "hall", began + 14_000, began + 47_000)
    course = Event(f"couture-{number}@demo", "Cours de couture", "classroom", began + 2_000, began + 13_000)
    town.book("secretary", choir, course)
    async with asyncio.TaskGroup() as group:
        group.create_task(_choir(town, choir))
        group.create_task(_nobody(town, course))
        group.create_task(_intruder(town, began))


async def _choir(town: Town, event: Event) -> None:
    """Comes with its code, sings too loud although the light warns it, turns down, leaves before the end."""
    code = await town.code_of(event)
    if not await _come(town, "choir", event.space, code):
        return
    async with town.staying(event.space, "choir", Occupant(300, level_db=_TALK_DB)) as choir:
        await town.wait_until(event.start + town.between(1_000, 2_000))
        town.ledger.alarming(town.world.now(), "choir", "sings too loud", event.space, "noise")
        choir.level_db = _LOUD_DB
        await town.wait_until(event.start + town.between(9_000, 10_000))
        choir.level_db = _TALK_DB
        town.note("choir", "sings no more", event.space)
        await town.wait(town.between(1_000, 1_500))
        await town.leave_by("choir", event.space)
    for door in reversed(town.plan.way_to(event.space)[:-1]):
        with town.building.inside(door.to, "choir", Occupant(moving=True)):
            await town.wait(_STROLL_MS)
        await town.leave_by("choir", door.door)
    await town.wait_until(event.end)
    town.ledger.booking_over(town.world.now(), "choir", event.space, used=True)


async def _nobody(town: Town, event: Event) -> None:
    """A class that is booked and does not come."""
    await town.wait_until(event.start + town.rules.no_show_after_s * 1_000)
    town.ledger.alarming(town.world.now(), "sewing class", "does not come", event.space, "no-show")
    await town.wait_until(event.end)
    town.ledger.booking_over(town.world.now(), "sewing class", event.space, used=False)


async def _intruder(town: Town, began: int) -> None:
    """Tries codes at the gate, climbs over the wall, forces the class room, stays a while."""
    gate, door = town.building.door("gate"), town.building.door("classroom")
    await town.wait_until(began + town.between(9_000, 10_000))
    async with gate.queue:
        for _ in range(_WRONG_TRIES):
            await town.type_code("stranger", "gate", town.digits(8), valid=False)
            await town.wait(town.between(400, 700))
    await town.wait_until(began + 20_000)
    with town.building.inside("yard", "stranger", Occupant(moving=True)):
        town.note("stranger", "climbs over the wall", "yard")
        await town.wait(town.between(1_000, 1_500))
    async with door.queue:
        town.ledger.alarming(town.world.now(), "stranger", "forces the door", "classroom", "door-forced-open")
        door.force()
        door.hold(True)
        async with town.staying("classroom", "stranger", Occupant(150, level_db=45.0)):
            town.ledger.alarming(
                town.world.now(), "stranger", "is where nobody may be", "classroom", "unexpected-presence"
            )
            await town.wait(town.between(9_000, 10_000))
        door.hold(False)
        town.note("stranger", "leaves", "classroom")
        await door.shut(10_000)


async def _come(town: Town, who: str, space: str, code: str) -> bool:
    """From the street to ``space``, door by door."""
    for place, door in enumerate(town.plan.way_to(space)):
        if place:
            with town.building.inside(door.from_, who, Occupant(moving=True)):
                await town.wait(_STROLL_MS)
        if not await town.pass_door(who, door.door, code):
            return False
    return True
