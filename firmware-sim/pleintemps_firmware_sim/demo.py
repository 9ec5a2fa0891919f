"""``pleintemps-sim demo``: broker, gateway, agents and the simulated building, on one command."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from pleintemps_contract.world import SystemWorld, World

from .clock import ClockServer
from .console import panel
from .console.model import Model
from .control import offered
from .errors import GatewayError
from .installation import CARETAKER, MANAGER, Installation, command
from .processes import Child, claim_port, end_on_signals
from .real.site import RealSite
from .real.stage import RealStage
from .scenario.director import Director
from .scenario.facts import Timeline
from .scenario.ledger import Ledger
from .scenario.loading import load
from .scenario.people import Town
from .scenario.script import Part, write
from .scenario.stage import Wanted
from .scenario.times import span_ms
from .words import word

SCENARIO: Final = "demo"
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
    panel_port: int | None = None
    """Of the testers' page; None for none."""


def _silent(_text: str) -> None:
    return


class DemoBuilding:
    """The demo as an asynchronous context: on entry everything runs and a code is valid, on exit nothing is
    left.

    ``installation`` holds the processes, ``stage`` plays the scenario ``demo``, ``town`` is for visitors and
    ``visit_code`` is theirs;
    ``clock`` is everybody's where time is simulated.
    Raises PortBusyError if the port is taken, DataFolderError if ``data`` is not empty, ChildError if
    something does not come up.
    """

    def __init__(self, options: DemoOptions, say: Say = _silent) -> None:
        self.options = options
        self.scenario = load(SCENARIO)
        self.plan = self.scenario.plan
        self.rules = self.scenario.rules
        self.host: World = SystemWorld()
        self.ledger = Ledger()
        self.visit_code = ""
        self.clock: ClockServer | None = None
        self.installation: Installation
        self.town: Town
        self.stage: RealStage
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

    async def evening(self, number: int = 1) -> None:
        """One evening as the scenario tells it; returns when every act and every booking is over."""
        director = self._director("again", number)
        try:
            await director.play()
        finally:
            await director.close()

    async def live(self) -> None:
        """Let evenings follow one another until cancelled."""
        repeat = span_ms(self.scenario.file.repeat or self.scenario.file.lasts)
        number = 0
        while True:
            number += 1
            began = self.town.world.monotonic()
            await self.evening(number)
            await self.town.world.sleep_until(began + repeat)

    async def live_for(self, seconds: float) -> None:
        """``seconds`` of real time with as many whole evenings as fit; the first may be broken off."""
        whole_ms = int(seconds * 1_000)
        began = self.host.monotonic()
        number = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while number == 0 or self.host.monotonic() - began + self._evening_ms <= whole_ms:
                    number += 1
                    await self.evening(number)
                await self.host.sleep_until(began + whole_ms)

    @property
    def _evening_ms(self) -> int:
        """Real milliseconds that an evening takes."""
        return int(span_ms(self.scenario.file.lasts) / self.options.speed)

    def _director(self, part: Part, number: int) -> Director:
        begin = -(-self.town.world.now() // 1_000) * 1_000
        script = write(self.scenario, self.options.seed, begin, part=part, number=number)
        return Director(self.scenario, script, self.stage)

    async def _start(self) -> None:
        wanted = Wanted(self.plan, self.rules, self.options.seed, speed=self.options.speed)
        timeline = Timeline(heed=self.ledger.heed)
        site = RealSite(wanted, self.options.data, self.options.port, timeline, self._say)
        await self._stack.enter_async_context(site)
        self.data, self.installation, self.clock = site.data, site.installation, site.clock
        self.ledger.path = self.data / "ledger.jsonl"
        self.town = Town(
            site.building, self.rules, site.calendar, site.mailbox, self.ledger, seed=self.options.seed
        )
        self.stage = RealStage(site, timeline)
        self._stack.push_async_callback(self.stage.stop)
        await self._open_house()
        await self._control()

    async def _open_house(self) -> None:
        """The standing booking for the person at the keyboard, and a host who comes at once and stays."""
        director = self._director("once", 0)
        self._stack.push_async_callback(director.close)
        task = asyncio.create_task(director.play())
        self._stack.push_async_callback(_cancel, task)
        (visit,) = director.script.bookings
        code = await self.stage.code_of(visit.event.uid, _CODE_MS)
        if code is None:
            raise self.installation.gateway.failure("issued no code for the visit")
        self.visit_code = code

    async def _control(self) -> None:
        model = Model(self.stage, self.town.building, self.rules)
        path = self.installation.sockets / "control"
        await self._stack.enter_async_context(offered(model, path, self.data, self.host))
        if self.options.panel_port is not None:
            listener = panel.listen(panel.HERE, self.options.panel_port)
            serving = asyncio.create_task(panel.serve(self.data, listener, None))
            self._stack.push_async_callback(_cancel, serving)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _as_typed(program: str) -> str:
    """``program`` as somebody in this folder would type it: it need not be in PATH."""
    path, here = Path(program), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else program


def _introduce(demo: DemoBuilding, manager: str, say: Say) -> None:
    doors = ", ".join(door.door for door in demo.plan.way_to("office"))
    devices = ", ".join(demo.town.building.serial)
    say("")
    say(word("page", url=demo.url))
    if demo.options.panel_port is not None:
        say(word("panel", url=f"http://{panel.HERE}:{demo.options.panel_port}/"))
    say(word("login", name=CARETAKER, password=demo.installation.password))
    say(word("login", name=MANAGER, password=manager))
    say(word("code", code=demo.visit_code, doors=doors))
    say(word("data", data=demo.data))
    say("")
    say(word("people"))
    say(word("try"))
    program = _as_typed(command("pleintemps-sim"))
    say(f"    {program} press --data {demo.data} gate {demo.visit_code}#")
    say(f"    {program} push --data {demo.data} gate")
    say(word("orders", devices=devices))
    say(f"    {program} console --data {demo.data}")
    say(word("stop"))


async def run_demo(options: DemoOptions, *, seconds: float | None, as_json: bool) -> int:
    """The whole command; returns its exit status."""
    stream = sys.stderr if as_json else sys.stdout

    def say(text: str) -> None:
        print(text, file=stream, flush=True)

    async def act() -> None:
        async with DemoBuilding(options, say) as demo:
            _introduce(demo, await demo.installation.add_manager(), say)
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
        if child is demo.installation.broker and not demo.installation.broker_wanted.is_set():
            await demo.installation.broker_wanted.wait()
            continue
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
