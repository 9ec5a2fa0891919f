"""Motion detector, contact and strike on gpiozero's mock pins."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import ContactChanged, ExitRequested, HealthChanged, Sampled, SeriesSpec
from pleintemps_edge.drivers.contact import STUCK_MS
from pleintemps_edge.drivers.pir import Pir
from pleintemps_edge.drivers.reed import Reed
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.rex import Rex
from pleintemps_edge.drivers.strike import Strike
from pleintemps_edge.sensing.debounce import STABLE_MS, STEADY_MS, UNSETTLED_MS

from .running import built, running, settled

PIR: dict[str, Any] = {"device": "hall-pir", "driver": "pir", "space": "hall", "pin": 17}
REED: dict[str, Any] = {"device": "hall-reed", "driver": "reed", "space": "hall", "pin": 22}
HANDLE: dict[str, Any] = {"device": "hall-handle", "driver": "rex", "pin": 5}
STRIKE: dict[str, Any] = {"device": "hall-strike", "driver": "strike", "pin": 27}


def test_motion_is_said_at_each_change_with_its_time(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pir = built(context, Pir, **PIR, warm_up_s=0)
        assert pir.series == (
            SeriesSpec("hall-pir", "hall-pir", "hall", Quantity.MOTION, SeriesKind.STATE, 45),
        )
        start = world.now()
        async with running(pir) as seen:
            for drive in (pins.pin(17).drive_high, pins.pin(17).drive_low):
                world.move(1000)
                drive()
                await settled()
        assert seen.of(Sampled) == [
            Sampled("hall-pir", start + after, value) for after, value in [(0, 0.0), (1000, 1.0), (2000, 0.0)]
        ]
        assert seen.of(HealthChanged) == [HealthChanged("hall-pir", Health.OK, "")]

    asyncio.run(main())


def test_nothing_is_believed_during_the_warm_up(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, Pir, **PIR)) as seen:
            for _ in range(3):
                pins.pin(17).drive_high()
                pins.pin(17).drive_low()
            pins.pin(17).drive_high()
            await world.advance(59_999)
            assert seen.all == [HealthChanged("hall-pir", Health.OK, "warming up")]
            await world.advance(1)
        assert seen.values == [1.0]
        assert seen.of(HealthChanged)[1:] == [HealthChanged("hall-pir", Health.OK, "")]

    asyncio.run(main())


def test_a_detector_that_pulls_low_on_motion(context: Context, pins: MockFactory) -> None:
    async def main() -> None:
        pir = built(context, Pir, **PIR, warm_up_s=0, motion_when="low", pull="up")
        async with running(pir) as seen:
            pins.pin(17).drive_low()
            await settled()
        assert seen.values == [0.0, 1.0]

    asyncio.run(main())


def test_edges_come_from_the_thread_of_the_pins(context: Context, pins: MockFactory) -> None:
    async def main() -> None:
        async with running(built(context, Pir, **PIR, warm_up_s=0)) as seen:
            thread = threading.Thread(target=pins.pin(17).drive_high)
            thread.start()
            await seen.until(lambda seen: seen.values == [0.0, 1.0])
            thread.join()

    asyncio.run(main())


def test_a_contact_is_said_at_start_and_after_bouncing(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(22)
        reed = built(context, Reed, **REED)
        pin.drive_low()  # the magnet is there
        async with running(reed) as seen:
            await world.advance(STABLE_MS)
            assert seen.of(ContactChanged) == [
                ContactChanged("hall-reed", False, world.now(), world.monotonic())
            ]
            await world.advance(10_000)
            for drive in (pin.drive_high, pin.drive_low, pin.drive_high):
                drive()
                await world.advance(1)
            await world.advance(1_000)
        assert [contact.open for contact in seen.of(ContactChanged)] == [False, True]
        assert seen.values == [0.0, 1.0]
        opened = seen.of(ContactChanged)[1]
        assert opened.monotonic == STABLE_MS + 10_000 + 2 + STABLE_MS
        assert opened.at == seen.of(Sampled)[1].at

    asyncio.run(main())


def test_a_contact_that_is_open_when_low(context: Context, world: ManualWorld, pins: MockFactory) -> None:
    async def main() -> None:
        async with running(built(context, Reed, **REED, open_when="low", pull="none")) as seen:
            await world.advance(STABLE_MS)
        assert [contact.open for contact in seen.of(ContactChanged)] == [True]

    asyncio.run(main())


def test_a_flapping_contact_is_an_error_of_the_device_once(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(22)
        async with running(built(context, Reed, **REED)) as seen:
            await world.advance(STABLE_MS)
            for n in range(2 * UNSETTLED_MS // 5):
                (pin.drive_low if n % 2 == 0 else pin.drive_high)()
                await world.advance(5)
            assert seen.health == [Health.OK, Health.ERROR]
            await world.advance(STEADY_MS)
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]
        assert len(seen.of(ContactChanged)) == 1

    asyncio.run(main())


@pytest.mark.parametrize(("active_when", "pull"), [("low", "up"), ("high", "down")])
def test_a_handle_is_said_pressed_and_let_go_after_bouncing(
    context: Context, world: ManualWorld, pins: MockFactory, active_when: str, pull: str
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        rex = built(context, Rex, **HANDLE, active_when=active_when, pull=pull)
        assert rex.series == ()
        press, let_go = pin.drive_low, pin.drive_high
        if active_when == "high":
            press, let_go = let_go, press
        async with running(rex) as seen:
            await world.advance(1_000)
            assert seen.of(ExitRequested) == []
            for drive in (press, let_go, press):
                drive()
                await world.advance(1)
            await world.advance(499)
            let_go()
            await world.advance(500)
        assert seen.of(ExitRequested) == [
            ExitRequested("hall-handle", True, 1_002 + STABLE_MS),
            ExitRequested("hall-handle", False, 1_502 + STABLE_MS),
        ]
        assert seen.health == [Health.OK]

    asyncio.run(main())


def test_a_handle_that_is_held_at_start_asks_for_nothing_yet(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        rex = built(context, Rex, **HANDLE)
        pins.pin(5).drive_low()
        async with running(rex) as seen:
            await world.advance(STABLE_MS)
            assert seen.of(ExitRequested) == []
            pins.pin(5).drive_high()
            await world.advance(STABLE_MS)
            pins.pin(5).drive_low()
            await world.advance(STABLE_MS)
        assert [request.held for request in seen.of(ExitRequested)] == [False, True]

    asyncio.run(main())


def test_a_handle_that_is_held_for_a_minute_is_an_error_until_it_is_let_go(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        async with running(built(context, Rex, **HANDLE)) as seen:
            await world.advance(STABLE_MS)
            pin.drive_low()
            await world.advance(STABLE_MS)
            await world.advance(STUCK_MS - 1)
            assert seen.health == [Health.OK]
            await world.advance(1)
            assert seen.of(HealthChanged)[-1] == HealthChanged(
                "hall-handle", Health.ERROR, "held for a minute"
            )
            await world.advance(10 * STUCK_MS)
            pin.drive_high()
            await world.advance(STABLE_MS)
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]

    asyncio.run(main())


def test_a_flapping_handle_is_an_error_of_the_device_once(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(5)
        async with running(built(context, Rex, **HANDLE)) as seen:
            await world.advance(STABLE_MS)
            for n in range(2 * UNSETTLED_MS // 5):
                (pin.drive_low if n % 2 == 0 else pin.drive_high)()
                await world.advance(5)
            assert seen.health == [Health.OK, Health.ERROR]
            await world.advance(STEADY_MS)
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]
        assert seen.of(ExitRequested) == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("energise", "wiring", "secured"),
    [
        ("high", "energise-to-unlock", False),
        ("low", "energise-to-unlock", True),
        ("high", "energise-to-lock", True),
        ("low", "energise-to-lock", False),
    ],
)
def test_a_strike_is_secured_from_the_start_and_at_the_end(
    context: Context, pins: MockFactory, energise: str, wiring: str, secured: bool
) -> None:
    pin = pins.pin(27)
    pin._state = secured  # the board's resistor
    pin.clear_states()
    strike = built(
        context, Strike, **STRIKE, energise=energise, wiring=wiring, supply_cut_by=["exit", "fire"]
    )
    assert pin.function == "output"
    strike.release()
    strike.release()
    strike.secure()
    strike.release()
    strike.close()
    assert [state.state for state in pin.states] == [secured, not secured, secured, not secured, secured]
    assert pin.function == "input"


@pytest.mark.parametrize("released", [False, True])
def test_making_a_strike_never_passes_through_the_releasing_level(
    context: Context, pins: MockFactory, released: bool
) -> None:
    pin = pins.pin(27)
    pin._state = released
    pin.clear_states()
    built(context, Strike, **STRIKE)
    assert [state.state for state in pin.states] == [released, False][: 1 + released]


def test_a_pin_that_cannot_be_had_names_the_device(context: Context, pins: MockFactory) -> None:
    strike = built(context, Strike, **STRIKE)
    with pytest.raises(ConfigError, match=r"device other: pin 27: .*already in use"):
        built(context, Pir, **PIR | {"device": "other", "pin": 27})
    with pytest.raises(ConfigError, match=r"device hall-pir: pin 50: "):
        built(context, Pir, **PIR | {"pin": 50})
    with pytest.raises(ConfigError, match=r"device hall-reed: pin 3: .*fixed pull"):
        built(context, Reed, **REED | {"pin": 3, "pull": "down"})
    with pytest.raises(ConfigError, match=r"device hall-strike: pin 27: .*already in use"):
        built(context, Strike, **STRIKE)
    strike.close()


def test_a_driver_that_ends_gives_its_pin_back(context: Context, pins: MockFactory) -> None:
    async def main() -> None:
        async with running(built(context, Pir, **PIR, warm_up_s=0)):
            pass
        async with running(built(context, Pir, **PIR, warm_up_s=0)) as seen:
            assert seen.values == [0.0]

    asyncio.run(main())
    assert isinstance(pins.pin(17), MockPin)
    assert pins.pin(17).when_changed is None


def test_the_environment_decides_the_pins(
    world: ManualWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    strike = built(Context(world=world, base=tmp_path), Strike, **STRIKE)
    assert isinstance(Device.pin_factory, MockFactory)
    assert Device.pin_factory.pin(27).function == "output"
    strike.close()
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nowhere")
    with pytest.raises(ConfigError, match=r"device hall-strike: pin 27: .*nowhere"):
        built(Context(world=world, base=tmp_path), Strike, **STRIKE)
