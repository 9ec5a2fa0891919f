"""The warning light on a mock pin."""

import asyncio
from typing import Any

import pytest
from gpiozero import GPIODeviceClosed
from gpiozero.pins.mock import MockFactory, MockPin

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.warning_light import WarningLight
from pleintemps_edge.errors import LockError

from .running import built, running, settled

PIN = 6
TABLE: dict[str, Any] = {"device": "lamp", "driver": "warning_light", "pin": PIN}


@pytest.mark.parametrize("energise", ["high", "low"])
def test_it_is_dark_until_told_and_dark_at_the_end(
    context: Context, pins: MockFactory, energise: str
) -> None:
    async def main() -> None:
        light = built(context, WarningLight, **TABLE, energise=energise)
        lit = energise == "high"
        assert bool(pins.pin(PIN).state) is not lit
        assert lit not in [bool(state.state) for state in pins.pin(PIN).states[1:]]
        async with running(light) as seen:
            light.warn(True)
            assert bool(pins.pin(PIN).state) is lit
            light.warn(False)
            assert bool(pins.pin(PIN).state) is not lit
            light.warn(True)
        assert bool(pins.pin(PIN).state) is not lit
        assert seen.health == [Health.OK]

    asyncio.run(main())


def test_an_output_that_does_not_obey_is_ill_until_it_does(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        light = built(context, WarningLight, **TABLE)

        def refuse(pin: MockPin, state: bool) -> None:
            raise GPIODeviceClosed("gone")

        async with running(light) as seen:
            with monkeypatch.context() as patch:
                patch.setattr(MockPin, "_set_state", refuse)
                with pytest.raises(LockError, match="device lamp: gone"):
                    light.warn(True)
            light.warn(True)
            await settled()
            assert seen.health == [Health.OK, Health.ERROR, Health.OK]

    asyncio.run(main())
