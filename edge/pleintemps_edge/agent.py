"""The agent: configuration in, one asyncio process that keeps its doors, out.

What devices observe is handed on by :mod:`.routing`; what the gateway says goes to the office. Nothing here
decides: the rules are in ``door``, ``access``, ``journal`` and ``link``.
"""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from pleintemps_contract.agent_messages import (
    AgentStarted,
    Birth,
    DeviceInfo,
    Health,
    JournalReplaced,
    RefusalReason,
    SamplesDropped,
    SeriesInfo,
    Stream,
)
from pleintemps_contract.clockconfig import open_world
from pleintemps_contract.cores import AgentRims
from pleintemps_contract.logs import line
from pleintemps_contract.world import SystemWorld, World

from . import __version__
from .access.desk import Desk
from .clock import Clock
from .config import Setup
from .devices import Devices
from .door import CodeAccepted, FireInput
from .drivers import registry
from .drivers.building import BuildingLine
from .enrolment.renewal import Renewal
from .errors import StateError
from .journal.claim import claim
from .journal.events import EventJournal, Stamp
from .journal.inline import InlineWriter
from .journal.samples import SampleJournal
from .journal.writer import MakeWriter, Writer
from .keeper import Keeper, interlock
from .link.birth import certificate_until, refuse_if_too_large
from .link.inbox import Inbox
from .link.office import Office
from .link.session import Link
from .metering import Metering
from .opening_hours import OpeningHours
from .panel import PanelKeeper
from .record.parts import Parts
from .rims import own
from .routing import Readers, Router
from .rtc import LinuxRtc, Rtc
from .rtc import kept as verified_at
from .signals import SignalKeeper
from .status import Status, telling
from .systemd.notify import Notifier

HOUSE_MS: Final = 60_000
KEEP_FLOOR_MS: Final = 600_000
STOP_S: Final = 0.5
_FLOOR: Final = "floor"
_RTC: Final = "rtc-verified"
_LOG: Final = logging.getLogger("agent")


