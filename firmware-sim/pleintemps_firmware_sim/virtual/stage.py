"""The virtual stage: what a director does to the building, and what came of it."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from pleintemps_contract.agent_messages import Availability, Event, EventsBatch
from pleintemps_contract.errors import ContractError
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import decode_agent
from pleintemps_contract.world import World
from pleintemps_firmware_sim.real.observing import Stores
from pleintemps_firmware_sim.scenario.calendar import Event as Booking
from pleintemps_firmware_sim.scenario.codes import Mailbox
from pleintemps_firmware_sim.scenario.door_acts import DoorActs
from pleintemps_firmware_sim.scenario.facts import FactKind, Mode, Timeline
from pleintemps_firmware_sim.scenario.faults import Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import Plan
from pleintemps_firmware_sim.scenario.rooms import Occupant
from pleintemps_firmware_sim.scenario.stage import Wanted

from .faults import VirtualFaults
from .site import VirtualSite

_LOOK_MS: Final = 1_000
_COMING_MS: Final = 2_500
"""From the message with a code to the moment when doors know it for certain."""
_parse: Final = lru_cache(maxsize=1024)(Topic.parse)
_HEARD: Final = frozenset({Channel.AVAILABILITY, Channel.EVENTS})


class VirtualStage(DoorActs):
    """A :class:`~pleintemps_firmware_sim.scenario.stage.Stage`."""

    mode: Mode = "virtual"

    def __init__(self, site: VirtualSite, wanted: Wanted) -> None:
        self._site = site
        self._house = site.building
        super().__init__(self._house.door, self._house.fire)
        self._mailbox = Mailbox(site.folder / "state" / "outbox")
        self.plan: Plan = wanted.plan
        self.world: World = site.world
        self.timeline = Timeline()
        self._faults = VirtualFaults(site, wanted.seed)
        self._begin = self.world.now()
        self._stores = Stores(site.folder, self.plan.agents, lambda agent: agent in self._faults.leapt)
        self._records: dict[tuple[str, int], Event] = {}
        self._presence: dict[str, str] = {}
        self._said: set[bytes] = set()
        self._watch()

    # --- doors ---------------------------------------------------------------------------------------

    async def order(self, door: str, action: DoorAction) -> None:
        self._house.door(door)
        self._site.gateway.core.order(self.plan.site, door, action)

    # --- spaces --------------------------------------------------------------------------------------

    def occupy(self, space: str, who: str, occupant: Occupant | None) -> None:
        self._house.occupy(space, who, occupant)

    # --- bookings ------------------------------------------------------------------------------------

    async def book(self, event: Booking) -> None:
        self._site.calendar.publish(self.world.now(), event)
        self._site.tell_calendar()

    async def cancel(self, uid: str) -> None:
        self._site.calendar.withdraw(self.world.now(), uid)
        self._site.tell_calendar()

    async def code_of(self, uid: str, within_ms: int) -> str | None:
        deadline = self.world.monotonic() + within_ms
        while (message := self._mailbox.code_for(uid)) is None:
            if self.world.monotonic() >= deadline:
                return None
            await self.world.sleep_until(min(deadline, self.world.monotonic() + _LOOK_MS))
        await self.world.sleep_until(self.world.monotonic() + _COMING_MS)
        return message.code

    async def knows(self, code: str) -> bool:
        return self._mailbox.knows(code)

    # --- faults --------------------------------------------------------------------------------------

    @property
    def faults(self) -> frozenset[FaultKind]:
        return self._faults.kinds

    async def begin_fault(self, fault: Fault) -> None:
        await self._faults.begin(fault)

    async def end_fault(self, fault: Fault) -> None:
        await self._faults.end(fault)

    async def restart_gateway(self) -> None:
        """The gateway crashes and starts again on its store."""
        await self._site.restart_gateway()

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
        for fact in (*self._stores.facts(self._begin), *self._stores.ends(self.world.now(), self._records)):
            said = msgspec.json.encode(fact)
            if said not in self._said:
                self._said.add(said)
                self.timeline.tell(
                    fact.at, fact.kind, fact.where, fact.value, name=fact.name, detail=fact.detail
                )

    def _heard(self, topic: str, payload: bytes) -> None:
        """Everything that is published."""
        try:
            parsed = _parse(topic)
            if parsed.channel not in _HEARD or not payload:
                return
            body = decode_agent(parsed, payload)
        except ContractError:
            return
        if isinstance(body, EventsBatch):
            for record in body.records:
                self._records.setdefault((body.journal, record.seq), record.event)
        elif isinstance(body, Availability) and self._presence.get(parsed.agent) != body.state.value:
            self._presence[parsed.agent] = body.state.value
            self.timeline.tell(self.world.now(), FactKind.AGENT, parsed.agent, body.state.value)

    def _watch(self) -> None:
        """Tell what mechanics do."""

        def tell(kind: FactKind, where: str, words: tuple[str, str]) -> Callable[[bool], None]:
            return lambda yes: self.timeline.tell(self.world.now(), kind, where, words[not yes])

        for name, post in self._house.doors.items():
            post.on_lock = tell(FactKind.LOCK, name, ("released", "holds"))
            post.on_leaf = tell(FactKind.LEAF, name, ("open", "shut"))
        lights = {space: tell(FactKind.LIGHT, space, ("on", "off")) for space in self._house.rooms}
        self._house.on_light = lambda space, lit: lights[space](lit)
        self._site.broker.watchers.append(self._heard)

    async def digest(self) -> str:
        return self._site.digest()

    async def close(self) -> None:
        """No fault runs on."""
        await self._faults.stop()
