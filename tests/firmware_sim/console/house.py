"""A building with its stage and control socket, on real pins and lines; no agent hangs on them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.console.acts import Order, Value
from pleintemps_firmware_sim.console.model import Model
from pleintemps_firmware_sim.control import ask, offered
from pleintemps_firmware_sim.real.cable import Cable
from pleintemps_firmware_sim.real.site import RealSite
from pleintemps_firmware_sim.real.stage import RealStage
from pleintemps_firmware_sim.scenario.building import Building
from pleintemps_firmware_sim.scenario.facts import Timeline
from pleintemps_firmware_sim.scenario.ledger import Ledger
from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN, Plan, Rules
from pleintemps_firmware_sim.scenario.script import Chance
from pleintemps_firmware_sim.scenario.stage import Wanted


@dataclass
class House:
    """``data`` is where clients find it."""

    data: Path
    building: Building
    stage: RealStage
    ledger: Ledger
    model: Model

    async def order(self, act: str, target: str, **values: Value) -> str:
        """As any client gives it."""
        return await ask(self.data, Order(act=act, target=target, values=values))


@contextlib.asynccontextmanager
async def standing(folder: Path, plan: Plan = SAINT_AUBIN) -> AsyncIterator[House]:
    world, ledger = SystemWorld(), Ledger()
    timeline = Timeline(heed=ledger.heed)
    site = RealSite(Wanted(plan, Rules(), 1), folder, 0, timeline, lambda text: None)
    site.data = folder
    async with Building(plan, world, sockets=folder / "s", ports=folder / "p") as building:
        site.building = building
        site.cables = {agent: Cable(0, 0, world, Chance(1, "cable", agent)) for agent in plan.agents}
        stage = RealStage(site, timeline)
        model = Model(stage, building, Rules())
        async with offered(model, folder / "s" / "control", folder, world):
            yield House(folder, building, stage, ledger, model)
        await stage.stop()


def play(folder: Path, scene: Callable[[House], Awaitable[None]]) -> None:
    """``scene`` in a house that stands."""

    async def run() -> None:
        async with standing(folder) as house:
            await scene(house)

    asyncio.run(asyncio.wait_for(run(), 90))  # a limit for what hangs, not a measure
