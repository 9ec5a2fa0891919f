"""Who is in which space and what sounds there, as the director knows it."""

import asyncio
from collections import Counter
from typing import Final

from .director_told import Told
from .facts import FactKind
from .records import Enter, PeopleRecord, SoundRecord
from .rooms import Occupant, total_level
from .script import Chance
from .sound import at_meter
from .stage import Stage

_BEYOND_CM: Final = 1_000
"""A loudspeaker is nobody: no radar sees so far."""


class Rooms:
    """Tells stage and timeline of every change."""

    def __init__(self, stage: Stage, told: Told) -> None:
        self._stage = stage
        self._told = told
        self._plans = {room.space: room for room in stage.plan.rooms}
        self._people: Counter[str] = Counter()
        self._present: dict[tuple[str, str], int] = {}
        self._levels: dict[str, dict[str, float]] = {space: {} for space in self._plans}
        self._sounds: dict[str, SoundRecord] = {}
        self._entered: dict[str, tuple[str, asyncio.Task[None]]] = {}

    def put(self, space: str, who: str, size: int, occupant: Occupant) -> None:
        """``size`` people called ``who`` are in ``space`` from now on."""
        if (space, who) not in self._present:
            self._present[space, who] = size
            self._people[space] += size
            self._told.fact(FactKind.PEOPLE, space, self._people[space])
        self._stage.occupy(space, who, occupant)
        self._heard(space, who, occupant.level_db)
        self._sound_again(space, who)

    def take(self, space: str, who: str) -> None:
        """They are gone; nothing if they were not there."""
        if (size := self._present.pop((space, who), None)) is None:
            return
        self._people[space] -= size
        self._told.fact(FactKind.PEOPLE, space, self._people[space])
        self._stage.occupy(space, who, None)
        self._heard(space, who, None)
        self._sound_again(space, who)

    def occupant(self, record: PeopleRecord | Enter, space: str, *, moving: bool) -> Occupant:
        level = None
        if record.db is not None:
            level = at_meter(self._plans[space], record.db, record.distance_m)
        return Occupant(round(record.distance_m * 100), moving, level)

    async def stir(self, space: str, who: str, record: PeopleRecord | Enter, chance: Chance) -> None:
        """Move and pause in turn, as people do, until cancelled."""
        moving = True
        while True:
            self.put(space, who, record.size, self.occupant(record, space, moving=moving))
            await self._told.wait(chance.within(record.moves if moving else record.pauses))
            moving = not moving

    def enter(self, act: Enter, chance: Chance) -> None:
        """Somebody is there, however they came."""
        self.exit(act.who)
        task = asyncio.create_task(self.stir(act.space, act.who, act, chance))
        self._entered[act.who] = (act.space, task)

    def exit(self, who: str) -> None:
        """Whoever entered so is gone; nothing if nobody did."""
        if (found := self._entered.pop(who, None)) is not None:
            space, task = found
            task.cancel()
            self.take(space, who)

    def exit_all(self) -> None:
        for who in list(self._entered):
            self.exit(who)

    def sound(self, record: SoundRecord) -> None:
        """A source begins; one that people make is heard while they are there."""
        self._sounds[record.sound] = record
        self._play(record)

    def hush(self, record: SoundRecord) -> None:
        self._sounds.pop(record.sound, None)
        self._silence(record)

    def _sound_again(self, space: str, who: str) -> None:
        for record in self._sounds.values():
            if record.by == who and record.space == space:
                self._play(record)

    def _play(self, record: SoundRecord) -> None:
        space = record.space
        if record.by is not None and (space, record.by) not in self._present:
            self._silence(record)
            return
        if _source(record) in self._levels[space]:
            return
        level = at_meter(self._plans[space], record.db, record.distance_m)
        self._told.fact(FactKind.SOUND, space, round(level, 1), name=record.sound)
        self._stage.occupy(space, _source(record), Occupant(_BEYOND_CM, False, level))
        self._heard(space, _source(record), level)

    def _silence(self, record: SoundRecord) -> None:
        if _source(record) in self._levels[record.space]:
            self._told.fact(FactKind.SOUND, record.space, None, name=record.sound)
            self._stage.occupy(record.space, _source(record), None)
            self._heard(record.space, _source(record), None)

    def _heard(self, space: str, source: str, level: float | None) -> None:
        levels = self._levels[space]
        if levels.get(source) == level:
            return
        if level is None:
            del levels[source]
        else:
            levels[source] = level
        total = total_level(self._plans[space].quiet_db, levels.values())
        self._told.fact(FactKind.LEVEL, space, round(total, 1))


def _source(record: SoundRecord) -> str:
    return f"sound {record.sound}"
