"""Desk, keeper and journal together: what a code opened, and what is remembered of it after a power cut."""

import asyncio
from pathlib import Path

import msgspec

from pleintemps_contract.agent_messages import AccessGranted, AccessRefused, Event, RefusalReason
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.gateway_messages import GrantsManifest, GrantsPage
from pleintemps_contract.keyfiles import AgentKeys
from pleintemps_contract.wire import encode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.access.dialogue import Entered
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.door import Closed, Opened, Plan
from pleintemps_edge.journal.events import EventJournal, Stamp
from pleintemps_edge.keeper import Keeper

from .actors import AGENT, CODE, HASHES, PEPPER, SIGNER, SITE, grant, until
from .keeper_scene import Bolt

ONCE = msgspec.structs.replace(grant(), once=True, duress=True)


class House:
    """One door on a real journal; gone without a word at the end of ``async with``."""

    def __init__(self, folder: Path) -> None:
        self.world = ManualWorld()
        self.log: list[str] = []
        stamp = Stamp(self.world.now(), True, 0, "0b" * 16)
        self.journal = EventJournal.open(folder, self.world, lambda: stamp)
        kept = self.journal.state(Keeper.state_key("hall"))
        self.keeper = Keeper("hall", Plan(), Bolt(self.log), self.world, self.journal, kept)
        self.desk = Desk(
            ["hall"],
            keys=AgentKeys(SITE, AGENT, "demo", PEPPER, TrustedKeys([SIGNER.public])),
            trusted=lambda: TrustedKeys([SIGNER.public]),
            world=self.world,
            journal=self.journal,
            trusted_now=self.world.now,
            open_door=lambda door, accepted, keep: self.keeper.happen(accepted, keep=keep),
            show=lambda reader, feedback: None,
        )
        body = encode(GrantsPage(epoch=1, revision=1, grants=[ONCE]))
        manifest = GrantsManifest(epoch=1, revision=1, hashes=[HASHES], pages=[page_digest(body)])
        self.desk.table = self.desk.build(manifest, [body])

    async def __aenter__(self) -> "House":
        self._running = asyncio.create_task(self.keeper.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        self.desk.close()
        self.journal.close()

    async def enter(self, code: str) -> bool:
        opened = await self.desk.enter("hall", Entered(code))
        await self.world.advance(0)
        await self.journal.append([])  # commits in order: all before it is on disk
        return opened

    async def events(self) -> list[Event]:
        batch = await self.journal.batch(0)
        return [record.event for record in batch.records] if batch is not None else []


def test_a_one_time_code_is_spent_on_disk_before_anybody_can_use_it_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with House(tmp_path) as house:
            await house.enter("00000000")
            assert await house.enter(CODE)
            await until(lambda: house.log[-1] == "release")
            house.keeper.happen(Opened())
            house.keeper.happen(Closed())
        async with House(tmp_path) as house:
            assert not await house.enter(CODE)
            events = await house.events()
            assert AccessGranted(door="hall", grant=ONCE.id, duress=True) in events
            refused = [event for event in events if isinstance(event, AccessRefused)]
            assert [event.reason for event in refused] == [RefusalReason.UNKNOWN, RefusalReason.USED]
            assert "release" not in house.log

    asyncio.run(story())
