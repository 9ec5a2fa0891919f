"""The warning light of a whole agent: commands light it and make it dark, and so does the agent's end."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from pleintemps_contract.agent_messages import (
    CommandRefusal,
    CommandResult,
    SignalCause,
    SignalChanged,
    SignalInfo,
)
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_edge.config import load
from pleintemps_edge.errors import SetupError
from tests.support.broker import Mosquitto

from .actors import Gateway, gateway_on, mock_pins, running_agent, until, write_setup

PIN = 6
SIGNAL = f"""
[[devices]]
device = "hall-lamp"
driver = "warning_light"
pin = {PIN}
[[signals]]
signal = "hall-light"
device = "hall-lamp"
space = "hall"
"""


def with_signal(folder: Path, port: int) -> Path:
    config = write_setup(folder, port)
    config.write_text(config.read_text() + SIGNAL)
    return config


async def order(gateway: Gateway, action: DoorAction, counter: int, signal: str) -> CommandResult:
    command = gateway.command(action, counter, door=signal)
    await gateway.send(gateway.topic(Channel.COMMAND), command)

    def answered() -> CommandResult | None:
        results = [each for each in gateway.responses if isinstance(each, CommandResult)]
        return next((each for each in results if each.id == command.id), None)

    result = await until(answered)
    assert isinstance(result, CommandResult)
    return result


def test_the_light_follows_commands_and_is_dark_when_the_agent_ends(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def story() -> None:
        with mock_pins() as factory:
            config = with_signal(tmp_path, mosquitto.port)
            async with gateway_on(mosquitto.port) as gateway:
                async with running_agent(config, factory) as agent:
                    await until(lambda: gateway.births)
                    assert gateway.births[0].signals == [SignalInfo(signal="hall-light", on=False)]
                    lit = await order(gateway, DoorAction.SIGNAL_ON, 1, "hall-light")
                    assert lit.refusal is None
                    assert factory.pin(PIN).state
                    assert agent._status().signals == [SignalInfo(signal="hall-light", on=True)]
                    dark = await order(gateway, DoorAction.SIGNAL_OFF, 2, "hall-light")
                    assert not factory.pin(PIN).state
                    wrong = await order(gateway, DoorAction.SIGNAL_ON, 3, "hall")
                    assert wrong.refusal is CommandRefusal.UNKNOWN_DOOR
                    again = await order(gateway, DoorAction.SIGNAL_ON, 4, "hall-light")
                    assert factory.pin(PIN).state
                    changes = [
                        SignalChanged(
                            signal="hall-light",
                            space="hall",
                            on=on,
                            cause=SignalCause.COMMAND,
                            reference=by.id,
                        )
                        for on, by in ((True, lit), (False, dark), (True, again))
                    ]
                    await until(lambda: gateway.events(SignalChanged) == changes)
                assert not factory.pin(PIN).state
                async with running_agent(config, factory):
                    await until(lambda: len(gateway.events(SignalChanged)) == 4)
                assert gateway.events(SignalChanged)[-1].cause is SignalCause.STOP

    asyncio.run(story())


def test_a_broker_that_dies_leaves_the_light_as_it_is_and_what_follows_arrives(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """The agent tells by itself how the light is, and obeys who comes back."""

    async def story() -> None:
        with mock_pins() as factory:
            config = with_signal(tmp_path, mosquitto.port)
            async with contextlib.AsyncExitStack() as first:
                gateway = await first.enter_async_context(gateway_on(mosquitto.port))
                async with running_agent(config, factory):
                    await until(lambda: gateway.births)
                    assert (await order(gateway, DoorAction.SIGNAL_ON, 1, "hall-light")).refusal is None
                    await first.aclose()
                    mosquitto.kill()
                    assert factory.pin(PIN).state
                    mosquitto.start()
                    async with gateway_on(mosquitto.port) as again:
                        lit = [SignalInfo(signal="hall-light", on=True)]
                        # the broker has kept an earlier birth
                        await until(lambda: again.births and again.births[-1].signals == lit)
                        assert factory.pin(PIN).state
                        dark = await order(again, DoorAction.SIGNAL_OFF, 2, "hall-light")
                        assert dark.refusal is None
                        assert not factory.pin(PIN).state
                        told = SignalCause.COMMAND, dark.id
                        await until(
                            lambda: (
                                [(e.cause, e.reference) for e in again.events(SignalChanged)][-1:] == [told]
                            )
                        )

    asyncio.run(story())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('device = "hall-lamp"\nspace', 'device = "hall-strike"\nspace', "want a warning_light"),
        ('device = "hall-lamp"\nspace', 'device = "attic"\nspace', "signal: there is no device 'attic'"),
        ('signal = "hall-light"', 'signal = "hall"', "is the name of a door, a panel or another signal"),
        (f"pin = {PIN}", "pin = 27", "pin 27 is already hall-strike's"),
        ('space = "hall"\n', 'space = "hall"\nmax_on_s = 60\n', ">= 300"),
    ],
)
def test_a_signal_that_does_not_fit_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    config = with_signal(tmp_path, 9)
    text = config.read_text()
    head, tail = text[: -len(SIGNAL)], text[-len(SIGNAL) :]
    assert old in tail
    config.write_text(head + tail.replace(old, new))
    with pytest.raises(SetupError) as raised:
        load(config)
    assert any(words in problem for problem in raised.value.problems)
