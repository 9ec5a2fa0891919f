"""All of a real-time run: the processes, the simulated building around them, clocks and cables."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pleintemps_contract.simclock import SimulatedWorld
from pleintemps_contract.world import SystemWorld, World
from pleintemps_firmware_sim.clock import ClockServer
from pleintemps_firmware_sim.errors import DataFolderError
from pleintemps_firmware_sim.installation import Installation
from pleintemps_firmware_sim.processes import free_port
from pleintemps_firmware_sim.scenario.building import Building
from pleintemps_firmware_sim.scenario.calendar import Calendar
from pleintemps_firmware_sim.scenario.codes import Mailbox
from pleintemps_firmware_sim.scenario.configs import edge_toml, gateway_toml
from pleintemps_firmware_sim.scenario.facts import Timeline
from pleintemps_firmware_sim.scenario.faults import FaultKind
from pleintemps_firmware_sim.scenario.plan import Plan
from pleintemps_firmware_sim.scenario.script import Chance
from pleintemps_firmware_sim.scenario.stage import Wanted

from .cable import Cable
from .disk import SmallDisk, mounted
from .radio import RadioLock
from .witness import Witness

Say = Callable[[str], None]


class RealSite:
    """An asynchronous context: on entry everything runs and the gateway has heard of every agent, on exit
    nothing is left. Raises DataFolderError if ``data`` is not empty, ChildError if something does not come
    up.

    ``clock`` is the true one where time is simulated, ``clocks`` those of the agents.
    """

    def __init__(
        self, wanted: Wanted, data: Path | None, web_port: int, timeline: Timeline, say: Say
    ) -> None:
        """``data`` None: a temporary folder that goes with the run."""
        self.wanted = wanted
        self.host: World = SystemWorld()
        self.world: World = self.host
        self.clock: ClockServer | None = None
        self.clocks: dict[str, ClockServer] = {}
        self.cables: dict[str, Cable] = {}
        self.disks: dict[str, SmallDisk] = {}
        self.locks: dict[str, RadioLock] = {}
        """Those that hang on no pin, by their doors."""
        self.data: Path
        self.installation: Installation
        self.building: Building
        self.calendar: Calendar
        self.mailbox: Mailbox
        self.witness: Witness
        self._given = data
        self._web_port = web_port
        self._timeline = timeline
        self._say = say
        self._stack = contextlib.AsyncExitStack()

    @property
    def plan(self) -> Plan:
        return self.wanted.plan

    async def __aenter__(self) -> "RealSite":
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        self._folder()
        if FaultKind.DISK_FULL in self.wanted.faults:
            folders = [self.data / "state" / agent for agent in self.plan.agents]
            self.disks = await mounted(folders, self.host, self._stack)
        self.installation = Installation(self.data, self.host, web_port=self._web_port, say=self._say)
        self._stack.push_async_callback(self.installation.stop)
        sockets = await self._clocks()
        self.calendar = Calendar(self.data / "bookings.ics")
        self.calendar.publish(self.world.now())
        self.mailbox = Mailbox(self.installation.outbox)
        self.building = Building(
            self.plan, self.world, sockets=self.installation.sockets, ports=self.installation.ports
        )
        await self._stack.enter_async_context(self.building)
        await self.installation.start_gateway(
            gateway_toml(
                self.plan,
                self.wanted.rules,
                mqtt_url=self.installation.mqtt_url,
                web_port=self._web_port,
                calendar=self.calendar.path,
                poll_s=self.wanted.rules.poll_s,
                clock_socket=sockets.get("gateway"),
            )
        )
        self.witness = Witness(self.installation.mqtt_port, self.plan.site, self.world, self._timeline)
        await self.witness.start()
        self._stack.push_async_callback(self.witness.stop)
        await self._radio()
        for agent in self.plan.agents:
            chance = Chance(self.wanted.seed, "cable", agent)
            cable = Cable(free_port(), self.installation.mqtt_port, self.world, chance)
            await cable.start()
            self._stack.push_async_callback(cable.stop)
            self.cables[agent] = cable
            await self.installation.start_agent(
                agent,
                edge_toml(
                    self.plan,
                    agent,
                    mqtt_url=f"mqtt://127.0.0.1:{cable.port}",
                    ports=self.installation.ports,
                    clock_socket=sockets.get(agent),
                ),
            )
        await self.installation.agents_up()

    async def _radio(self) -> None:
        """The building's locks behind radio, on its broker."""
        for name, post in self.building.doors.items():
            if not post.plan.radio:
                continue
            lock = self.locks[name] = RadioLock(post, self.installation.mqtt_port, self.world)
            running = asyncio.create_task(lock.device.run())
            self._stack.push_async_callback(_end, running)
            await lock.device.online.wait()

    def _folder(self) -> None:
        if self._given is None:
            self.data = Path(tempfile.mkdtemp(prefix="pleintemps-demo-"))
            self._stack.callback(shutil.rmtree, self.data, ignore_errors=True)
            return
        self.data = self._given.absolute()
        self.data.mkdir(parents=True, exist_ok=True)
        if any(self.data.iterdir()):
            raise DataFolderError(f"{self.data} is not empty; give the run a folder of its own")

    async def _clocks(self) -> dict[str, str]:
        """Sockets of simulated clocks: none where everybody lives by the machine's own."""
        wanted = self.wanted
        if wanted.begin is None and wanted.speed == 1:
            return {}
        now = self.host.now() if wanted.begin is None else wanted.begin
        servers, sockets = {}, {}
        # agents whose clocks may leap have one each
        agents = self.plan.agents if wanted.begin is not None else []
        for name in ("gateway", *agents):
            path = self.installation.sockets / f"clock-{name}"
            servers[name] = ClockServer(path, now=now, speed=wanted.speed)
            await servers[name].start()
            self._stack.push_async_callback(servers[name].stop)
            sockets[name] = str(path)
        self.clock = servers.pop("gateway")
        self.clocks = servers
        self.world = await asyncio.to_thread(SimulatedWorld, Path(sockets["gateway"]))
        return dict.fromkeys(self.plan.agents, sockets["gateway"]) | sockets


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
