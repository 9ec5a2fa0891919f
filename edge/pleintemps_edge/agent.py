"""The agent: configuration in, one asyncio process that keeps its doors, out.

What a device observes goes to its door and to the samples; what a person types goes to the desk; what the
gateway says goes to the office. Nothing here decides: the rules are in ``door``, ``access``, ``journal``
and ``link``.
"""

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import Any, Final, TypeGuard

from pleintemps_contract.agent_messages import (
    AgentStarted,
    Birth,
    DeviceHealth,
    DeviceInfo,
    Health,
    SamplesDropped,
    SeriesInfo,
)
from pleintemps_contract.clockconfig import open_world
from pleintemps_contract.logs import line
from pleintemps_contract.world import SystemWorld, World

from . import __version__
from .access.desk import Desk
from .access.dialogue import Dialogue, Entered, press, spoil
from .clock import Clock, Reading, ntp_synchronised
from .config import Setup
from .door import Closed, CodeAccepted, ContactLost, ExitEnded, ExitPressed, Opened
from .drivers import registry
from .drivers.base import (
    ContactChanged,
    Driver,
    ExitRequested,
    HealthChanged,
    KeyPressed,
    Lock,
    Observation,
    Sampled,
    SeriesSpec,
    Unreadable,
)
from .drivers.registry import Made
from .errors import StateError
from .journal.claim import claim
from .journal.collector import Collector
from .journal.events import EventJournal, Stamp
from .journal.samples import SampleJournal
from .keeper import Keeper
from .link.inbox import Inbox
from .link.office import Office
from .link.session import Broker, Link
from .systemd.notify import Notifier
from .waiting import wait_until

HOUSE_MS: Final = 60_000
KEEP_FLOOR_MS: Final = 600_000
STOP_S: Final = 0.5
STEP_MS: Final = 1_000
"""A clock that is off by more than before has stepped."""
_FLOOR: Final = "floor"
_LOG: Final = logging.getLogger("agent")


def _is_lock(device: Made) -> TypeGuard[Lock]:
    return hasattr(device, "release")


def _is_driver(device: Made) -> TypeGuard[Driver]:
    return hasattr(device, "run")


