"""Runs the real drivers for the steps: claims the state folder, hands on what is heard, gives the orders."""

import asyncio
import contextlib
import hashlib
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from gpiozero import GPIOZeroError

from pleintemps_contract.commissioning import (
    Answer,
    DeviceResult,
    Finding,
    Machine,
    Order,
    Prompt,
    Report,
    Technician,
    Verdict,
)
from pleintemps_contract.cores import AgentRims
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.world import SystemWorld, World
from pleintemps_edge import __version__
from pleintemps_edge.config import Setup
from pleintemps_edge.devices import Devices
from pleintemps_edge.drivers import registry
from pleintemps_edge.drivers.base import (
    Driver,
    Feedback,
    Observation,
    Sampled,
)
from pleintemps_edge.drivers.building import BuildingLine
from pleintemps_edge.drivers.modbus_sound import ModbusSoundConfig
from pleintemps_edge.drivers.serial_port import PortLost
from pleintemps_edge.errors import LockError, StateError
from pleintemps_edge.journal.claim import claim
from pleintemps_edge.record.pins import Seen, TappedFactory

from . import outputs, plan, probing, report, texts
from .discovering import hear
from .heard import Answered, Bytes, Event, Looked, Observed, Pulse, Refused
from .kept import calibrations, refuse_in_fire
from .looks import Looks
from .moving import Locks
from .places import Places, pins
from .steps import (
    Bench,
    Do,
    Effect,
    Known,
    Problem,
    Run,
    Say,
    Step,
    Through,
    advance,
    begin,
    result,
    verdict_of,
)
from .taps import TappedWires

_BETWEEN_MS: Final = 100
"""Between two commands to a radar, which answers each in about 10 ms."""


