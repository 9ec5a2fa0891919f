"""``pleintemps-sim demo``: broker, gateway, agents and the simulated building, on one command."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from pleintemps_contract.simclock import SimulatedWorld
from pleintemps_contract.world import SystemWorld, World

from .clock import ClockServer
from .control import ADDRESS_FILE, Address, ControlServer
from .errors import DataFolderError, GatewayError
from .installation import CARETAKER, Installation, command
from .processes import Child, claim_port, end_on_signals
from .scenario import story
from .scenario.building import Building
from .scenario.calendar import Calendar, Event
from .scenario.codes import Mailbox
from .scenario.configs import edge_toml, gateway_toml
from .scenario.ledger import Ledger
from .scenario.people import Town
from .scenario.plan import SAINT_AUBIN, Plan, Rules
from .words import word

_SETTLE_MS: Final = 12_000
_STEADY_MS: Final = 1_000
_LOOK_MS: Final = 250
_CODE_MS: Final = 20_000
_SHORT_LIFE_MS: Final = 5_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``data`` None: a temporary folder that goes with the demo. ``speed``: simulated seconds per second."""

    port: int = 8080
    data: Path | None = None
    seed: int = 1
    speed: float = 1.0


def _silent(_text: str) -> None:
    return


class DemoBuilding:
    """The demo as an asynchronous context: on entry everything runs and a code is valid, on exit nothing is
    left.

    ``installation`` holds the processes, ``town`` the simulated people and ``visit_code`` the visitor's code;
    ``clock`` is everybody's where time is simulated.
    Raises PortBusyError if the port is taken, DataFolderError if ``data`` is not empty, ChildError if
    something does not come up.
    """

    def __init__(
        self,
        options: DemoOptions,
        say: Say = _silent,
        *,
        plan: Plan = SAINT_AUBIN,
        rules: Rules | None = None,
    ) -> None:
        self.options = options
        self.plan = plan
        self.rules = rules or Rules()
        self.host: World = SystemWorld()
        self.ledger = Ledger()
        self.visit_code = ""
        self.clock: ClockServer | None = None
        self.installation: Installation
        self.town: Town
        self.data: Path
        self._say = say
        self._stack = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.options.port}/"

    async def __aenter__(self) -> "DemoBuilding":
        claim_port(self.options.port)
        self._say(word("starting"))
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def settle(self, within_ms: int = _SETTLE_MS) -> dict[str, Any]:
        """Wait until the gateway has counted what the people did and its counts rest; the report as it is
        then.

        Without agreement the report comes after ``within_ms`` all the same, and says so. Raises GatewayError
        if the gateway does not answer even then.
        """
        deadline = self.host.monotonic() + within_ms
        steady_since, last = self.host.monotonic(), None
        while True:
            now = self.host.monotonic()
            try:
                report = await self.report()
            except GatewayError:
                if now > deadline:
                    raise
                await self.host.sleep_until(now + _LOOK_MS)
                continue
            figures = (report["agrees"], report["events"], report["people"])
            if figures != last:
                steady_since, last = now, figures
            if report["agrees"] and now - steady_since >= _STEADY_MS:
                return report
            if now > deadline:
                return report
            await self.host.sleep_until(now + _LOOK_MS)

    async def report(self) -> dict[str, Any]:
        """The gateway's counts beside what the people did. Raises GatewayError."""
        summary: dict[str, Any] = dict(await self.installation.api.summary())
        by_kind = await self.installation.api.alerts_by_kind()
        return {
            **summary,
            "people": {
                **self.ledger.figures(),
                "alerts_by_kind": dict(self.ledger.alerts),
                "lights": dict(self.ledger.lights),
            },
            "agrees": self.ledger.agrees(summary, by_kind),
            "alerts_by_kind": by_kind,
        }

    async def live(self) -> None:
        """Let evenings follow one another until cancelled."""
        number = 0
        while True:
            number += 1
            began = self.town.world.monotonic()
            await story.cycle(self.town, number)
            await self.town.world.sleep_until(began + story.REPEAT_MS)

    async def live_for(self, seconds: float) -> None:
        """``seconds`` of real time with as many whole evenings as fit; the first may be broken off."""
        whole_ms = int(seconds * 1_000)
        began = self.host.monotonic()
        number = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while number == 0 or self.host.monotonic() - began + self._evening_ms <= whole_ms:
                    number += 1
                    await story.cycle(self.town, number)
                await self.host.sleep_until(began + whole_ms)

    @property
    def _evening_ms(self) -> int:
        """Real milliseconds that an evening takes."""
        return int(story.CYCLE_MS / self.options.speed)

    async def _start(self) -> None:
        if self.options.data is None:
            self.data = Path(tempfile.mkdtemp(prefix="pleintemps-demo-"))
            self._stack.callback(shutil.rmtree, self.data, ignore_errors=True)
        else:
            self.data = self.options.data.absolute()
            self.data.mkdir(parents=True, exist_ok=True)
            if any(self.data.iterdir()):
                raise DataFolderError(f"{self.data} is not empty; give the demo a folder of its own")
        self.ledger = Ledger(self.data / "ledger.jsonl")
        self.installation = Installation(self.data, self.host, web_port=self.options.port, say=self._say)
        self._stack.push_async_callback(self.installation.stop)
        clock_socket, world = await self._clock()
        calendar = Calendar(self.data / "bookings.ics")
        calendar.publish(world.now())
        building = Building(
            self.plan, world, sockets=self.installation.sockets, ports=self.installation.ports
        )
        await self._stack.enter_async_context(building)
        await self.installation.start_gateway(
            gateway_toml(
                self.plan,
                self.rules,
                mqtt_url=self.installation.mqtt_url,
                web_port=self.options.port,
                calendar=calendar.path,
                clock_socket=clock_socket,
            )
        )
        for agent in self.plan.agents:
            await self.installation.start_agent(
                agent,
                edge_toml(
                    self.plan,
                    agent,
                    mqtt_url=self.installation.mqtt_url,
                    ports=self.installation.ports,
                    clock_socket=clock_socket,
                ),
            )
        await self.installation.agents_up()
        mailbox = Mailbox(self.installation.outbox)
        self.town = Town(building, self.rules, calendar, mailbox, self.ledger, seed=self.options.seed)
        visit = await story.open_house(self.town)
        await self._first_code(visit)
        task = asyncio.create_task(story.host(self.town, visit))
        self._stack.push_async_callback(_cancel, task)
        await self._control()

    async def _clock(self) -> tuple[str | None, World]:
        """The machine's clock at speed 1, else one of our own on a socket."""
        if self.options.speed == 1:
            return None, self.host
        path = self.installation.sockets / "clock"
        self.clock = server = ClockServer(path, now=self.host.now(), speed=self.options.speed)
        await server.start()
        self._stack.push_async_callback(server.stop)
        return str(path), await asyncio.to_thread(SimulatedWorld, path)

    async def _first_code(self, visit: Event) -> None:
        try:
            async with asyncio.timeout(_CODE_MS / 1_000):
                self.visit_code = await self.town.code_of(visit)
        except TimeoutError:
            raise self.installation.gateway.failure("issued no code for the visit") from None

    async def _control(self) -> None:
        path = self.installation.sockets / "control"
        server = ControlServer(self.town, path)
        await server.start()
        self._stack.push_async_callback(server.stop)
        address = self.data / ADDRESS_FILE
        address.write_bytes(msgspec.json.encode(Address(socket=str(path))))
        self._stack.callback(address.unlink, missing_ok=True)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _as_typed(program: str) -> str:
    """``program`` as somebody in this folder would type it: it need not be in PATH."""
    path, here = Path(program), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else program


