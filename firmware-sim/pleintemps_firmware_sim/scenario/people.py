"""What people can do in the building, each act written in the ledger as it happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pleintemps_contract.world import ManualWorld, World
from pleintemps_firmware_sim.devices.door import Push

from .building import Building
from .calendar import Calendar, Event
from .codes import Mailbox
from .ledger import Ledger
from .plan import Plan, Rules
from .rooms import Occupant

_RELEASE_WAIT_MS: Final = 4_000
_SHUT_WAIT_MS: Final = 30_000
_MAIL_EVERY_MS: Final = 200
_COMING_MS: Final = 2_500


class Town:
    """What a scenario needs: building, calendar, messages with codes, ledger, chance."""

    def __init__(
        self,
        building: Building,
        rules: Rules,
        calendar: Calendar,
        mailbox: Mailbox,
        ledger: Ledger,
        *,
        seed: int,
    ) -> None:
        self.building = building
        self.rules = rules
        self.calendar = calendar
        self.mailbox = mailbox
        self.ledger = ledger
        self._chance = ManualWorld(seed=seed)
        building.on_light = lambda space, lit: ledger.light(self.world.now(), space, lit=lit)

    @property
    def plan(self) -> Plan:
        return self.building.plan

    @property
    def world(self) -> World:
        return self.building.world

    def between(self, low: int, high: int) -> int:
        """A seeded whole number from ``low`` to ``high``, both possible."""
        return low + self._chance.random_below(high - low + 1)

    def digits(self, count: int) -> str:
        """Seeded digits that are no code of anybody."""
        while True:
            typed = "".join(str(self._chance.random_below(10)) for _ in range(count))
            if not self.mailbox.knows(typed):
                return typed

    async def wait(self, milliseconds: int) -> None:
        await self.world.sleep_until(self.world.monotonic() + milliseconds)

    async def stir(self, occupant: Occupant) -> None:
        """Move and pause in turn, as people do, until cancelled."""
        while True:
            occupant.moving = not occupant.moving
            await self.wait(self.between(1_000, 2_000))

    @asynccontextmanager
    async def staying(self, space: str, who: str, occupant: Occupant) -> AsyncIterator[Occupant]:
        """``who`` is in ``space`` and stirs for as long as the block lasts."""
        with self.building.inside(space, who, occupant):
            stirring = asyncio.create_task(self.stir(occupant))
            try:
                yield occupant
            finally:
                stirring.cancel()
                await asyncio.gather(stirring, return_exceptions=True)

    async def wait_until(self, at: int) -> None:
        """Until the wall clock shows ``at`` (Unix ms)."""
        await self.wait(max(0, at - self.world.now()))

    def note(self, who: str, what: str, where: str = "") -> None:
        self.ledger.write(self.world.now(), who, what, where)

    def book(self, who: str, *events: Event) -> None:
        """Put bookings into the calendar."""
        self.calendar.publish(self.world.now(), *events)
        for event in events:
            self.ledger.booked(self.world.now(), who, event.space)

    async def code_of(self, event: Event) -> str:
        """Wait for the message with the code, then come along; the doors know it by then."""
        while (message := self.mailbox.code_for(event.uid)) is None:
            await self.wait(_MAIL_EVERY_MS)
        await self.wait(_COMING_MS)
        return message.code

    async def type_code(self, who: str, door: str, code: str, *, valid: bool) -> None:
        """Type digits and ``#`` at a keypad."""
        self.ledger.typed(self.world.now(), who, door, valid=valid)
        await self.building.door(door).press(f"{code}#")

    async def leave_by(self, who: str, door: str) -> None:
        """Wait for one's turn, go out by the inside handle; the door is shut again on return."""
        post = self.building.door(door)
        async with post.queue:
            await post.shut(_SHUT_WAIT_MS)
            await post.leave()
            self.note(who, "went out by the handle", door)
            await post.shut(_SHUT_WAIT_MS)

    async def pass_door(self, who: str, door: str, code: str) -> bool:
        """Wait for one's turn, type a valid code, go through; the door is shut again on return."""
        post = self.building.door(door)
        async with post.queue:
            await post.shut(_SHUT_WAIT_MS)
            await self.type_code(who, door, code, valid=True)
            if not await post.released(_RELEASE_WAIT_MS):
                self.note(who, "stands before a locked door", door)
                return False
            await self.wait(self.between(200, 400))
            if post.push() is not Push.OPENED:
                self.note(who, "stands before a locked door", door)
                return False
            self.note(who, "went through", door)
            await post.shut(_SHUT_WAIT_MS)
            return True
