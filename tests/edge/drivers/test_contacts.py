"""Fire loop, tamper contact and attack button on mock pins."""

import asyncio
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import FireChanged, LockdownPressed, TamperChanged
from pleintemps_edge.drivers.contact import STUCK_MS
from pleintemps_edge.drivers.fire import ACTIVE_MS, CLEAR_MS, UNSETTLED_MS, Fire
from pleintemps_edge.drivers.lockdown_button import LockdownButton
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.tamper import Tamper
from pleintemps_edge.sensing.debounce import CHANGES, STABLE_MS, STEADY_MS

from .running import Seen, built, running

FIRE: dict[str, Any] = {"device": "fire-panel", "driver": "fire", "pin": 5}
TAMPER: dict[str, Any] = {"device": "case", "driver": "tamper", "pin": 5}
BUTTON: dict[str, Any] = {"device": "attack-button", "driver": "lockdown_button", "pin": 5}


def fires(seen: Seen) -> list[bool]:
    return [changed.active for changed in seen.of(FireChanged)]


@pytest.mark.parametrize(("active_when", "pull"), [("high", "up"), ("low", "down")])
def test_a_fire_is_said_quickly_and_its_end_when_it_lasts(
    context: Context, world: ManualWorld, pins: MockFactory, active_when: str, pull: str
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        fire = built(context, Fire, **FIRE, active_when=active_when, pull=pull)
        cut, whole = pin.drive_high, pin.drive_low
        if active_when == "low":
            cut, whole = whole, cut
        whole()
        async with running(fire) as seen:
            await world.advance(1_000)
            assert seen.of(FireChanged) == [FireChanged("fire-panel", False, CLEAR_MS)]
            cut()
            await world.advance(ACTIVE_MS)
            assert seen.of(FireChanged)[1:] == [FireChanged("fire-panel", True, 1_000 + ACTIVE_MS)]
            whole()
            await world.advance(CLEAR_MS - 1)
            assert fires(seen) == [False, True]
            await world.advance(1)
        assert fires(seen) == [False, True, False]
        assert seen.health == [Health.OK]
        assert fire.series == ()

    asyncio.run(main())


def test_a_loop_that_is_cut_at_the_start_is_a_fire_at_once(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, Fire, **FIRE)) as seen:
            await world.advance(ACTIVE_MS)
            assert seen.of(FireChanged) == [FireChanged("fire-panel", True, ACTIVE_MS)]

    asyncio.run(main())


def test_one_spike_is_no_fire_and_a_chattering_loop_is(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        fire = built(context, Fire, **FIRE)
        pin.drive_low()
        async with running(fire) as seen:
            await world.advance(1_000)
            pin.drive_high()
            await world.advance(ACTIVE_MS - 1)
            pin.drive_low()
            await world.advance(10_000)
            assert fires(seen) == [False]
            for _ in range(UNSETTLED_MS // 10 + 1):  # no cut of these lasts
                pin.drive_high()
                await world.advance(ACTIVE_MS - 5)
                pin.drive_low()
                await world.advance(5)
            assert fires(seen) == [False, True]
            assert seen.health == [Health.OK, Health.ERROR]
            await world.advance(STEADY_MS)
        assert fires(seen) == [False, True, False]
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]

    asyncio.run(main())


def test_a_loop_that_comes_and_goes_stays_a_fire(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        fire = built(context, Fire, **FIRE)
        pin.drive_low()
        async with running(fire) as seen:
            await world.advance(1_000)
            for _ in range(100):
                pin.drive_high()
                await world.advance(100)
                pin.drive_low()
                await world.advance(300)
            assert len(fires(seen)) <= CHANGES + 1
            assert fires(seen)[-1]
            await world.advance(STEADY_MS)
        assert not fires(seen)[-1]

    asyncio.run(main())


def test_an_open_housing_is_said_once_and_at_start(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        tamper = built(context, Tamper, **TAMPER)
        pin.drive_low()
        async with running(tamper) as seen:
            await world.advance(1_000)
            for drive in (pin.drive_high, pin.drive_low, pin.drive_high):
                drive()
                await world.advance(1)
            await world.advance(999)
            pin.drive_low()
            await world.advance(1_000)
        assert seen.of(TamperChanged) == [
            TamperChanged("case", False, STABLE_MS),
            TamperChanged("case", True, 1_002 + STABLE_MS),
            TamperChanged("case", False, 2_002 + STABLE_MS),
        ]

    asyncio.run(main())


def test_a_press_of_the_attack_button_counts_once(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        async with running(built(context, LockdownButton, **BUTTON)) as seen:
            await world.advance(1_000)
            for drive in (pin.drive_low, pin.drive_high, pin.drive_low):
                drive()
                await world.advance(1)
            await world.advance(STUCK_MS - 1_000)
            assert seen.of(LockdownPressed) == [LockdownPressed("attack-button", 1_002 + STABLE_MS)]
            pin.drive_high()
            await world.advance(1_000)
            pin.drive_low()
            await world.advance(1_000)
        assert len(seen.of(LockdownPressed)) == 2
        assert seen.health == [Health.OK]

    asyncio.run(main())


def test_an_attack_button_that_is_stuck_is_reported_and_locks_nothing_down_at_start(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        button = built(context, LockdownButton, **BUTTON)
        pins.pin(5).drive_low()
        async with running(button) as seen:
            await world.advance(STABLE_MS + STUCK_MS)
            assert seen.health == [Health.OK, Health.ERROR]
            pins.pin(5).drive_high()
            await world.advance(STABLE_MS)
            assert seen.health == [Health.OK, Health.ERROR, Health.OK]
            assert seen.of(LockdownPressed) == []
            pins.pin(5).drive_low()
            await world.advance(STABLE_MS)
            assert len(seen.of(LockdownPressed)) == 1

    asyncio.run(main())
