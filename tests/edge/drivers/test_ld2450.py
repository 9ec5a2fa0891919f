"""The tracking radar on a pseudo-terminal, and the simulated one behind it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.units import Quantity
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import HealthChanged, Sampled
from pleintemps_edge.drivers.ld2450 import Ld2450
from pleintemps_edge.drivers.registry import Context
from tests.captures import load

from .lines import Ports, line
from .running import Seen, built, running, settled

RADAR: dict[str, Any] = {"device": "hall-track", "driver": "ld2450", "space": "hall", "port": "radar"}
CAPTURES = load("hlk-ld2450")
ONE, NOBODY = CAPTURES["vendor example"], CAPTURES["nobody"]


def said(seen: Seen) -> list[tuple[str, float]]:
    return [(sampled.series, sampled.value) for sampled in seen.of(Sampled)]


def test_targets_and_motion_are_said_when_they_change(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    async def main() -> None:
        radar = built(context, Ld2450, **RADAR)
        assert [(spec.series, spec.quantity) for spec in radar.series] == [
            ("hall-track", Quantity.MOTION),
            ("hall-track-targets", Quantity.TARGETS),
        ]
        with line(tmp_path / "radar") as device:
            async with running(radar) as seen:
                device.send(ONE)
                await ports.until(received=len(ONE))
                await settled()
                world.move(500)
                device.send(ONE[:11])
                device.send(ONE[11:])
                await seen.until(lambda seen: len(seen.values) == 2)
                device.send(NOBODY)
                await ports.until(received=3 * len(ONE))
                await settled()
                world.move(15_500)
                device.send(NOBODY)
                await seen.until(lambda seen: len(seen.values) == 4)
        assert said(seen) == [
            ("hall-track-targets", 1.0),
            ("hall-track", 1.0),
            ("hall-track-targets", 0.0),
            ("hall-track", 0.0),
        ]
        assert seen.of(HealthChanged) == [HealthChanged("hall-track", Health.OK, "")]

    asyncio.run(main())


def test_silence_is_said_once_and_its_end_says_all_again(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    async def main() -> None:
        with line(tmp_path / "radar") as device:
            async with running(built(context, Ld2450, **RADAR)) as seen:
                for reports in (1, 3):
                    device.send(ONE)
                    await ports.until(received=reports * len(ONE))
                    await settled()
                    world.move(500)
                    device.send(ONE)
                    await seen.until(lambda seen, count=reports + 1: len(seen.values) == count)  # type: ignore[misc]
                    await world.advance(20_000)
        assert seen.health == [Health.OK, Health.SILENT, Health.OK, Health.SILENT]
        assert said(seen) == [("hall-track-targets", 1.0), ("hall-track", 1.0)] * 2

    asyncio.run(main())


def test_a_name_that_leaves_no_room_for_the_second_series(context: Context) -> None:
    with pytest.raises(ConfigError, match="32 characters"):
        built(context, Ld2450, **RADAR | {"device": "a" * 33})
