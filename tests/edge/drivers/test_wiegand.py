"""The keypad on mock pins whose edges carry ticks of their own."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from gpiozero.pins.pi import PiPin

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import KeyPressed, Unreadable
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.wiegand import Wiegand
from pleintemps_edge.sensing.wiegand import LATE_MS, MAX_EDGES, QUIET_MS

from .running import Seen, built, running, settled

KEYPAD: dict[str, Any] = {"device": "hall-keypad", "driver": "wiegand", "d0": 23, "d1": 24}
D0, D1 = 23, 24
Pulse = tuple[float, int]
"""Tick of the falling edge in seconds, bit."""


class WrappingFactory(MockFactory):  # type: ignore[misc]
    """Ticks of 32 bits of microseconds, as some factories have."""

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        return (round((later - earlier) * 1e6) & 0xFFFFFFFF) / 1e6


def pulses(bits: str, start: float, spacing: float = 0.001) -> list[Pulse]:
    return [(start + n * spacing, int(bit)) for n, bit in enumerate(bits)]


def send(pins: MockFactory, line: Iterable[Pulse]) -> None:
    """Deliver pulses in the given order, whatever their ticks."""
    for tick, bit in line:
        pin: MockPin = pins.pin(D1 if bit else D0)
        pin._state = False
        if pin._edges in ("falling", "both"):
            PiPin._call_when_changed(pin, tick, False)
        pin._state = True


def keys(seen: Seen) -> str:
    return "".join(pressed.key for pressed in seen.of(KeyPressed))


def test_a_key_is_said_once_the_line_is_quiet(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, Wiegand, **KEYPAD)) as seen:
            await world.advance(5_000)
            send(pins, pulses("0101", 3.0))
            await world.advance(QUIET_MS - 1)
            assert keys(seen) == ""
            await world.advance(1)
            assert seen.of(KeyPressed) == [KeyPressed("hall-keypad", "5", 5_000)]
            send(pins, pulses("0000", 4.0))
            await world.advance(QUIET_MS)
            send(pins, pulses("1011", 5.0))
            await world.advance(QUIET_MS)
        assert keys(seen) == "50#"
        assert seen.of(Unreadable) == []
        assert seen.health == [Health.OK]

    asyncio.run(main())


@pytest.mark.parametrize(("bits", "frame", "key"), [(4, "0110", "6"), (8, "10010110", "6")])
def test_the_edges_own_ticks_order_the_bits(
    context: Context, world: ManualWorld, pins: MockFactory, bits: int, frame: str, key: str
) -> None:
    line = pulses(frame, 100.0)

    async def main() -> None:
        async with running(built(context, Wiegand, **KEYPAD, bits=bits)) as seen:
            for arrival in (line, line[::-1], sorted(line, key=lambda pulse: pulse[1])):
                send(pins, arrival)
                await world.advance(QUIET_MS)
        assert keys(seen) == key * 3

    asyncio.run(main())


def test_ticks_that_wrap_between_two_bits(world: ManualWorld, context: Context) -> None:
    factory = WrappingFactory()
    context = Context(world=world, base=context.base, line=world, pin_factory=factory)
    wrap = 2**32 / 1e6

    async def main() -> None:
        line = [(tick % wrap, bit) for tick, bit in pulses("0111", wrap - 0.002)]
        async with running(built(context, Wiegand, **KEYPAD)) as seen:
            for arrival in (line, line[::-1]):
                send(factory, arrival)
                await world.advance(QUIET_MS)
        assert keys(seen) == "77"

    asyncio.run(main())
    factory.close()


def test_two_keys_delivered_together_are_two_keys(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, Wiegand, **KEYPAD)) as seen:
            send(pins, [*pulses("0010", 7.2), *pulses("0001", 7.0)])
            await world.advance(QUIET_MS)
        assert keys(seen) == "12"

    asyncio.run(main())


def test_a_frame_delivered_in_two_parts_is_one_key(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        line = pulses("1001", 9.0)
        async with running(built(context, Wiegand, **KEYPAD)) as seen:
            send(pins, line[:2])
            await world.advance(LATE_MS - 1)
            send(pins, line[2:])
            await world.advance(LATE_MS)
        assert keys(seen) == "9"

    asyncio.run(main())


def test_a_lost_bit_is_refused_with_its_reason(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, Wiegand, **KEYPAD)) as seen:
            send(pins, pulses("010", 9.0))
            await world.advance(LATE_MS)
            send(pins, pulses("0101", 10.0))
            await world.advance(QUIET_MS)
        assert seen.of(Unreadable) == [Unreadable("hall-keypad", "3 bits where a key has 4", 0)]
        assert keys(seen) == "5"

    asyncio.run(main())


def test_noise_is_an_error_of_the_device_and_bounded(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, Wiegand, **KEYPAD)) as seen:
            for n in range(20 * MAX_EDGES):
                send(pins, [(n * 0.01, n % 2)])
                await world.advance(10)
            assert seen.health == [Health.OK, Health.ERROR]
            await world.advance(LATE_MS)
            send(pins, pulses("0101", 100.0))
            await world.advance(QUIET_MS)
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]
        assert len(seen.of(Unreadable)) == 1
        assert keys(seen) == "5"

    asyncio.run(main())


def test_rising_edges_are_not_asked_for(context: Context, world: ManualWorld, pins: MockFactory) -> None:
    async def main() -> None:
        async with running(built(context, Wiegand, **KEYPAD)) as seen:
            pins.pin(D0).drive_low()
            pins.pin(D0).drive_high()
            await settled()
            await world.advance(LATE_MS)
        assert [unreadable.reason for unreadable in seen.of(Unreadable)] == ["1 bits where a key has 4"]

    asyncio.run(main())


def test_a_second_line_that_is_taken_frees_the_first(context: Context, pins: MockFactory) -> None:
    first = built(context, Wiegand, **KEYPAD)
    with pytest.raises(ConfigError, match="pin 24"):
        built(context, Wiegand, **KEYPAD | {"device": "other", "d0": 5})
    second = built(context, Wiegand, **KEYPAD | {"device": "third", "d0": 5, "d1": 6})
    assert (first.device, second.device) == ("hall-keypad", "third")
