"""People on their way: from the street through doors into a space, a while there, and out again."""

import asyncio
from collections import Counter
from typing import Final

from pleintemps_firmware_sim.devices.door import Push

from .director_rooms import Rooms
from .director_told import Told
from .plan import STREET
from .records import PeopleRecord
from .rooms import Occupant
from .script import Chance, Visit
from .stage import Stage

_RELEASE_WAIT_MS: Final = 4_000
_SHUT_WAIT_MS: Final = 30_000
_STROLL_MS: Final = 900
_AGAIN_MS: Final = (4_000, 9_000)
_CODE_WAIT_MS: Final = 300_000
_STRANGER_CM: Final = 250


class Crowd:
    """Everybody who goes through doors, one at a time at each of them."""

    def __init__(self, stage: Stage, told: Told, rooms: Rooms) -> None:
        self._stage = stage
        self._told = told
        self._rooms = rooms
        self._propped: set[str] = set()
        self._waiting: Counter[str] = Counter()
        self._followed: dict[str, str] = {}

    def queue(self, door: str) -> asyncio.Lock:
        """Who stands at the door."""
        return self._stage.queue(door)

    async def visit(self, visit: Visit) -> None:
        """Come, stay, go."""
        record, who, space = visit.record, visit.record.who, visit.space
        self._told.act(who, "comes", space, mark=f"{who}.comes")
        code = None
        if visit.event is not None:
            code = await self._stage.code_of(visit.event.uid, _CODE_WAIT_MS)
            if code is None:
                self._told.act(who, "was sent no code", space, mark=f"{who}.held")
                return
        if not await self._come(visit, code):
            return
        self._told.act(who, "is in", space, mark=f"{who}.in", raises=record.raises)
        stirring = asyncio.create_task(self._rooms.stir(space, who, record, visit.chance))
        try:
            if visit.leaves is None:
                await stirring
            else:
                await self._told.until(visit.leaves)
                self._told.act(who, "leaves", space, mark=f"{who}.leaves")
                await self.leave_by(who, self._stage.plan.way_to(space)[-1].door)
        finally:
            stirring.cancel()
            await asyncio.gather(stirring, return_exceptions=True)
            self._rooms.take(space, who)
        for door in reversed(self._stage.plan.way_to(space)[:-1]):
            await self._stroll(who, door.to, record)
            await self.leave_by(who, door.door)
        self._told.act(who, "is out", STREET, mark=f"{who}.out")

    async def _come(self, visit: Visit, code: str | None) -> bool:
        """From the street to the space, door by door; each is tried so often."""
        record, who = visit.record, visit.record.who
        for place, door in enumerate(self._stage.plan.way_to(visit.space)):
            if place:
                await self._stroll(who, door.from_, record)
            for left in reversed(range(record.tries)):
                async with self.queue(door.door):
                    mark = f"{who}.types" if not place and left == record.tries - 1 else ""
                    if await self.through(who, door.door, code, visit.chance, mark=mark):
                        break
                if not left:
                    self._told.act(who, "stands before a locked door", door.door, mark=f"{who}.held")
                    return False
                await self._told.wait(visit.chance.between(*_AGAIN_MS))
        return True

    async def _stroll(self, who: str, space: str, record: PeopleRecord) -> None:
        if space == STREET:
            return
        self._rooms.put(space, who, record.size, Occupant(moving=True))
        try:
            await self._told.wait(_STROLL_MS)
        finally:
            self._rooms.take(space, who)

    async def type_code(self, who: str, door: str, code: str, *, valid: bool = True, mark: str = "") -> None:
        """Digits and ``#``; what was typed is never told."""
        word = "valid" if valid else "wrong"
        self._told.act(who, f"typed a {word} code", door, code=word, mark=mark)
        await self._stage.press(door, f"{code}#")

    async def through(self, who: str, door: str, code: str | None, chance: Chance, *, mark: str = "") -> bool:
        """Type the code (none: only push) and go in; the door is shut again on return, if it shuts at all."""
        stage = self._stage
        if code is not None:
            await stage.shut(door, _SHUT_WAIT_MS)
            await self.type_code(who, door, code, mark=mark)
            if not await stage.released(door, _RELEASE_WAIT_MS):
                return False
            await self._told.wait(chance.between(200, 400))
        if await stage.push(door) is Push.HELD:
            return False
        self._told.act(who, "went through", door)
        self._follow(door)
        if door not in self._propped:
            await stage.shut(door, _SHUT_WAIT_MS)
        return True

    async def leave_by(self, who: str, door: str) -> None:
        """Wait for one's turn, go out by the inside handle; the door is shut again on return."""
        async with self.queue(door):
            if door not in self._propped:
                await self._stage.shut(door, _SHUT_WAIT_MS)
            await self._stage.leave(door)
            self._told.act(who, "went out by the handle", door)
            if door not in self._propped:
                await self._stage.shut(door, _SHUT_WAIT_MS)

    async def prop(self, door: str, held: bool) -> None:
        """A wedge under a door, or its removal; nobody waits for a door that has one."""
        if held:
            self._propped.add(door)
        else:
            self._propped.discard(door)
        await self._stage.prop(door, held)

    def followers_wait(self, door: str, people: int) -> None:
        """Strangers wait for the next people whom the door lets in."""
        self._waiting[door] = people

    def followers_leave(self, door: str) -> None:
        """They are gone, however they went."""
        self._waiting.pop(door, None)
        if (space := self._followed.pop(door, None)) is not None:
            self._rooms.take(space, f"followers {door}")
            self._told.act("followers", "are gone", space)

    def _follow(self, door: str) -> None:
        if (people := self._waiting.pop(door, 0)) == 0:
            return
        space = self._stage.plan.door(door).to
        self._followed[door] = space
        self._told.act("followers", "went in behind them", door)
        self._rooms.put(space, f"followers {door}", people, Occupant(_STRANGER_CM, moving=True))
