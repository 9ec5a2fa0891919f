"""The clock leaps by hours and years and comes back: a code opens within its window and at no other time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import AccessRefused, Birth, RefusalReason, Stream
from pleintemps_contract.gateway_messages import GatewayTime, Receipt
from pleintemps_contract.topics import Channel
from pleintemps_contract.world import SystemWorld
from pleintemps_edge import agent as agent_module
from tests.edge.actors import CODE, Gateway, gateway_on, grant, mock_pins, pulse_key, running_agent, until
from tests.edge.actors import write_setup as write_setup_of
from tests.support.broker import Mosquitto

HOUR = 3_600_000
YEAR = 365 * 24 * HOUR


class Leaping(SystemWorld):
    """The machine's clock with a wall time that can be set, and monotonic time that can be let pass."""

    def __init__(self) -> None:
        self.wrong = 0
        self.passed = 0

    def now(self) -> int:
        return super().now() + self.wrong + self.passed

    def monotonic(self) -> int:
        return super().monotonic() + self.passed


class Street:
    """Somebody in front of the door, with the gateway at hand."""

    def __init__(self, pins: Any, gateway: Gateway) -> None:
        self._pins = pins
        self._gateway = gateway

    async def refusal_of(self, code: str) -> RefusalReason | None:
        """Type ``code``; None if the strike let go, and then the door is used and shut again."""
        before = len(self._gateway.events(AccessRefused))
        for key in [*code, "#"]:
            await pulse_key(self._pins, key)
        strike = self._pins.pin(27)
        await until(lambda: strike.state or len(self._gateway.events(AccessRefused)) > before)
        if not strike.state:
            return RefusalReason(self._gateway.events(AccessRefused)[-1].reason)
        assert len(self._gateway.events(AccessRefused)) == before
        self._pins.pin(22).drive_high()
        await until(lambda: not strike.state)
        self._pins.pin(22).drive_low()
        await asyncio.sleep(0.1)  # the contact's debouncing
        return None


async def tell_time(gateway: Gateway, birth: Birth, now: int) -> None:
    """The signed answer to the nonce of a birth."""
    receipt = Receipt(
        epoch=gateway.epoch,
        revision=gateway.next_revision(),
        journal="0" * 32,
        stream=Stream.EVENTS,
        through=0,
        time=GatewayTime(nonce=birth.nonce, now=now),
    )
    await gateway.send(gateway.topic(Channel.RECEIPT), receipt)


async def leap_and_return(folder: Path, port: int, leap: int, *, signed: bool) -> None:
    world = Leaping()
    with mock_pins() as pins:
        async with (
            gateway_on(port) as gateway,
            running_agent(write_setup_of(folder, port), pins, world) as agent,
        ):
            await until(lambda: gateway.births)
            await gateway.announce(0)
            if signed:
                await tell_time(gateway, gateway.births[-1], world.now())
                await until(lambda: agent._clock._state.fixed is not None)
            await gateway.give(grant(start=world.now() - HOUR, end=world.now() + HOUR))
            street = Street(pins, gateway)
            assert await street.refusal_of(CODE) is None

            world.wrong = leap
            refused = await street.refusal_of(CODE)
            if leap > 0:
                assert refused is RefusalReason.EXPIRED
            elif signed:  # a time below the floor is not believed, and there is a better one
                assert refused is None
            else:
                assert refused is RefusalReason.NO_TRUSTED_TIME

            world.wrong = 0
            refused = await street.refusal_of(CODE)
            if signed or leap < 0:
                assert refused is None
                return
            # the leap has raised the floor by an hour at most: so long the true time is not believed
            assert refused is RefusalReason.NO_TRUSTED_TIME
            await gateway.give(grant(start=world.now() - HOUR, end=world.now() + 3 * HOUR))
            world.passed = HOUR + 60_000
            assert await street.refusal_of(CODE) is None
            world.passed = 4 * HOUR
            assert await street.refusal_of(CODE) is RefusalReason.EXPIRED


@pytest.mark.serial
@pytest.mark.parametrize("signed", [False, True], ids=["alone", "signed-time"])
@pytest.mark.parametrize(
    "leap", [10 * YEAR, -10 * YEAR, 2 * HOUR, -2 * HOUR], ids=["+10y", "-10y", "+2h", "-2h"]
)
def test_codes_open_again_after_a_leap(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, leap: int, signed: bool
) -> None:
    # the worst case: the kernel believes the wrong time
    monkeypatch.setattr(agent_module, "ntp_synchronised", lambda: True)
    asyncio.run(leap_and_return(tmp_path, mosquitto.port, leap, signed=signed))
