"""Visitors who act by themselves in a running building, each act written in the ledger as it happens."""

from typing import Final

from pleintemps_contract.world import ManualWorld, World
from pleintemps_firmware_sim.devices.door import Push

from .building import Building
from .calendar import Calendar
from .codes import Mailbox
from .ledger import Ledger
from .plan import Plan, Rules

_RELEASE_WAIT_MS: Final = 4_000
_SHUT_WAIT_MS: Final = 30_000


class Town:
    """Building, calendar, messages with codes, ledger, chance."""

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

    async def wait(self, milliseconds: int) -> None:
        await self.world.sleep_until(self.world.monotonic() + milliseconds)

    def note(self, who: str, what: str, where: str = "") -> None:
        self.ledger.write(self.world.now(), who, what, where)

    async def pass_door(self, who: str, door: str, code: str) -> bool:
        """Wait for one's turn, type a valid code, go through; the door is shut again on return."""
        post = self.building.door(door)
        async with post.queue:
            await post.shut(_SHUT_WAIT_MS)
            self.ledger.typed(self.world.now(), who, door, valid=True)
            await post.press(f"{code}#")
            if not await post.released(_RELEASE_WAIT_MS):
                self.note(who, "stands before a locked door", door)
                return False
            await self.wait(200 + self._chance.random_below(201))
            if post.push() is not Push.OPENED:
                self.note(who, "stands before a locked door", door)
                return False
            self.note(who, "went through", door)
            await post.shut(_SHUT_WAIT_MS)
            return True
