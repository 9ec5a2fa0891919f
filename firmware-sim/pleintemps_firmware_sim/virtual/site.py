"""One site in virtual time: its broker, its gateway, its agents, which can be cut off and started again."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pleintemps_contract import cores
from pleintemps_firmware_sim.errors import ChildError
from pleintemps_firmware_sim.scenario.calendar import Calendar
from pleintemps_firmware_sim.scenario.configs import edge_toml, gateway_toml
from pleintemps_firmware_sim.scenario.plan import Plan
from pleintemps_firmware_sim.scenario.stage import Wanted

from .broker import Access, GatewayAccess, MemoryBroker
from .building import VirtualBuilding
from .disk import Disk
from .paths import Path as Way
from .radio import RadioLock
from .serial import MemoryWires
from .worlds import VirtualWorld, chance_of

POLL_S: Final = 60.0
"""Between two readings of a calendar that nobody has changed."""
HEARD_S: Final = 0.5
"""A change of the calendar is read so soon, as by one who looks each second."""
UP_MS: Final = 60_000


class Hosted:
    """A core that runs: ended in order, or cut off."""

    def __init__(self, core: Any) -> None:
        self.core = core
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(core.run(self._stop))

    async def end(self) -> None:
        self._stop.set()
        await self._task

    async def cut(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    @property
    def ended(self) -> bool:
        """In order, or with an error."""
        return self._task.done()

    def check(self) -> None:
        """Raises what the core has ended with."""
        if self.ended:
            self._task.result()
            raise ChildError("a core has ended by itself")


class VirtualSite:
    """``folder`` gets keys, configurations and stores; everything in it is one run's."""

    def __init__(self, folder: Path, building: VirtualBuilding, world: VirtualWorld, wanted: Wanted) -> None:
        self.folder = folder
        self.building = building
        self.world = world
        self.plan: Plan = wanted.plan
        self.broker = MemoryBroker(world)
        self.paths = {agent: Way(chance_of(wanted.seed, f"way/{agent}")) for agent in self.plan.agents}
        self.disks = {agent: Disk() for agent in self.plan.agents}
        self.worlds: dict[str, VirtualWorld] = {}
        self.agents: dict[str, Hosted] = {}
        self.calendar = Calendar(folder / "bookings.ics")
        self._wanted = wanted
        self._lives = 0
        self._edge: cores.MakeAgent = cores.load("edge")
        self._maker: cores.GatewayMaker = cores.load("gateway")
        self.gateway: Hosted
        self.locks = {
            name: RadioLock(post, self.broker, world)
            for name, post in building.doors.items()
            if post.plan.radio
        }

    @property
    def _config(self) -> Path:
        return self.folder / "gateway.toml"

    def _world(self, name: str) -> VirtualWorld:
        return VirtualWorld(self.world.now(), self._wanted.seed, name)

    def prepare(self) -> None:
        """Keys and configurations."""
        self.calendar.publish(self.world.now())
        text = gateway_toml(
            self.plan,
            self._wanted.rules,
            mqtt_url="mqtt://127.0.0.1:1883",
            web_port=8080,
            calendar=self.calendar.path,
            poll_s=POLL_S,
            clock_socket=None,
        )
        self._config.write_text(text, encoding="utf-8")
        self._maker.prepare(self._config, self._world("keys"))
        for agent in self.plan.agents:
            text = edge_toml(
                self.plan,
                agent,
                mqtt_url="mqtt://127.0.0.1:1883",
                ports=Path("ports"),  # the folder of a run has another name each time, and errors name ports
                clock_socket=None,
            )
            (self.folder / f"{agent}.toml").write_text(text, encoding="utf-8")

    def start_gateway(self) -> None:
        """On what its store holds."""
        self._lives += 1
        world = self._world(f"gateway/{self._lives}")
        self.gateway = Hosted(self._maker.make(self._config, world, GatewayAccess(self.broker)))

    def start_agent(self, agent: str) -> None:
        """On what its journals hold."""
        self._lives += 1
        before = self.worlds.get(agent)
        world = self._world(f"agent/{agent}/{self._lives}")
        if before is not None:
            world.step(before.now() - world.now())
        self.worlds[agent] = world
        access = Access(self.broker, self.paths[agent])
        rims = cores.AgentRims(
            broker=access,
            building=access,
            wires=MemoryWires(self.building.serial),
            pins=self.building.boards[agent].power_up(),
            disciplined=lambda: True,
            connect=self.disks[agent].connect,
        )
        self.agents[agent] = Hosted(self._edge(self.folder / f"{agent}.toml", world, rims))

    async def cut_agent(self, agent: str) -> None:
        """No power from this moment on."""
        self.building.boards[agent].power_down()
        self.paths[agent].break_all("no power")
        await self.agents.pop(agent).cut()

    async def restart_gateway(self) -> None:
        """A crash, and the next start on the same store."""
        await self.gateway.cut()
        self.start_gateway()

    def tell_calendar(self) -> None:
        """The calendar has changed."""
        asyncio.get_running_loop().call_later(HEARD_S, self._hear)

    def _hear(self) -> None:
        self.gateway.core.hear()

    async def up(self) -> None:
        """Return when the gateway has heard every agent's birth; raises ChildError."""
        deadline = self.world.monotonic() + UP_MS
        while {row["agent"] for row in self.gateway.core.select("agents") if row["born_at"]} < set(
            self.plan.agents
        ):
            self.check()
            if self.world.monotonic() > deadline:
                raise ChildError("an agent was not heard of by the gateway within a minute")
            await self.world.sleep_until(self.world.monotonic() + 100)

    def check(self) -> None:
        """Raises what a core has ended with."""
        for hosted in (self.gateway, *self.agents.values()):
            hosted.check()

    async def end(self) -> None:
        """Everything in order."""
        for hosted in self.agents.values():
            await hosted.end()
        await self.gateway.end()

    async def cut(self) -> None:
        """What still runs stops where it stands."""
        for hosted in (self.gateway, *self.agents.values()):
            if not hosted.ended:
                await hosted.cut()

    def digest(self) -> str:
        """SHA-256 over all that was published, and every row of journals and store as they are now."""
        total = hashlib.sha256(self.broker.digest.encode())
        for name, row in self._rows():
            total.update(repr((name, row)).encode())
        return total.hexdigest()

    def _rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for agent in sorted(self.agents):
            for name, row in self.agents[agent].core.rows():
                yield f"{agent}/{name}", row
        yield from self.gateway.core.rows()
