"""The reader on mock pins whose edges carry ticks of their own."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from gpiozero.pins.pi import PiPin

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import CardRead, Feedback, KeyPressed, Unreadable
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.wiegand import Wiegand
from pleintemps_edge.sensing.wiegand import MAX_EDGES, QUIET_US, Formats
from pleintemps_firmware_sim.devices.wiegand import card_bits

from .running import Seen, built, running, settled

KEYPAD: dict[str, Any] = {"device": "hall-keypad", "driver": "wiegand", "d0": 23, "d1": 24}
READER: dict[str, Any] = KEYPAD | {"device": "hall-reader", "cards": [26, 34]}
D0, D1 = 23, 24
QUIET_MS = QUIET_US // 1000
LATE_MS = 72
CARD_MS = 92
"""How long keys are waited for, short frames, and everything on a line with cards."""
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
            await world.advance(LATE_MS - 2)
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


def test_keys_and_cards_on_one_line(context: Context, world: ManualWorld, pins: MockFactory) -> None:
    async def main() -> None:
        async with running(built(context, Wiegand, **READER)) as seen:
            await world.advance(1_000)
            send(pins, pulses(card_bits(26, 123, 4567), 3.0))
            await world.advance(CARD_MS - 1)
            assert seen.of(CardRead) == []
            await world.advance(1)
            send(pins, pulses("0101", 4.0))
            await world.advance(CARD_MS)
            send(pins, pulses(card_bits(34, 123, 4567), 5.0))
            await world.advance(CARD_MS)
        assert seen.all[1:] == [
            CardRead("hall-reader", "w26:123:4567", 1_000),
            KeyPressed("hall-reader", "5", 1_000 + CARD_MS),
            CardRead("hall-reader", "w34:123:4567", 1_000 + 2 * CARD_MS),
        ]

    asyncio.run(main())


def test_the_first_bits_of_a_card_whose_others_are_late_are_no_key(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        line = pulses(card_bits(34, 123, 4567), 9.0)
        async with running(built(context, Wiegand, **READER)) as seen:
            send(pins, line[:4])
            await world.advance(40)
            send(pins, line[4:26])
            await world.advance(50)
            send(pins, line[26:])
            await world.advance(CARD_MS)
        assert seen.all[1:] == [CardRead("hall-reader", "w34:123:4567", 90)]

    asyncio.run(main())


def test_a_card_of_another_format_is_refused_by_its_length(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, Wiegand, **READER)) as seen:
            send(pins, pulses("01" * 18 + "1", 9.0))
            await world.advance(CARD_MS)
        [unreadable] = seen.of(Unreadable)
        assert unreadable.reason == "37 bits where a key has 4 and a card has 26 or 34"

    asyncio.run(main())


def test_the_lamps_and_the_sounder_of_a_reader(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    table = KEYPAD | {"led_green": 5, "led_red": 6, "buzzer": 12}

    def shown() -> str:
        """G, R and B for what is on; these pins switch on with a low level."""
        return "".join(name for name, pin in [("G", 5), ("R", 6), ("B", 12)] if not pins.pin(pin).state)

    async def main() -> None:
        reader = built(context, Wiegand, **table)
        assert shown() == ""
        async with running(reader):
            assert shown() == ""
            reader.show(Feedback.ACCEPTED)
            await world.advance(0)
            assert shown() == "GB"
            await world.advance(1_000)
            assert shown() == "G"
            reader.show(Feedback.WAIT)
            await world.advance(0)
            assert shown() == "GRB"
            reader.show(Feedback.PRE_ALARM)
            await world.advance(10_000)
            assert shown() == "RB"
            await world.advance(250)
            assert shown() == ""
            reader.show(Feedback.QUIET)
            await world.advance(1_000)
            assert shown() == ""
            reader.show(Feedback.ACCEPTED)
            await world.advance(0)
            assert shown() == "GB"
        assert all(pins.pin(pin).function == "input" for pin in (5, 6, 12))
        assert [state.state for state in pins.pin(5).states][-2:] == [False, True]  # off before it is let go

    asyncio.run(main())


@pytest.mark.parametrize("active", ["low", "high"])
def test_one_lamp_is_lit_whatever_the_colour(
    context: Context, world: ManualWorld, pins: MockFactory, active: str
) -> None:
    async def main() -> None:
        reader = built(context, Wiegand, **KEYPAD, led=5, active=active)
        async with running(reader):
            for feedback in (Feedback.ACCEPTED, Feedback.REFUSED, Feedback.NO_TRUSTED_TIME):
                reader.show(feedback)
                await world.advance(0)
                assert pins.pin(5).state == (active == "high")
            await world.advance(10_000)
            assert pins.pin(5).state == (active == "low")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"buffered": True}, "`buffered`: such a keypad cannot carry codes of 8 digits"),
        ({"buffered": True, "cards": [26]}, "`buffered`: such a keypad cannot carry codes of 8 digits"),
        ({"buffered": True, "bits": 0, "cards": [34]}, "`buffered`: it reads cards only"),
        ({"bits": 0}, "the reader sends nothing"),
        ({"bits": 0, "cards": [26], "swap_star_hash": True}, "`swap_star_hash` is for keypads"),
        ({"cards": [26, 26]}, "`cards` names a length twice"),
        ({"cards": [37]}, "`cards"),
        ({"code_facility": 5}, "`code_facility` goes with `buffered`"),
        ({"led": 5, "led_red": 6}, "`led` is the one lamp"),
        ({"buzzer": 23}, "one pin is named twice"),
    ],
)
def test_what_a_reader_cannot_be(context: Context, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"device hall-keypad: .*{words}"):
        built(context, Wiegand, **KEYPAD | changes)


def test_a_buffered_reader_reads_cards_and_refuses_its_codes(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        table = KEYPAD | {"bits": 0, "cards": [26], "buffered": True, "code_facility": 7}
        async with running(built(context, Wiegand, **table)) as seen:
            send(pins, pulses(card_bits(26, 7, 1234), 1.0))
            await world.advance(CARD_MS)
            send(pins, pulses(card_bits(26, 8, 1234), 2.0))
            await world.advance(CARD_MS)
        assert seen.all[1:] == [
            Unreadable("hall-keypad", "a code typed at a buffered keypad, which carries cards only", 0),
            CardRead("hall-keypad", "w26:8:1234", CARD_MS),
        ]

    asyncio.run(main())


def test_the_times_of_this_file_are_those_of_the_rules() -> None:
    assert (-(-Formats(4).late_us // 1000), -(-Formats(4, (26,)).late_us // 1000)) == (LATE_MS, CARD_MS)


def test_a_pin_that_is_taken_frees_the_others(context: Context, pins: MockFactory) -> None:
    first = built(context, Wiegand, **KEYPAD)
    with pytest.raises(ConfigError, match="pin 24"):
        built(context, Wiegand, **KEYPAD | {"device": "other", "d0": 5})
    with pytest.raises(ConfigError, match="pin 23"):
        built(context, Wiegand, **KEYPAD | {"device": "other", "d0": 5, "d1": 6, "led": 12, "buzzer": 23})
    second = built(context, Wiegand, **KEYPAD | {"device": "third", "d0": 5, "d1": 6, "led": 12})
    assert (first.device, second.device) == ("hall-keypad", "third")