def _introduce(demo: DemoBuilding, say: Say) -> None:
    doors = ", ".join(door.door for door in demo.plan.way_to("office"))
    devices = ", ".join(demo.town.building.serial)
    say("")
    say(word("page", url=demo.url))
    say(word("login", name=CARETAKER, password=demo.installation.password))
    say(word("code", code=demo.visit_code, doors=doors))
    say(word("data", data=demo.data))
    say("")
    say(word("people"))
    say(word("try"))
    program = _as_typed(command("pleintemps-sim"))
    say(f"    {program} press --data {demo.data} gate {demo.visit_code}#")
    say(f"    {program} push --data {demo.data} gate")
    say(word("orders", devices=devices))
    say(word("stop"))


async def run_demo(options: DemoOptions, *, seconds: float | None, as_json: bool) -> int:
    """The whole command; returns its exit status."""
    stream = sys.stderr if as_json else sys.stdout

    def say(text: str) -> None:
        print(text, file=stream, flush=True)

    async def act() -> None:
        async with DemoBuilding(options, say) as demo:
            _introduce(demo, say)
            kept = [
                asyncio.create_task(_keep_alive(demo, child, say))
                for child in (demo.installation.gateway, demo.installation.broker)
            ]
            if seconds is None:
                acts: Awaitable[None] = demo.live()
            else:
                acts = demo.live_for(seconds)
            try:
                await _first_of(asyncio.ensure_future(acts), kept)
                report = await demo.settle()
            finally:
                for task in kept:
                    await _cancel(task)
            if as_json:
                print(msgspec.json.encode(report).decode(), flush=True)
            else:
                say(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())

    work = asyncio.create_task(act())
    end_on_signals(work)
    try:
        await work
    except asyncio.CancelledError:
        return 130
    return 0


async def _keep_alive(demo: DemoBuilding, child: Child, say: Say) -> None:
    """Start ``child`` again whenever it ends; raises ChildError when it does not stay up."""
    while True:
        started = demo.host.monotonic()
        status = await child.wait()
        if demo.host.monotonic() - started < _SHORT_LIFE_MS:
            raise child.failure(f"ended with status {status}")
        say(f"{child.name} ended with status {status}; starting it again")
        await child.stop(demo.host)
        await child.start()


async def _first_of(acts: "asyncio.Future[None]", kept: "list[asyncio.Task[None]]") -> None:
    """Until the acts are over; raises what ended one of them."""
    try:
        done, _ = await asyncio.wait([acts, *kept], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        if not acts.done():
            acts.cancel()
            await asyncio.gather(acts, return_exceptions=True)
