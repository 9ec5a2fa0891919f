"""The virtual stage: what a director does to the building, and what came of it."""

from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.door import Push
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.calendar import Event
from pleintemps_firmware_sim.scenario.codes import Mailbox
from pleintemps_firmware_sim.scenario.facts import Mode, Timeline
from pleintemps_firmware_sim.scenario.faults import Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import Plan
from pleintemps_firmware_sim.scenario.rooms import Occupant
from pleintemps_firmware_sim.scenario.stage import Wanted

from .site import VirtualSite

_LOOK_MS = 1_000


class VirtualStage:
    """A :class:`~pleintemps_firmware_sim.scenario.stage.Stage`."""

    mode: Mode = "virtual"

    def __init__(self, site: VirtualSite, wanted: Wanted) -> None:
        self._site = site
        self._house = site.building
        self._mailbox = Mailbox(site.folder / "state" / "outbox")
        self.plan: Plan = wanted.plan
        self.world: World = site.world
        self.timeline = Timeline()

    # --- doors ---------------------------------------------------------------------------------------

    async def press(self, door: str, keys: str) -> None:
        await self._house.door(door).press(keys)

    async def show_card(self, door: str, number: str) -> None:
        raise ControlError(f"no reader of door {door!r} takes cards")

    async def released(self, door: str, within_ms: int) -> bool:
        return await self._house.door(door).released(within_ms)

    async def shut(self, door: str, within_ms: int) -> bool:
        return await self._house.door(door).shut(within_ms)

    async def push(self, door: str) -> Push:
        return self._house.door(door).push()

    async def leave(self, door: str) -> Push:
        return await self._house.door(door).leave()

    async def force(self, door: str) -> Push:
        return self._house.door(door).force()

    async def prop(self, door: str, held: bool) -> None:
        self._house.door(door).hold(held)

    async def fire(self, agent: str, active: bool) -> None:
        self._house.fire(agent, active)

    async def order(self, door: str, action: DoorAction) -> None:
        self._house.door(door)
        self._site.gateway.core.order(self.plan.site, door, action)

    # --- spaces --------------------------------------------------------------------------------------

    def occupy(self, space: str, who: str, occupant: Occupant | None) -> None:
        self._house.occupy(space, who, occupant)

    # --- bookings ------------------------------------------------------------------------------------

    async def book(self, event: Event) -> None:
        self._site.calendar.publish(self.world.now(), event)

    async def cancel(self, uid: str) -> None:
        raise ControlError("not yet")

    async def code_of(self, uid: str, within_ms: int) -> str | None:
        deadline = self.world.monotonic() + within_ms
        while (message := self._mailbox.code_for(uid)) is None:
            if self.world.monotonic() >= deadline:
                return None
            await self.world.sleep_until(min(deadline, self.world.monotonic() + _LOOK_MS))
        return message.code

    async def knows(self, code: str) -> bool:
        return self._mailbox.knows(code)

    # --- faults --------------------------------------------------------------------------------------

    @property
    def faults(self) -> frozenset[FaultKind]:
        return frozenset()

    async def begin_fault(self, fault: Fault) -> None:
        raise ControlError("not yet")

    async def end_fault(self, fault: Fault) -> None:
        raise ControlError("not yet")

    # --- what came of it -----------------------------------------------------------------------------

    async def settle(self, within_ms: int) -> bool:
        deadline = self.world.monotonic() + within_ms
        while not self._settled():
            self._site.check()
            if self.world.monotonic() >= deadline:
                return False
            await self.world.sleep_until(min(deadline, self.world.monotonic() + _LOOK_MS))
        return True

    def _settled(self) -> bool:
        agents = self._site.agents.values()
        return not any(agent.core.waiting for agent in agents) and self._site.gateway.core.idle()

    async def observe(self) -> None:
        return

    async def digest(self) -> str:
        return self._site.digest()
