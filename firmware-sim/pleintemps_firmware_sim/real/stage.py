"""The real-time stage: what a director does reaches ordinary processes by pins, lines and files."""

from collections.abc import Iterator
from typing import Final

from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import World
from pleintemps_firmware_sim.scenario.calendar import Event
from pleintemps_firmware_sim.scenario.door_acts import DoorActs
from pleintemps_firmware_sim.scenario.doorpost import DoorPost
from pleintemps_firmware_sim.scenario.facts import Fact, FactKind, Mode, Timeline
from pleintemps_firmware_sim.scenario.faults import Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import Plan
from pleintemps_firmware_sim.scenario.rooms import Occupant

from .faults import RealFaults
from .observing import Stores
from .site import RealSite

_LOOK_MS: Final = 250
_STEADY_MS: Final = 1_000
_COMING_MS: Final = 2_500
"""From the message with a code to the door; the doors know it by then."""


class RealStage(DoorActs):
    """A :class:`~pleintemps_firmware_sim.scenario.stage.Stage` over a :class:`RealSite` that is up."""

    mode: Mode = "real"

    def __init__(self, site: RealSite, timeline: Timeline) -> None:
        self._site = site
        self._house = site.building
        super().__init__(self._house.door, self._house.fire)
        self._faults = RealFaults(site, site.host, site.wanted.seed)
        self._stores = Stores(site.data, site.plan.agents, lambda agent: agent in self._faults.leapt)
        self._since = self._first = site.world.now()
        self._fetched: set[str] = set()
        self.plan: Plan = site.plan
        self.world: World = site.world
        self.timeline = timeline
        for door in self._house.doors.values():
            self._watch(door)
        site.building.on_light = self._light

    def _watch(self, post: DoorPost) -> None:
        door = post.plan.door

        def lock(released: bool) -> None:
            self._tell(FactKind.LOCK, door, "released" if released else "holds")

        def leaf(opened: bool) -> None:
            self._tell(FactKind.LEAF, door, "open" if opened else "shut")

        post.on_lock, post.on_leaf = lock, leaf
        if post.mechanics.released:
            lock(True)

    def _light(self, space: str, lit: bool) -> None:
        self._tell(FactKind.LIGHT, space, "on" if lit else "off")

    def _tell(self, kind: FactKind, where: str, value: str) -> None:
        self.timeline.tell(self.world.now(), kind, where, value)

    async def stop(self) -> None:
        """No fault runs on."""
        await self._faults.stop()

    # --- doors ---------------------------------------------------------------------------------------

    async def order(self, door: str, action: DoorAction) -> None:
        self._house.door(door)
        await self._site.installation.api.order(self.plan.site, door, action.value)

    # --- spaces and bookings -------------------------------------------------------------------------

    def occupy(self, space: str, who: str, occupant: Occupant | None) -> None:
        occupants = self._house.room(space).occupants
        if occupant is None:
            occupants.pop(who, None)
        else:
            occupants[who] = occupant

    async def book(self, event: Event) -> None:
        self._site.calendar.publish(self.world.now(), event)

    async def cancel(self, uid: str) -> None:
        self._site.calendar.withdraw(self.world.now(), uid)

    async def code_of(self, uid: str, within_ms: int) -> str | None:
        deadline = self.world.monotonic() + within_ms
        while (message := self._site.mailbox.code_for(uid)) is None:
            if self.world.monotonic() >= deadline:
                return None
            await self._wait(_LOOK_MS)
        if uid not in self._fetched:
            self._fetched.add(uid)
            await self._wait(_COMING_MS)
        return message.code

    async def knows(self, code: str) -> bool:
        return self._site.mailbox.knows(code)

    # --- faults --------------------------------------------------------------------------------------

    @property
    def faults(self) -> frozenset[FaultKind]:
        return self._faults.kinds

    async def begin_fault(self, fault: Fault) -> None:
        await self._faults.begin(fault)

    async def end_fault(self, fault: Fault) -> None:
        await self._faults.end(fault)

    # --- what came of it -----------------------------------------------------------------------------

    async def settle(self, within_ms: int) -> bool:
        deadline = self.world.monotonic() + within_ms
        steady = self.world.monotonic()
        while self.world.monotonic() - steady < _STEADY_MS:
            if any(self._stores.held(agent) for agent in self.plan.agents):
                steady = self.world.monotonic()
            if self.world.monotonic() >= deadline:
                return False
            await self._wait(_LOOK_MS)
        return True

    async def observe(self) -> None:
        for fact in self._observed():
            self.timeline.add(fact)
        self._since = self.world.now()

    def _observed(self) -> Iterator[Fact]:
        if self._since == self._first:
            yield from self._stores.standing(self._first)
        yield from self._stores.facts(self._since)
        yield from self._stores.ends(self.world.now(), self._site.witness.records)

    async def digest(self) -> str:
        return ""

    async def _wait(self, milliseconds: int) -> None:
        await self.world.sleep_until(self.world.monotonic() + milliseconds)
