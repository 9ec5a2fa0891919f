"""The composition at its doors: fire, lockdown, tamper, locks that report, readers that show."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import DoorInfo, Event, FireInputChanged, Health, TamperChanged
from pleintemps_contract.onvif import DoorAction, DoorMode, LockPhysicalState
from pleintemps_edge.agent import Agent
from pleintemps_edge.door import CodeAccepted, Commanded, PlanChanged
from pleintemps_edge.drivers import base
from pleintemps_edge.drivers.base import Feedback, HealthChanged

from .actors import mock_pins, running_agent, until, write_setup

SAFETY = """
fire = "panel-fire"
lockdown = "desk-button"
[[devices]]
device = "panel-fire"
driver = "fire"
pin = 6
[[devices]]
device = "desk-button"
driver = "lockdown_button"
pin = 13
"""
"""Behind the configuration: its door has a fire loop and an attack button."""
CONFIRM = Commanded(DoorAction.CONFIRM_FIRE_RESET, "c" * 32)


def with_safety(folder: Path, wiring: str = "energise-to-lock") -> Path:
    config = write_setup(folder, 9)
    keys = f'pin = 27\nwiring = "{wiring}"\n'
    if wiring == "energise-to-lock":
        keys += 'supply_cut_by = ["exit", "fire"]\n'
    text = config.read_text().replace("pin = 27\n", keys)
    config.write_text(text + SAFETY)
    return config


def door(agent: Agent) -> DoorInfo:
    return agent._doors["hall"].info


async def recorded(agent: Agent, kind: type) -> list[Event]:
    batch = await agent._events.batch(0)
    assert batch is not None
    return [record.event for record in batch.records if isinstance(record.event, kind)]


@pytest.mark.parametrize(("wiring", "held"), [("energise-to-lock", 1), ("energise-to-unlock", 0)])
def test_a_cut_fire_loop_takes_the_current_off_and_only_a_person_gives_it_back(
    tmp_path: Path, wiring: str, held: int
) -> None:
    async def story() -> None:
        config = with_safety(tmp_path, wiring)
        with mock_pins() as factory:
            async with running_agent(config, factory) as agent:
                factory.pin(6).drive_low()
                await until(lambda: agent._router._recorded)
                assert factory.pin(27).state == held
                agent._doors["hall"].happen(Commanded(DoorAction.LOCK, "d" * 32))
                factory.pin(6).drive_high()
                await until(lambda: door(agent).fire)
                assert factory.pin(27).state == 0
                factory.pin(6).drive_low()
                await until(lambda: not agent._doors["hall"]._state.fire_input)
                assert door(agent).fire
                told = await recorded(agent, FireInputChanged)
                assert [getattr(each, "active", None) for each in told] == [False, True, False]
            # nobody has confirmed: the next start makes no pulse either
            factory.pin(27).clear_states()
            async with running_agent(config, factory) as agent:
                factory.pin(6).drive_low()
                await until(lambda: not agent._doors["hall"]._state.fire_input)
                assert door(agent).fire
                assert not any(each.state for each in factory.pin(27).states)
                assert agent._doors["hall"].happen(CONFIRM) is None
                await until(lambda: factory.pin(27).state == held)
                assert door(agent).mode is DoorMode.LOCKED

    asyncio.run(story())


def test_a_fire_input_that_cannot_be_read_is_a_fire(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(with_safety(tmp_path), factory) as agent:
                factory.pin(6).drive_low()
                await until(lambda: agent._router._recorded)
                agent._router.observe(HealthChanged("panel-fire", Health.ERROR, "flapping"))
                assert door(agent).fire
                # what it says while it cannot be believed ends nothing
                agent._router.observe(base.FireChanged("panel-fire", False, agent._world.monotonic()))
                assert agent._doors["hall"]._state.fire_input
                agent._router.observe(HealthChanged("panel-fire", Health.OK, ""))
                assert not agent._doors["hall"]._state.fire_input

    asyncio.run(story())


def test_a_hold_whose_panel_is_gone_from_the_configuration_can_be_ended(tmp_path: Path) -> None:
    async def story() -> None:
        config = with_safety(tmp_path, "energise-to-unlock")
        with mock_pins() as factory:
            factory.pin(6).drive_high()
            async with running_agent(config, factory) as agent:
                await until(lambda: door(agent).fire)
            config.write_text(config.read_text().replace('fire = "panel-fire"\n', ""))
            async with running_agent(config, factory) as agent:
                assert door(agent).fire
                assert agent._doors["hall"].happen(CONFIRM) is None

    asyncio.run(story())


def test_the_attack_button_locks_down(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(with_safety(tmp_path), factory) as agent:
                factory.pin(6).drive_low()
                await until(lambda: agent._router.health["desk-button"].health is Health.OK)
                agent._router.observe(base.LockdownPressed("desk-button", agent._world.monotonic()))
                assert door(agent).mode is DoorMode.LOCKED_DOWN

    asyncio.run(story())


def test_tamper_and_reports_of_locks_reach_the_records_once(tmp_path: Path) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(write_setup(tmp_path, 9), factory) as agent:
                now = agent._world.monotonic()
                for active in (False, False, True):
                    agent._router.observe(base.TamperChanged("box", active, now))
                told = await recorded(agent, TamperChanged)
                assert told == [TamperChanged(device="box", active=state) for state in (False, True)]
                agent._router.observe(base.LockReported("hall-strike", LockPhysicalState.UNLOCKED, now))
                assert door(agent).lock is LockPhysicalState.UNLOCKED

    asyncio.run(story())


def test_every_key_is_answered_and_so_are_cards_and_whole_codes(tmp_path: Path) -> None:
    shown: list[Feedback] = []

    class Lamp:
        device = "hall-keypad"

        def show(self, feedback: Feedback) -> None:
            shown.append(feedback)

    async def story() -> None:
        with mock_pins() as factory:
            async with running_agent(write_setup(tmp_path, 9), factory) as agent:
                router, now = agent._router, agent._world.monotonic()
                router._readers._shows = {"hall-keypad": Lamp()}
                router.observe(base.KeyPressed("hall-keypad", "1", now))
                assert shown == [Feedback.KEY]
                for seen in (
                    base.CodeTyped("hall-keypad", "00000000", now),
                    base.CardRead("hall-keypad", "w26:1:2", now),
                    base.TokenRead("hall-keypad", "PT1.nonsense", now),
                    base.CardRead("no-door", "w26:1:2", now),
                ):
                    router.observe(seen)
                await until(lambda: not router.attempts)
                assert shown == [Feedback.KEY, *[Feedback.REFUSED] * 3]
                # a door that stands open warns at its readers
                plan = replace(agent._doors["hall"].plan, open_ms=300, pre_alarm_ms=250)
                await until(lambda: agent._doors["hall"].closed)
                agent._doors["hall"].happen(PlanChanged(plan))
                agent._doors["hall"].happen(CodeAccepted("a" * 32))
                router.observe(base.ContactChanged("hall-reed", True, 0, agent._world.monotonic()))
                await until(lambda: shown[4:] == [Feedback.PRE_ALARM, Feedback.QUIET])

    asyncio.run(story())


GATE = """
[[devices]]
device = "gate-strike"
driver = "strike"
pin = 16
[[doors]]
door = "gate"
from = "street"
to = "yard"
lock = "gate-strike"
"""


def test_an_output_that_does_not_obey_takes_no_other_door_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        config = write_setup(tmp_path, 9)
        config.write_text(config.read_text() + GATE)
        with mock_pins() as factory:
            async with running_agent(config, factory) as agent:
                agent._doors["gate"].happen(Commanded(DoorAction.UNLOCK, "d" * 32))
                await until(lambda: factory.pin(16).state == 1)
                pin = type(factory.pin(27))
                whole = pin._set_state

                def broken(self: Any, value: int) -> None:
                    if self is factory.pin(27):
                        raise OSError(5, "Input/output error")
                    whole(self, value)

                monkeypatch.setattr(pin, "state", property(lambda self: self._state, broken))
                agent._doors["hall"].happen(Commanded(DoorAction.UNLOCK, "e" * 32))
                await until(lambda: door(agent).lock is LockPhysicalState.FAULT)
                agent._doors["gate"].happen(Commanded(DoorAction.LOCK, "f" * 32))
                await until(lambda: factory.pin(16).state == 0)
                agent._doors["gate"].happen(Commanded(DoorAction.UNLOCK, "0" * 32))
                await until(lambda: factory.pin(16).state == 1)
                ended = [factory.pin(16)]
            assert ended[0].state == 0  # held shut at the end, in its turn

    asyncio.run(story())
