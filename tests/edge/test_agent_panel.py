"""The intrusion panel of a whole agent: a code unsets it, a command sets it, its contacts tell."""

import asyncio
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from pleintemps_contract.agent_messages import (
    CommandExecuted,
    CommandRefusal,
    CommandResult,
    PanelChanged,
    PanelInfo,
    PanelRefused,
    PanelState,
)
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_edge.config import load
from pleintemps_edge.drivers.base import KeyPressed
from pleintemps_edge.errors import SetupError
from tests.support.broker import Mosquitto

from .actors import CODE, Gateway, gateway_on, grant, mock_pins, running_agent, until, write_setup

SET_PIN, UNSET_PIN, STATE, READY = 5, 6, 12, 13
PANEL = f"""
[[devices]]
device = "alarm-panel"
driver = "intrusion_panel"
set_pin = {SET_PIN}
unset_pin = {UNSET_PIN}
state_pin = {STATE}
ready_pin = {READY}
[[panels]]
panel = "alarm"
device = "alarm-panel"
doors = ["hall"]
"""


def with_panel(folder: Path, port: int) -> Path:
    config = write_setup(folder, port)
    config.write_text(config.read_text() + PANEL)
    return config


def pulses(factory: MockFactory, pin: int) -> int:
    """How often the relay on ``pin`` was switched on."""
    return sum(bool(state.state) for state in factory.pin(pin).states)


async def order(gateway: Gateway, action: DoorAction, counter: int) -> CommandResult:
    command = gateway.command(action, counter, door="alarm")
    await gateway.send(gateway.topic(Channel.COMMAND), command)

    def answered() -> CommandResult | None:
        results = [each for each in gateway.responses if isinstance(each, CommandResult)]
        return next((each for each in results if each.id == command.id), None)

    result = await until(answered)
    assert isinstance(result, CommandResult)
    return result


def test_a_code_unsets_it_and_a_command_sets_it_into_a_shut_building(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            state, reed = factory.pin(STATE), factory.pin(22)
            state.drive_high()  # it is set
            factory.pin(READY).drive_low()
            config = with_panel(tmp_path, mosquitto.port)
            async with gateway_on(mosquitto.port) as gateway, running_agent(config, factory) as agent:
                factory.pin(READY).drive_low()
                await until(lambda: gateway.events(PanelChanged))
                assert agent._birth("0" * 32).panels == [
                    PanelInfo(panel="alarm", state=PanelState.SET, ready=True)
                ]
                await until(lambda: gateway.births)
                await gateway.give(grant())
                assert (pulses(factory, SET_PIN), pulses(factory, UNSET_PIN)) == (0, 0)
                for key in f"{CODE}#":
                    agent._router.observe(KeyPressed("hall-keypad", key, agent._world.monotonic()))
                await until(lambda: pulses(factory, UNSET_PIN))
                state.drive_low()
                unset = PanelChanged(panel="alarm", state=PanelState.UNSET, reference=grant().id)
                await until(lambda: unset in gateway.events(PanelChanged))
                reed.drive_high()  # somebody is in the door
                await until(lambda: agent._not_shut(["hall"]))
                result = await order(gateway, DoorAction.SET_PANEL, 1)
                assert result.refusal is CommandRefusal.DOORS_OPEN
                await until(lambda: gateway.events(PanelRefused))
                assert gateway.events(PanelRefused)[0].reason == "open: hall"
                reed.drive_low()
                await until(lambda: not agent._not_shut(["hall"]))
                assert pulses(factory, SET_PIN) == 0
                result = await order(gateway, DoorAction.SET_PANEL, 2)
                assert result.refusal is None
                await until(lambda: pulses(factory, SET_PIN))
                state.drive_high()
                is_set = PanelChanged(panel="alarm", state=PanelState.SET, reference=result.id)
                await until(lambda: is_set in gateway.events(PanelChanged))
                executed = CommandExecuted(door="alarm", command=result.id, action=DoorAction.SET_PANEL)
                assert gateway.events(CommandExecuted) == [executed]
                assert pulses(factory, UNSET_PIN) == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('contact = "hall-reed"', "", "doors: 'hall' has no contact, so nobody knows whether it is shut"),
        ('doors = ["hall"]', 'doors = ["hell"]', "doors: there is no door 'hell'"),
        ('device = "alarm-panel"\ndoors', 'device = "hall-pir"\ndoors', "want a intrusion_panel"),
    ],
)
def test_a_panel_that_does_not_fit_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    config = with_panel(tmp_path, 9)
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(SetupError) as raised:
        load(config)
    assert any(f"panel alarm: {words}" in problem or words in problem for problem in raised.value.problems)