class Selftest:
    """One self test of one configuration; made inside the event loop."""

    def __init__(
        self,
        setup: Setup,
        source: bytes,
        world: World,
        rims: AgentRims,
        machine: Machine,
        technician: Technician,
        order: Order,
        line: World | None = None,
    ) -> None:
        """Claims the state folder and takes the pins. ``source`` are the bytes of the configuration.

        Raises StateError where an agent runs, ConfigError, CommissioningError while a fire is not confirmed
        as over.
        """
        self._setup = setup
        self._source = source
        self._world = world
        self._line = line or SystemWorld()
        self._rims = rims
        self._machine = machine
        self._technician = technician
        self._order = order
        self._started = world.now()
        self._results: list[DeviceResult] = []
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._complete = False
        self._run = Run(())
        self._sending: set[asyncio.Task[None]] = set()
        self._others: dict[str, str] = {}
        config = setup.config
        self._looks = Looks(machine, world, rims.disciplined, chip=bool(config.clock.rtc))
        try:
            setup.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"{setup.state}: {error.strerror or error}") from error
        self._held = claim(setup.state)
        try:
            refuse_in_fire(setup)
            facts = plan.Facts(order.calibrator_db, calibrations(setup.state))
            places = Places.of(setup.config.board, setup.base)
            self._benches = plan.benches(setup.config, facts, places, order.only)
            self._take_devices()
        except BaseException:
            self._held.close()
            raise

    def _take_devices(self) -> None:
        """Make all devices; one that cannot be had is broken and holds nobody up."""
        setup, rims = self._setup, self._rims
        configs = [registry.read(table) for table in setup.config.devices]
        ports = {setup.base / port: config.device for config in configs for port in config.ports()}
        self._wires = TappedWires(rims.wires, ports, self._heard_bytes)
        self._pins = {
            number: (config.device, name) for config in configs for name, number in pins(config).items()
        }
        try:
            factory = TappedFactory(rims.pins, self._heard_pin) if self._pins else rims.pins
        except (GPIOZeroError, OSError):
            factory = rims.pins  # each device says by itself that its pins cannot be had
        building = None
        if setup.config.building is not None:
            name = f"pleintemps-{setup.config.site}-{setup.config.agent}-selftest"
            building = BuildingLine(rims.building, name, self._line)
        self._building = building
        context = registry.Context(
            world=self._world,
            base=setup.base,
            line=self._line,
            pin_factory=factory,
            wires=self._wires,
            building=building,
            state=setup.state,
            hear=rims.hear,
        )
        self._devices: dict[str, Devices] = {}
        self._lost: dict[str, str] = {}
        for table in setup.config.devices:
            name = str(table["device"])
            try:
                self._devices[name] = Devices([table], context, ())
            except ConfigError as error:
                self._lost[name] = str(error)
        self._locks = Locks(setup.config, self._devices)

    # --- running ------------------------------------------------------------------------------------

    async def run(self) -> Report:
        """To the end. However it ends, every lock is secured and given back."""
        tasks: list[asyncio.Task[Any]] = []
        try:
            await self._scan()
            if self._building is not None:
                tasks.append(asyncio.create_task(self._building.run()))
            tasks += [asyncio.create_task(each.run(self._observed)) for each in self._drivers()]
            await self._steps(tasks)
            self._complete = True
        finally:
            await self._end(tasks)
        return self.report()

    async def _scan(self) -> None:
        """Who else answers on the meters' buses, before their drivers take the ports."""
        chosen = {each.device for each in self._benches}
        for table in self._setup.config.devices:
            config = registry.read(table)
            if isinstance(config, ModbusSoundConfig) and config.device in chosen:
                probes = probing.modbus(config.baud)
                try:
                    told = await hear(self._setup.base / config.port, self._wires, self._line, probes)
                except PortLost:
                    continue  # the driver says what is wrong with its port
                found = [each for each in map(probing.heard, probes, told) if each is not None]
                others = {each.address for each in found} - {config.address}
                self._others[config.device] = ", ".join(map(str, sorted(others)))

    def _drivers(self) -> Iterator[Driver]:
        for devices in self._devices.values():
            yield from devices.observers

    async def _steps(self, tasks: "list[asyncio.Task[Any]]") -> None:
        waiting = tuple(self._bench(each) for each in self._benches)
        # what drivers say at their start is known before the first step
        await self._world.sleep_until(self._world.monotonic() + _BETWEEN_MS)
        drivers = {str(table["device"]): str(table["driver"]) for table in self._setup.config.devices}
        state = Run(waiting, alone=self._order.alone, agreed=self._order.agreed, drivers=drivers)
        self._run = state
        while not self._events.empty():
            state, _ = advance(state, self._events.get_nowait(), self._world.monotonic())
        state, effects = begin(state, self._world.monotonic())
        self._run = state
        self._act(effects)
        while not state.over:
            for task in tasks:
                if task.done():
                    task.result()
            event = await self._next(state.due)
            state, effects = advance(state, event, self._world.monotonic())
            self._run = state
            self._act(effects)

    async def _next(self, due: int | None) -> Event | None:
        """The next event, or None when ``due`` has come."""
        if not self._events.empty():
            return self._events.get_nowait()
        getting = asyncio.ensure_future(self._events.get())
        timer = asyncio.ensure_future(self._until(due))
        try:
            await asyncio.wait({getting, timer}, return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()
            timer.cancel()

    async def _until(self, due: int | None) -> None:
        if due is None:
            await asyncio.Event().wait()
        else:
            await self._world.sleep_until(due)

    def _bench(self, bench: Bench) -> Bench:
        lost = self._lost.get(bench.device)
        if lost is None:
            return bench

        def script(known: Known) -> tuple[Step, ...]:
            self._events.put_nowait(Refused(bench.device, lost))
            return (outputs.unknown(known)[0],)

        return Bench(bench.device, bench.driver, script, bench.where, bench.wiring, bench.door)

    async def _end(self, tasks: "list[asyncio.Task[Any]]") -> None:
        self._locks.end()
        for devices in self._devices.values():
            for signal in devices.signals.values():
                with contextlib.suppress(LockError):
                    signal.warn(False)
        for task in (*self._sending, *tasks):
            task.cancel()
        await asyncio.gather(*self._sending, *tasks, return_exceptions=True)
        self._locks.close()
        self._held.close()

    # --- what is heard ------------------------------------------------------------------------------

    def _observed(self, what: Observation) -> None:
        device = what.series if isinstance(what, Sampled) else what.device
        self._locks.observe(what)
        self._events.put_nowait(Observed(device, what))

    def _heard_pin(self, seen: Seen) -> None:
        """In whatever thread the pins have."""
        if not seen.out and seen.us is not None and seen.pin in self._pins:
            device, line = self._pins[seen.pin]
            pulse = Pulse(device, line, seen.level, seen.us)
            self._loop.call_soon_threadsafe(self._events.put_nowait, pulse)

    def _heard_bytes(self, device: str, sent: bool, data: bytes) -> None:
        self._events.put_nowait(Bytes(device, sent, data))

    # --- what is done -------------------------------------------------------------------------------

    def _act(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Say):
                self._locks.asked(effect.step.ask)
                self._technician.told(self._prompt(effect), self._answered)
            elif isinstance(effect, Through):
                found = texts.translated(self._order.language, result(effect, self._finding))
                self._results.append(found)
                if found.verdict is Verdict.FAIL:
                    self._locks.distrust(found.device)
                self._technician.found(found)
            else:
                self._obey(effect)

    def _answered(self, answer: Answer) -> None:
        self._events.put_nowait(Answered(answer))

    def _obey(self, do: Do) -> None:
        try:
            if do.act == "bus":
                others = self._others.get(do.device, "")
                self._events.put_nowait(Looked(do.device, float(bool(others)), others))
            elif do.act in ("send", "look"):
                work = self._send(do) if do.act == "send" else self._look(do.device)
                task = asyncio.create_task(work)
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            elif do.act == "release":
                self._locks.release(do.device)
            elif do.act == "secure":
                self._locks.secure(do.device)
            elif do.device in self._devices:
                _ACTS[do.act](self._devices[do.device], do.device)
        except LockError as error:
            self._events.put_nowait(Refused(do.device, str(error)))

    async def _send(self, do: Do) -> None:
        for data in do.data:
            try:
                self._wires.write(do.device, data)
            except OSError:
                return  # the driver says what is wrong with its port
            await self._line.sleep_until(self._line.monotonic() + _BETWEEN_MS)

    async def _look(self, device: str) -> None:
        self._events.put_nowait(await self._looks.look(device))

    # --- words --------------------------------------------------------------------------------------

    def _prompt(self, say: Say) -> Prompt:
        bench, step = say.bench, say.step
        values = {"device": bench.device, "where": bench.where or bench.device, **step.values}
        text = texts.instruction(self._order.language, step.ask, step.name, values)
        again = texts.word(self._order.language, "again")
        return Prompt(
            number=say.number,
            device=bench.device,
            driver=bench.driver,
            step=step.name,
            ask=step.ask,
            text=f"{again} {text}" if step.repeated else text,
            door=bench.door,
            answers=step.answers,
            keys=step.keys,
            level_db=step.level_db,
            seconds=round(step.within_ms / 1000),
        )

    def _finding(self, problem: Problem, bench: Bench) -> Finding:
        return texts.finding(self._order.language, problem, bench)

    def _begun(self) -> Iterator[DeviceResult]:
        """The device at which it was ended, with what had been measured."""
        run = self._run
        if run.bench is not None:
            problems = (*run.problems, Problem("interrupted", Verdict.SKIPPED))
            verdicts = [*(each.verdict for each in run.measurements), *(each.verdict for each in problems)]
            ended = Through(run.bench, verdict_of(verdicts), run.measurements, problems)
            yield texts.translated(self._order.language, result(ended, self._finding))

    def report(self) -> Report:
        """What was found so far; ``complete`` once :meth:`run` has come to its end."""
        config = self._setup.config
        devices = [*self._results, *([] if self._complete else self._begun())]
        return Report(
            site=config.site,
            agent=config.agent,
            board=config.board or "",
            model=self._machine.model,
            version=__version__,
            python=platform.python_version(),
            language=self._order.language,
            technician=self._order.technician,
            simulated=self._setup.keys.purpose == "demo",
            configuration=hashlib.sha256(self._source).hexdigest(),
            started=self._started,
            ended=self._world.now(),
            complete=self._complete,
            verdict=verdict_of(
                [
                    *(each.verdict for each in devices),
                    *([] if self._complete else [Verdict.SKIPPED]),
                ]
            ),
            devices=devices,
        )

    def write(self, folder: Path) -> list[Path]:
        """Sign and write the report; raises CommissioningError."""
        return report.write(folder, self.report(), self._setup.key_folder)


_ACTS: Final[dict[str, Callable[[Devices, str], None]]] = {
    "on": lambda devices, name: devices.signals[name].warn(True),
    "off": lambda devices, name: devices.signals[name].warn(False),
    "show": lambda devices, name: devices.readers[name].show(Feedback.ACCEPTED),
    "arm": lambda devices, name: devices.panels[name].set(),
    "disarm": lambda devices, name: devices.panels[name].unset(),
}