class Agent:
    """Everything of one agent; made inside the event loop, from a setup that was checked."""

    def __init__(self, setup: Setup, world: World, line_world: World) -> None:
        """Opens the state folder and takes the pins; raises StateError or ConfigError.

        ``world`` is the clock of doors and records, ``line_world`` that of wires and of the network.
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
        self._events = EventJournal.open(setup.state, world, self._stamp)
        floor = self._events.state(_FLOOR)
        self._clock = Clock(
            world, int(floor) if floor is not None and floor.isdigit() else 0, ntp_synchronised
        )
        budget = config.samples.budget_mib * 2**20
        self._samples = SampleJournal.open(setup.state, world, budget, self._samples_dropped)
        self._dropped = 0
        context = registry.Context(world=world, base=setup.base, line=line_world)
        self._drivers: dict[str, str] = {}
        self._observers: list[Driver] = []
        locks: dict[str, Lock] = {}
        self._health: dict[str, HealthChanged] = {}
        for table in config.devices:
            device = registry.build(table, context)
            self._drivers[device.device] = str(table["driver"])
            if _is_lock(device):
                locks[device.device] = device
            if _is_driver(device):
                self._observers.append(device)
                self._health[device.device] = HealthChanged(device.device, Health.SILENT, "")
        self._locks = locks
        self._doors = {
            door.door: Keeper(
                door.door,
                door.plan,
                locks[door.lock],
                world,
                self._events,
                self._events.state(Keeper.state_key(door.door)),
            )
            for door in config.doors
        }
        self._contacts = {door.contact: door.door for door in config.doors if door.contact is not None}
        self._readers = {reader: door.door for door in config.doors for reader in door.readers}
        self._exits = {door.exit: door.door for door in config.doors if door.exit is not None}
        self._open: dict[str, bool] = {}
        self._dialogues: dict[str, Dialogue] = {}
        self._specs: list[SeriesSpec] = [spec for device in self._observers for spec in device.series]
        self._collector = Collector.of(self._specs)
        self._collected = asyncio.Event()
        self._time = self._clock.read()
        self._offset = self._time.at - world.monotonic()
        self._desk = Desk(self._doors, keys.pepper, world, self._events, self._trusted_now, self._open_door)
        folder = setup.key_folder if config.mqtt.tls else None
        broker = Broker(config.mqtt.host, config.mqtt.port, folder)
        self._link = Link(broker, config.site, config.agent, self.boot, line_world, self._clock)
        self._office = Office(
            inbox=Inbox(config.site, config.agent, keys.trusted),
            boot=self.boot,
            world=line_world,
            clock=self._clock,
            doors=self._doors,
            desk=self._desk,
            events=self._events,
            samples=self._samples,
            streams=self._link,
            respond=self._link.respond,
        )
        self._attempts: set[asyncio.Task[bool]] = set()
        self._notifier = Notifier.from_environment(line_world)

    # --- running ------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``; then hold the doors shut, say good-bye and close, within two seconds."""
        self._events.append([AgentStarted(version=__version__)])
        _LOG.info(line("agent-started", site=self._config.site, agent=self._config.agent, boot=self.boot))
        running = asyncio.create_task(self._run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
        finally:
            stopping.cancel()
            await self._stop(running)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for keeper in self._doors.values():
                group.create_task(keeper.run())
            for device in self._observers:
                group.create_task(device.run(self.observe), name=device.device)
            group.create_task(self._flush_samples())
            group.create_task(self._keep_house())
            group.create_task(self._link.run(self._office, self._events, self._samples, self._birth))
            group.create_task(self._notifier.run())

    async def _stop(self, running: "asyncio.Task[None]") -> None:
        for attempt in self._attempts:
            attempt.cancel()
        for keeper in self._doors.values():
            keeper.secure()
        await self._link.farewell()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({running}, timeout=STOP_S)
        for lock in self._locks.values():
            lock.close()
        self._desk.close()
        self._collect()
        self._own_up()
        self._keep_floor()
        self._samples.close()
        self._events.close()
        self._alone.close()
        _LOG.info(line("agent-stopped", site=self._config.site, agent=self._config.agent))

    # --- what devices observe -----------------------------------------------------------------------

    def observe(self, seen: Observation) -> None:
        """Take one observation of a driver."""
        if isinstance(seen, Sampled):
            # drivers stamp with the machine's clock: what we believe instead may be the gateway's
            reading = self._read_for_samples()
            at = max(0, seen.at + reading.at - self._world.now())
            self._collector.add(replace(seen, at=at), self._world.monotonic())
            self._collected.set()
        elif isinstance(seen, ContactChanged):
            self._open[seen.device] = seen.open
            self._tell_contact(seen.device, seen.monotonic)
        elif isinstance(seen, KeyPressed):
            dialogue, entered = press(self._dialogue(seen.device), seen.key, seen.monotonic)
            self._dialogues[seen.device] = dialogue
            if entered is not None:
                self._enter(seen.device, entered)
        elif isinstance(seen, ExitRequested):
            if (door := self._exits.get(seen.device)) is not None:
                self._doors[door].happen(ExitPressed() if seen.held else ExitEnded(), seen.monotonic)
        elif isinstance(seen, Unreadable):
            self._dialogues[seen.device] = spoil(self._dialogue(seen.device), seen.monotonic)
        elif isinstance(seen, HealthChanged):
            self._health_changed(seen)

    def _dialogue(self, reader: str) -> Dialogue:
        return self._dialogues.get(reader, Dialogue())

    def _tell_contact(self, device: str, monotonic: int | None = None) -> None:
        door = self._contacts.get(device)
        if door is not None and device in self._open:
            self._doors[door].happen(Opened() if self._open[device] else Closed(), monotonic)

    def _enter(self, reader: str, entered: Entered) -> None:
        door = self._readers.get(reader)
        if door is None:
            return
        attempt = asyncio.get_running_loop().create_task(self._desk.enter(door, entered))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    def _health_changed(self, seen: HealthChanged) -> None:
        before = self._health[seen.device]
        self._health[seen.device] = seen
        if (before.health, before.detail) == (seen.health, seen.detail):
            return
        self._collector.set_health(seen.device, seen.health is Health.OK)
        self._collected.set()
        detail = seen.detail[:200]
        self._events.append([DeviceHealth(device=seen.device, health=seen.health, detail=detail)])
        if seen.device in self._contacts:
            if seen.health is Health.OK:
                self._tell_contact(seen.device)
            else:
                self._doors[self._contacts[seen.device]].happen(ContactLost())
        if seen.device in self._exits and seen.health is not Health.OK:
            self._doors[self._exits[seen.device]].happen(ExitEnded())

    # --- samples ------------------------------------------------------------------------------------

    async def _flush_samples(self) -> None:
        while True:
            self._collected.clear()
            now = self._world.monotonic()
            self._collector.beat(self._read_for_samples().at, now)
            if self._collector.is_due(now):
                self._collect()
            await wait_until(self._world, self._collected, self._collector.next_due())

    def _read_for_samples(self) -> Reading:
        """The time now. A batch is of one time: what was collected leaves at a step or a change of trust."""
        reading = self._clock.read()
        offset = reading.at - self._world.monotonic()
        if reading.trusted is not self._time.trusted or abs(offset - self._offset) > STEP_MS:
            self._collect()
            self._offset = offset
        self._time = reading
        return reading

    def _collect(self) -> None:
        base, columns = self._collector.take()
        if columns:
            self._samples.append(self.boot, base, self._time.trusted, columns)

    def _samples_dropped(self, batches: int) -> None:
        self._dropped += batches

    # --- small services -----------------------------------------------------------------------------

    def _stamp(self) -> Stamp:
        reading = self._clock.read()
        return Stamp(reading.at, reading.trusted, self._world.monotonic(), self.boot)

    def _trusted_now(self) -> int | None:
        reading = self._clock.read()
        return reading.at if reading.trusted else None

    def _open_door(self, door: str, grant: str) -> bool:
        return self._doors[door].happen(CodeAccepted(grant))

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
            devices=[self._device_info(name, driver) for name, driver in self._drivers.items()],
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
                for spec in self._specs
            ],
            journals=[self._events.position, self._samples.position],
            grants=self._office.held,
        )

    def _device_info(self, name: str, driver: str) -> DeviceInfo:
        health = self._health.get(name)
        if health is None:  # an output says nothing of itself
            return DeviceInfo(device=name, driver=driver, health=Health.OK)
        return DeviceInfo(device=name, driver=driver, health=health.health, detail=health.detail[:200])


async def serve(setup: Setup, stop: asyncio.Event) -> None:
    """Run the agent of ``setup`` until ``stop``; raises EdgeError or ContractError when it cannot start."""
    world: Any = open_world(setup.config.clock, setup.base, setup.keys.purpose)
    await Agent(setup, world, SystemWorld()).run(stop)
