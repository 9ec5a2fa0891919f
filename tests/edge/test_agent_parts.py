"""The composition: health, contacts that fail, the service's watchdog, the unit file."""

import asyncio
import configparser
import socket
from importlib import resources
from pathlib import Path

import pytest

from pleintemps_contract.agent_messages import (
    AccessRefused,
    ClockSource,
    DeviceHealth,
    Health,
    RefusalReason,
    SamplesBatch,
    SamplesDropped,
)
from pleintemps_contract.onvif import DoorAlarm, DoorPhysicalState
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.agent import Agent
from pleintemps_edge.drivers.base import ContactChanged, ExitRequested, HealthChanged, Sampled, Unreadable
from pleintemps_edge.systemd.notify import Notifier

from .actors import HANDLE, mock_pins, running_agent, until, write_setup


def physical(agent: Agent) -> DoorPhysicalState:
    return agent._birth("0" * 32).doors[0].physical


def test_a_contact_that_fails_is_a_fault_of_the_door_until_it_works_again(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(write_setup(tmp_path, 9), factory) as agent:
                await until(lambda: physical(agent) is DoorPhysicalState.CLOSED)
                agent._router.observe(HealthChanged("hall-reed", Health.ERROR, "contact flapping"))
                assert physical(agent) is DoorPhysicalState.FAULT
                birth = agent._birth("0" * 32)
                reed = next(device for device in birth.devices if device.device == "hall-reed")
                assert (reed.health, reed.detail) == (Health.ERROR, "contact flapping")
                agent._router.observe(HealthChanged("hall-reed", Health.OK, ""))
                assert physical(agent) is DoorPhysicalState.CLOSED
                agent._router.observe(HealthChanged("hall-reed", Health.OK, ""))
                batch = await agent._events.batch(0)
                assert batch is not None
                told = [
                    record.event.health
                    for record in batch.records
                    if isinstance(record.event, DeviceHealth) and record.event.device == "hall-reed"
                ]
                assert told == [Health.OK, Health.ERROR, Health.OK]

    asyncio.run(story())


def test_an_unreadable_key_refuses_the_entry(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(write_setup(tmp_path, 9), factory) as agent:
                now = agent._world.monotonic()
                agent._router.observe(Unreadable("hall-keypad", "3 bits", now))
                assert agent._router.dialogues["hall-keypad"].spoiled

    asyncio.run(story())


def test_an_unreadable_card_is_refused_at_once_and_noise_no_more_than_once(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(write_setup(tmp_path, 9), factory) as agent:
                for n in range(100):
                    agent._router.observe(Unreadable("hall-keypad", "25 bits", 1_000 + 100 * n))
                agent._router.observe(Unreadable("hall-keypad", "25 bits", 100_000))
                await until(lambda: not agent._router.attempts)
                batch = await agent._events.batch(0)
                assert batch is not None
                refused = [each.event for each in batch.records if isinstance(each.event, AccessRefused)]
                assert refused == [AccessRefused(door="hall", reason=RefusalReason.UNREADABLE)] * 2

    asyncio.run(story())


def with_handle(folder: Path) -> Path:
    config = write_setup(folder, 9)
    config.write_text(config.read_text() + HANDLE)
    return config


def alarm(agent: Agent) -> DoorAlarm:
    return agent._birth("0" * 32).doors[0].alarm


def test_who_leaves_by_the_handle_forces_no_door(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            factory.pin(5).drive_high()
            async with running_agent(with_handle(tmp_path), factory) as agent:
                # the handle's first reading has settled as the contact's has: both since the start
                await until(lambda: physical(agent) is DoorPhysicalState.CLOSED)
                await until(lambda: agent._router.health["hall-handle"].health is Health.OK)
                factory.pin(5).drive_low()
                await until(lambda: agent._doors["hall"]._state.exit_held)
                factory.pin(22).drive_high()
                await until(lambda: physical(agent) is DoorPhysicalState.OPEN)
                assert alarm(agent) is DoorAlarm.NORMAL
                assert factory.pin(27).state == 0
                factory.pin(5).drive_high()
                await until(lambda: not agent._doors["hall"]._state.exit_held)
                factory.pin(22).drive_low()
                await until(lambda: physical(agent) is DoorPhysicalState.CLOSED)
                factory.pin(22).drive_high()
                await until(lambda: alarm(agent) is DoorAlarm.FORCED_OPEN)

    asyncio.run(story())


def test_a_handle_that_is_stuck_hides_no_break_in_for_long(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(with_handle(tmp_path), factory) as agent:
                await until(lambda: physical(agent) is DoorPhysicalState.CLOSED)
                now = agent._world.monotonic()
                agent._router.observe(ExitRequested("hall-handle", True, now))
                agent._router.observe(ExitRequested("other-handle", True, now))
                agent._router.observe(HealthChanged("hall-handle", Health.ERROR, "held for a minute"))
                release = agent._doors["hall"].plan.release_ms
                agent._router.observe(
                    ContactChanged("hall-reed", True, 0, agent._world.monotonic() + release + 1)
                )
                assert alarm(agent) is DoorAlarm.FORCED_OPEN

    asyncio.run(story())


def test_a_contact_without_a_door_is_only_a_series(tmp_path: Path) -> None:
    config = write_setup(tmp_path, 9)
    config.write_text(config.read_text().replace('contact = "hall-reed"\n', ""))

    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(config, factory) as agent:
                agent._router.observe(ContactChanged("hall-reed", True, 0, agent._world.monotonic()))
                assert physical(agent) is DoorPhysicalState.UNKNOWN
                birth = agent._birth("0" * 32)
                assert birth.clock is ClockSource.SIMULATED
                assert {series.series for series in birth.series} == {"hall-pir", "hall-reed"}

    asyncio.run(story())


async def at_once() -> None:
    """A self-check that finds nothing."""


def test_the_watchdog_is_fed_by_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "60000")
        heard: list[bytes] = []

        def listen() -> bool:
            try:
                heard.append(systemd.recv(100))
            except BlockingIOError:
                return False
            return heard.count(b"WATCHDOG=1") >= 2

        async def story() -> None:
            task = asyncio.create_task(Notifier.from_environment(SystemWorld()).run(at_once))
            await until(listen)
            task.cancel()

        asyncio.run(story())
    assert heard[0] == b"READY=1"


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "nonsense")
    notifier = Notifier.from_environment(SystemWorld())
    assert (notifier.address, notifier.every_ms) == ("", None)
    asyncio.run(notifier.run(at_once))


def test_the_unit_file_runs_the_command_and_expects_its_notifications() -> None:
    text = resources.files("pleintemps_edge.systemd").joinpath("pleintemps-edge.service").read_text()
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    assert unit["Service"]["Type"] == "notify"
    assert int(unit["Service"]["WatchdogSec"]) <= 15
    # lgpio cannot be imported where it may not make its pipes
    assert unit["Service"]["WorkingDirectory"] == "/var/lib/" + unit["Service"]["StateDirectory"]
    assert "pleintemps-edge run --config /etc/pleintemps/edge.toml" in unit["Service"]["ExecStart"]


def test_a_kept_state_that_is_damaged_keeps_no_agent_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        config = write_setup(tmp_path, 9)
        with mock_pins() as factory:
            async with running_agent(config, factory) as agent:
                await agent._events.append([], {"manifest": b'{"denied_offline":["\xff"]}'})
            async with running_agent(config, factory) as agent:
                assert agent._office.held is None

    asyncio.run(story())
    assert "kept-grants-unusable" in caplog.text


class OldClock(SystemWorld):
    """A machine without a battery: its wall clock begins in 1970."""

    def now(self) -> int:
        return self.monotonic()


def test_measurements_bear_the_time_that_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pleintemps_edge.rims.ntp_synchronised", lambda: False)
    gateway_now = 1_790_000_000_000

    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(write_setup(tmp_path, 9), factory, OldClock()) as agent:
                world = agent._world
                agent._router.observe(Sampled("hall-pir", world.now(), 1.0))
                agent._clock.answer(agent._clock.ask(), gateway_now)
                agent._router.observe(Sampled("hall-pir", world.now(), 0.0))
                state = agent._metering._collector._states["hall-pir"]
                state.said -= state.every_ms
                agent._metering._collected.set()
                await until(lambda: state.said > world.monotonic() - state.every_ms)
                agent._metering.flush()
                batches: list[SamplesBatch] = []
                while (batch := await agent._samples.batch(len(batches))) is not None:
                    batches.append(batch)
                # one batch has one time: what came before the answer is not passed off as of now
                mine = [
                    (batch.trusted, batch.base + dt)
                    for batch in batches
                    if (column := batch.series.get("hall-pir")) is not None
                    for dt in column.dt
                ]
                assert [trusted for trusted, _ in mine] == [False, True, True]
                assert mine[0][1] < 10**12
                # the gateway said its time between question and answer: half of that may be off
                assert all(abs(at - gateway_now) < 60_000 for _, at in mine[1:])
                assert all(
                    dt < 60_000 for batch in batches for each in batch.series.values() for dt in each.dt
                )

    asyncio.run(story())


def test_dropped_samples_are_owned_up_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pleintemps_edge.agent.HOUSE_MS", 20)

    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(write_setup(tmp_path, 9), factory) as agent:
                agent._samples_dropped(2)
                agent._samples_dropped(1)
                await until(lambda: agent._dropped == 0)
                batch = await agent._events.batch(0)
                assert batch is not None
                dropped = [each.event for each in batch.records if isinstance(each.event, SamplesDropped)]
                assert dropped == [SamplesDropped(batches=3)]

    asyncio.run(story())
