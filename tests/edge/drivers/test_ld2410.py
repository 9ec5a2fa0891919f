"""The radar on a pseudo-terminal: changes, silence, a port that goes and comes."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import HealthChanged, Sampled, SeriesSpec
from pleintemps_edge.drivers.ld2410 import Ld2410
from pleintemps_edge.drivers.registry import Context
from tests.captures import load

from .lines import Ports, line
from .running import built, running, settled

RADAR: dict[str, Any] = {"device": "hall-radar", "driver": "ld2410", "space": "hall", "port": "radar"}
CAPTURES = load("hlk-ld2410")
BOTH, NOBODY, STILL = (
    CAPTURES["tasmota both"],
    CAPTURES["tasmota nobody, stale energy"],
    CAPTURES["vendor still"],
)
CALIBRATING = BOTH[:8] + b"\x04" + BOTH[9:]


def test_the_status_is_said_when_it_changes(context: Context, world: ManualWorld, tmp_path: Path) -> None:
    async def main() -> None:
        radar = built(context, Ld2410, **RADAR)
        assert radar.series == (
            SeriesSpec("hall-radar", "hall-radar", "hall", Quantity.RADAR, SeriesKind.STATE, 45),
        )
        with line(tmp_path / "radar") as device:
            async with running(radar) as seen:
                world.move(250)
                device.send(BOTH[9:] + NOBODY + NOBODY + CAPTURES["vendor ack firmware"] + BOTH + BOTH[:11])
                await seen.until(lambda seen: seen.values == [0.0, 3.0])
                device.send(BOTH[11:] + STILL)
                await seen.until(lambda seen: seen.values == [0.0, 3.0, 2.0])
        assert {sampled.at for sampled in seen.of(Sampled)} == {world.now()}
        assert seen.of(HealthChanged) == [HealthChanged("hall-radar", Health.OK, "")]

    asyncio.run(main())


def test_silence_is_said_once_and_its_end_says_the_state_again(
    context: Context, world: ManualWorld, tmp_path: Path
) -> None:
    async def main() -> None:
        with line(tmp_path / "radar") as device:
            async with running(built(context, Ld2410, **RADAR)) as seen:
                device.send(BOTH)
                await seen.until(lambda seen: seen.values == [3.0])
                await world.advance(4_999)
                assert seen.health == [Health.OK]
                await world.advance(1)
                assert seen.of(HealthChanged)[1:] == [
                    HealthChanged("hall-radar", Health.SILENT, "no report for 5 s")
                ]
                await world.advance(60_000)
                device.send(b"noise" + BOTH)
                await seen.until(lambda seen: seen.values == [3.0, 3.0])
        assert seen.health == [Health.OK, Health.SILENT, Health.OK]

    asyncio.run(main())


def test_bytes_that_are_no_report_do_not_end_the_silence(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    noise = bytes(range(256)) + CAPTURES["vendor ack parameters"]

    async def main() -> None:
        with line(tmp_path / "radar") as device:
            async with running(built(context, Ld2410, **RADAR)) as seen:
                for n in range(5):
                    device.send(noise)
                    await ports.until(received=(n + 1) * len(noise))
                    await world.advance(1_000)
                assert seen.health == [Health.SILENT]
                assert seen.values == []

    asyncio.run(main())


def test_calibration_says_nothing_of_presence(context: Context, tmp_path: Path) -> None:
    async def main() -> None:
        with line(tmp_path / "radar") as device:
            async with running(built(context, Ld2410, **RADAR)) as seen:
                device.send(BOTH + CALIBRATING + CALIBRATING)
                await seen.until(lambda seen: len(seen.health) == 2)
                assert seen.of(HealthChanged)[1].detail == "noise calibration"
                device.send(BOTH)
                await seen.until(lambda seen: seen.values == [3.0, 3.0])
        assert seen.health == [Health.OK, Health.SILENT, Health.OK]

    asyncio.run(main())


def test_a_port_that_vanishes_is_an_error_once_and_ok_when_reports_flow_again(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        async with running(built(context, Ld2410, **RADAR)) as seen:
            with line(tmp_path / "radar") as device:
                await world.advance(1_000)  # the port was not there at start
                await ports.until(opened=1)
                device.send(BOTH)
                await seen.until(lambda seen: seen.values == [3.0])
            await seen.until(lambda seen: len(seen.health) == 3)
            (tmp_path / "radar").unlink()
            await world.advance(40_000)
            with line(tmp_path / "radar") as device:
                while ports.opened < 2:
                    await world.advance(1_000)
                device.send(BOTH)
                await seen.until(lambda seen: seen.values == [3.0, 3.0])
        assert seen.health == [Health.ERROR, Health.OK, Health.ERROR, Health.OK]
        details = [changed.detail for changed in seen.of(HealthChanged)]
        assert details[0] == "radar: No such file or directory"
        assert details[2].startswith("radar: ")

    asyncio.run(main())
    assert [record.message.split()[0] for record in caplog.records] == ["device-down", "device-back"] * 2


def test_pauses_grow_while_the_port_stays_away(
    context: Context, world: ManualWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def port(_context: Context, _name: str) -> Path:
        tried.append(world.monotonic())
        return tmp_path / "nowhere"

    monkeypatch.setattr(Context, "port", port)

    async def main() -> None:
        async with running(built(context, Ld2410, **RADAR)) as seen:
            await world.advance(100_000)
        assert seen.health == [Health.ERROR]

    asyncio.run(main())
    assert tried == [0, 1_000, 3_000, 7_000, 15_000, 31_000, 61_000, 91_000]


def test_a_silent_port_whose_link_leads_elsewhere_is_left(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    async def main() -> None:
        with line(tmp_path / "radar") as old:
            async with running(built(context, Ld2410, **RADAR)) as seen:
                old.send(BOTH)
                await seen.until(lambda seen: seen.values == [3.0])
                with line(tmp_path / "radar") as new:
                    await world.advance(5_000)
                    assert seen.of(HealthChanged)[-1].detail == "radar: the port was replaced"
                    while ports.opened < 2:
                        await world.advance(1_000)
                    new.send(BOTH)
                    await seen.until(lambda seen: seen.values == [3.0, 3.0])
        assert seen.health == [Health.OK, Health.SILENT, Health.ERROR, Health.OK]

    asyncio.run(main())


def test_under_a_fast_clock_silence_still_takes_half_a_real_second(context: Context, tmp_path: Path) -> None:
    world, real = ManualWorld(), ManualWorld()
    fast = Context(world=world, base=tmp_path, line=real)

    async def main() -> None:
        with line(tmp_path / "radar"):
            async with running(built(fast, Ld2410, **RADAR)) as seen:
                await world.advance(60_000)
                await real.advance(499)
                assert seen.health == []
                await real.advance(1)
                assert seen.health == [Health.SILENT]

    asyncio.run(main())


def test_two_drivers_do_not_share_a_port(context: Context, world: ManualWorld, tmp_path: Path) -> None:
    async def main() -> None:
        with line(tmp_path / "radar"):
            async with running(built(context, Ld2410, **RADAR)):
                async with running(built(context, Ld2410, **RADAR | {"device": "other"})) as seen:
                    await settled()
                assert seen.health == [Health.ERROR]

    asyncio.run(main())
