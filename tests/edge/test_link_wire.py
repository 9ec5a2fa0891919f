"""The agent on a real broker, with mock pins and a gateway that this test plays."""

import asyncio
from pathlib import Path

from pleintemps_contract.agent_messages import AccessGranted, AgentStarted, DoorModeChanged, Presence
from pleintemps_contract.onvif import DoorMode
from tests.support.broker import Mosquitto

from .actors import CODE, gateway_on, grant, mock_pins, pulse_key, running_agent, until, write_setup


def test_a_code_at_the_keypad_opens_the_strike(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        config = write_setup(tmp_path, mosquitto.port)
        with mock_pins() as factory:
            async with gateway_on(mosquitto.port) as gateway, running_agent(config, factory) as agent:
                await until(lambda: gateway.births)
                assert gateway.availability[-1].state is Presence.ONLINE
                assert gateway.births[-1].boot == agent.boot
                mine = grant()
                await gateway.give(mine)
                strike = factory.pin(27)
                assert strike.state == 0
                for key in CODE + "#":
                    await pulse_key(factory, key)
                await until(lambda: strike.state == 1)
                await until(lambda: gateway.events(AccessGranted))
                assert gateway.events(AccessGranted)[0].grant == mine.id
                assert gateway.events(AgentStarted)
                factory.pin(22).drive_high()
                await until(lambda: strike.state == 0)
                await until(lambda: gateway.events(DoorModeChanged)[-1].mode is DoorMode.LOCKED)
            # a clean stop says so
            async with gateway_on(mosquitto.port) as gateway:
                await until(lambda: gateway.availability)
                assert gateway.availability[-1].state is Presence.OFFLINE

    asyncio.run(story())