class Agent:
    """Everything of one agent; made inside the event loop, from a setup that was checked."""

    def __init__(
        self,
        setup: Setup,
        world: World,
        line_world: World,
        rims: AgentRims | None = None,
        tap: Callable[[AgentRims], AgentRims] | None = None,
    ) -> None:
        """Opens the state folder and takes the pins; raises StateError or ConfigError.

        ``world`` is the clock of doors and records, ``line_world`` that of wires and of the network. Without
        ``rims`` pins, ports, broker and kernel are those of this machine; with them nothing here has a
        thread, and nobody can ask for the status. ``tap`` may put something between agent and rims.
        """
        config, keys = setup.config, setup.keys
        self._config = config
        self._world = world
        self._line_world = line_world
        self.boot = world.new_id()
        try:
            setup.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"{setup.state}: {error.strerror or error}") from error
        self._alone = claim(setup.state)
        self._state = setup.state
        self._hosted = rims is not None
        rims = own(setup) if rims is None else rims
        self._rims = rims = rims if tap is None else tap(rims)
        self._inline: list[InlineWriter] = []
        writer: MakeWriter = self._inline_writer if self._hosted else Writer
        self._events = EventJournal.open(setup.state, world, self._stamp, writer, rims.connect)
        self._clock = self._open_clock(setup)
        budget = config.samples.budget_mib * 2**20
        self._samples = SampleJournal.open(
            setup.state, world, budget, self._samples_dropped, writer, rims.connect
        )
        self._dropped = 0
        self._powerless = False
        self._building = self._open_building(setup)
        context = registry.Context(
            world=world,
            base=setup.base,
            line=line_world,
            pin_factory=rims.pins,
            wires=rims.wires,
            building=self._building,
            state=setup.state,
            hear=rims.hear,
        )
        holding = {door.lock for door in config.doors if Keeper.holds_fire(self._kept(door.door))}
        self._devices = Devices(config.devices, context, holding)
        readers = Readers(config.doors, self._devices.readers)
        self._doors = {
            door.door: Keeper(
                door.door,
                door.plan,
                self._devices.locks[door.lock],
                world,
                self._events,
                self._kept(door.door),
                readers.show_at,
            )
            for door in config.doors
        }
        for door in config.doors:
            if door.fire is None:  # no panel will say that it is reset
                self._doors[door.door].happen(FireInput(False))
            if door.interlock is not None:
                interlock(self._doors[door.door], self._doors[door.interlock])
        self._panels = {
            panel.panel: PanelKeeper(
                panel.panel,
                self._devices.panels[panel.device],
                partial(self._not_shut, tuple(panel.doors)),
                world,
                self._events,
            )
            for panel in config.panels
        }
        self._signals = {
            signal.signal: SignalKeeper(
                signal.signal,
                signal.space,
                round(signal.max_on_s * 1000),
                self._devices.signals[signal.device],
                world,
                self._events,
                self._events.state(SignalKeeper.state_key(signal.signal)),
            )
            for signal in config.signals
        }
        self._metering = Metering(self._devices.series, self._samples, world, self._clock.read, self.boot)
        self._inbox = inbox = Inbox(config.site, config.agent, keys.trusted)
        self._desk = Desk(
            self._doors,
            keys=keys,
            trusted=lambda: inbox.keys,
            world=world,
            journal=self._events,
            trusted_now=self._trusted_now,
            open_door=self._open_door,
            show=readers.show,
        )
        self._hours = OpeningHours(
            self._doors,
            lambda: self._desk.table.free_openings,
            self._trusted_now,
            world,
            self._events,
            self._events.state,
        )
        self._router = Router(
            config.doors,
            self._doors,
            self._devices.observers,
            readers,
            self._desk,
            self._metering,
            self._events,
            {panel.device: self._panels[panel.panel] for panel in config.panels},
        )
        self._own_keys = setup.key_folder if config.mqtt.tls else None
        self._link = Link(rims.broker, config.site, config.agent, self.boot, line_world, self._clock)
        self._renewal: Renewal | None = None
        if self._own_keys is not None and not self._hosted:
            self._renewal = Renewal.of(self._own_keys, line_world, self._link.rebirth)
        self._office = Office(
            inbox=inbox,
            boot=self.boot,
            world=line_world,
            clock=self._clock,
            doors=self._doors,
            desk=self._desk,
            events=self._events,
            samples=self._samples,
            streams=self._link,
            respond=self._link.respond,
            panels=self._panels,
            signals=self._signals,
            receipted=self._desk.receipted,
        )
        for journal in (self._events, self._samples):
            journal.on_change = self._link.rebirth
        self._events.on_replaced = lambda: self._link.begin_anew(self._events.position)
        self._samples.on_replaced = self._samples_replaced
        self._notifier = Notifier(line_world) if self._hosted else Notifier.from_environment(line_world)
        refuse_if_too_large(self._birth(self.boot))

    # --- running ------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``; then hold the doors shut, say good-bye and close, within two seconds."""
        self._events.append([AgentStarted(version=__version__)])
        self._own_to_replaced(self._samples.replaced)
        _LOG.info(line("agent-started", site=self._config.site, agent=self._config.agent, boot=self.boot))
        running = asyncio.create_task(self._run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
        finally:
            stopping.cancel()
            if self._powerless:
                await _end(running)
            else:
                await self._stop(running)

    async def run_until_cut(self, stop: asyncio.Event) -> None:
        """:meth:`run`, where being cancelled is a power cut: nothing is said, flushed or held shut then."""
        running = asyncio.create_task(self.run(stop))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            self._powerless = True
            for writer in self._inline:
                writer.abandon()
            await _end(running)
            self._alone.close()
            raise

    async def _run(self) -> None:
        status = contextlib.nullcontext() if self._hosted else telling(self._state, self._status)
        async with status, asyncio.TaskGroup() as group:
            for keeper in self._doors.values():
                group.create_task(keeper.run())
            for panel in self._panels.values():
                group.create_task(panel.run())
            for signal in self._signals.values():
                group.create_task(signal.run())
            for device in self._devices.observers:
                group.create_task(device.run(self._router.observe), name=device.device)
            if self._building is not None:
                group.create_task(self._building.run())
            group.create_task(self._desk.run())
            group.create_task(self._hours.run())
            group.create_task(self._metering.run())
            group.create_task(self._keep_house())
            group.create_task(self._link.run(self._office, self._events, self._samples, self._birth))
            group.create_task(self._clock.check_rtc(self._keep_rtc))
            group.create_task(self._notifier.run(self._self_check))
            if self._renewal is not None:
                group.create_task(self._renewal.run())

    async def _stop(self, running: "asyncio.Task[None]") -> None:
        self._router.close()
        for keeper in self._doors.values():
            keeper.secure()
        for signal in self._signals.values():
            signal.end()
        await self._link.farewell()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({running}, timeout=STOP_S)
        for keeper in self._doors.values():
            keeper.close()
        for lock in self._devices.locks.values():
            lock.close()
        self._desk.close()
        self._metering.flush()
        self._own_up()
        self._keep_floor()
        self._samples.close()
        self._events.close()
        self._alone.close()
        _LOG.info(line("agent-stopped", site=self._config.site, agent=self._config.agent))

    def _open_building(self, setup: Setup) -> BuildingLine | None:
        if setup.config.building is None:
            return None
        name = f"pleintemps-{setup.config.site}-{setup.config.agent}"
        return BuildingLine(self._rims.building, name, self._line_world)

    def _open_clock(self, setup: Setup) -> Clock:
        kept = self._events.state(_FLOOR)
        floor = int(kept) if kept is not None and kept.isdigit() else 0
        rtc = None
        if path := setup.config.clock.rtc:
            verified = verified_at(self._events.state(_RTC))
            rtc = Rtc(LinuxRtc(setup.base / path), verified, floor, self._world.monotonic())
        return Clock(self._world, floor, self._rims.disciplined, rtc)

    def _inline_writer(self, name: str, trouble: Callable[[str], None]) -> InlineWriter:
        self._inline.append(InlineWriter(name, trouble))
        return self._inline[-1]

    @property
    def waiting(self) -> int:
        """Records and batches without a receipt."""
        return sum(
            journal.position.next - journal.position.first for journal in (self._events, self._samples)
        )

    @property
    def parts(self) -> Parts:
        """What a recording looks at besides the rims."""
        return Parts(
            boot=self.boot,
            events=self._events,
            samples=self._samples,
            desk=self._desk,
            clock=self._clock,
            metering=self._metering,
            series=self._devices.series,
            router=self._router,
        )

    # --- small services -----------------------------------------------------------------------------

    def _stamp(self) -> Stamp:
        reading = self._clock.read()
        return Stamp(reading.at, reading.trusted, self._world.monotonic(), self.boot)

    def _trusted_now(self) -> int | None:
        reading = self._clock.read()
        return reading.at if reading.trusted else None

    def _samples_dropped(self, batches: int) -> None:
        self._dropped += batches

    def _kept(self, door: str) -> bytes | None:
        return self._events.state(Keeper.state_key(door))

    def _open_door(
        self, door: str, accepted: CodeAccepted, keep: Mapping[str, bytes]
    ) -> RefusalReason | None:
        refusal = self._doors[door].happen(accepted, keep=keep)
        if refusal is None:
            for panel in self._config.panels:
                if door in panel.doors:
                    self._panels[panel.panel].accepted(accepted.grant)
        return refusal

    def _not_shut(self, doors: Sequence[str]) -> list[str]:
        return [door for door in doors if not self._doors[door].closed]

    def _samples_replaced(self, reason: str) -> None:
        self._link.begin_anew(self._samples.position)
        self._own_to_replaced(reason)

    def _own_to_replaced(self, reason: str) -> None:
        if reason:
            self._events.append([JournalReplaced(stream=Stream.SAMPLES, reason=reason[:200])])

    async def _self_check(self) -> None:
        """Return when every door has carried out what it was told: its queue, its task and the loop turn."""
        await asyncio.gather(*(keeper.probe() for keeper in self._doors.values()))

    def _status(self) -> Status:
        keys, birth = self._inbox.keys, self._birth("0" * 32)
        return Status.of(self._config.site, self._config.agent, self._link.up, birth, keys)

    async def _keep_house(self) -> None:
        """Once a minute: own up to dropped samples, keep the time that is never gone below."""
        kept = 0
        while True:
            self._own_up()
            self._clock.read()
            if abs(self._clock.floor - kept) >= KEEP_FLOOR_MS:
                kept = self._clock.floor
                self._keep_floor()
            await self._line_world.sleep_until(self._line_world.monotonic() + HOUSE_MS)

    def _own_up(self) -> None:
        if self._dropped:
            self._events.append([SamplesDropped(batches=self._dropped)])
            self._dropped = 0

    def _keep_rtc(self, verified: int) -> None:
        self._events.append([], {_RTC: b"%d" % verified})

    def _keep_floor(self) -> None:
        self._events.append([], {_FLOOR: b"%d" % self._clock.floor})

    def _birth(self, nonce: str) -> Birth:
        reading = self._clock.read()
        return Birth(
            boot=self.boot,
            version=__version__,
            at=reading.at,
            clock=reading.source,
            clock_trusted=reading.trusted,
            nonce=nonce,
            devices=[self._device_info(name, driver) for name, driver in self._devices.drivers.items()],
            doors=[keeper.info for keeper in self._doors.values()],
            series=[
                SeriesInfo(
                    series=spec.series,
                    device=spec.device,
                    space=spec.space,
                    quantity=spec.quantity,
                    kind=spec.kind,
                    max_silence_s=spec.max_silence_s,
                )
                for spec in self._devices.series
            ],
            journals=[self._events.position, self._samples.position],
            grants=self._office.held,
            keys=self._office.keys,
            certificate_until=certificate_until(self._own_keys),
            panels=[keeper.info for keeper in self._panels.values()],
            signals=[keeper.info for keeper in self._signals.values()],
            storage=[*self._events.storage, *self._samples.storage],
        )

    def _device_info(self, name: str, driver: str) -> DeviceInfo:
        health = self._router.health.get(name)
        if health is None:  # an output says nothing of itself
            return DeviceInfo(device=name, driver=driver, health=Health.OK)
        return DeviceInfo(device=name, driver=driver, health=health.health, detail=health.detail[:200])


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancel until it has ended: what breaks at the same moment may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_S)


async def serve(setup: Setup, stop: asyncio.Event) -> None:
    """Run the agent of ``setup`` until ``stop``; raises EdgeError or ContractError when it cannot start."""
    world: Any = open_world(setup.config.clock, setup.base, setup.keys.purpose)
    agent = Agent(setup, world, SystemWorld())
    gc.collect()
    gc.freeze()  # what stands now stays: no collection walks it again while a door waits
    await agent.run(stop)
