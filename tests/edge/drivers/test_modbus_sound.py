"""The sound meter on a pseudo-terminal: polls, faults of the line, implausible levels."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import HealthChanged, Sampled, SeriesSpec
from pleintemps_edge.drivers.modbus_sound import ModbusSound
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.sensing.modbus_rtu import crc16
from tests.captures import load

from .lines import Ports, line
from .running import built, running

METER: dict[str, Any] = {"device": "hall-meter", "driver": "modbus_sound", "space": "hall", "port": "meter"}
CAPTURES = load("modbus-sound-sensor")
REQUEST = CAPTURES["request 1 register"]
ANSWER = CAPTURES["answer 52.3 dB"]
Respond = Callable[[bytes], bytes]


def framed(*body: int) -> bytes:
    return bytes(body) + crc16(bytes(body))


def level(tenths: int) -> bytes:
    return framed(1, 3, 2, *tenths.to_bytes(2, "big"))


def test_one_level_a_poll(context: Context, world: ManualWorld, tmp_path: Path) -> None:
    async def main() -> None:
        meter = built(context, ModbusSound, **METER, max_silence_s=30)
        assert meter.series == (
            SeriesSpec("hall-meter", "hall-meter", "hall", Quantity.LEVEL, SeriesKind.LEVEL, 30),
        )
        start = world.now()
        with line(tmp_path / "meter") as device:
            device.respond = lambda _request: ANSWER
            async with running(meter) as seen:
                for count in (1, 2, 3):
                    await seen.until(lambda seen, count=count: len(seen.values) == count)  # type: ignore[misc]
                    await world.advance(1_000)
                await device.heard(4 * len(REQUEST))
        assert device.sent[: 4 * len(REQUEST)] == REQUEST * 4
        assert seen.of(Sampled)[:3] == [Sampled("hall-meter", start + 1_000 * n, 52.3) for n in range(3)]
        assert seen.of(HealthChanged) == [HealthChanged("hall-meter", Health.OK, "")]

    asyncio.run(main())


def test_address_register_and_scale_are_the_configured_ones(context: Context, tmp_path: Path) -> None:
    async def main() -> None:
        meter = built(context, ModbusSound, **METER, address=17, register=0x0107, scale=1.0, baud=9600)
        with line(tmp_path / "meter") as device:
            device.respond = lambda _request: framed(17, 3, 2, 0, 61)
            async with running(meter) as seen:
                await seen.until(lambda seen: seen.values == [61.0])
        assert device.sent == framed(17, 3, 1, 7, 0, 1)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("respond", "detail"),
    [
        (lambda _request: b"", "no answer"),
        (lambda request: request, "no answer"),
        (lambda _request: ANSWER[:4], "4 of 7 bytes"),
        (lambda _request: ANSWER[:-1] + b"\x00", "bad CRC"),
        (lambda _request: framed(2, 3, 2, 2, 11), "answer from address 2, not 1"),
        (lambda _request: framed(1, 0x83, 2), "exception 02 (illegal register)"),
        (lambda _request: level(199), "implausible level 19.9 dB"),
        (lambda _request: level(1401), "implausible level 140.1 dB"),
        (lambda _request: level(0xFFFF), "implausible level 6553.5 dB"),
        (lambda _request: bytes(300), "bad CRC"),
    ],
)
def test_three_failures_in_a_row_are_an_error_and_a_good_answer_ends_it(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports, respond: Respond, detail: str
) -> None:
    async def main() -> None:
        def good(tenths: int) -> Respond:
            return lambda _request: level(tenths)

        answers = iter([good(600), respond, respond, good(610), respond, respond, respond, good(620)])
        sent = 0

        def play(request: bytes) -> bytes:
            nonlocal sent
            data = next(answers)(request)
            sent += len(data)
            return data

        with line(tmp_path / "meter") as device:
            device.respond = play
            async with running(built(context, ModbusSound, **METER, poll_s=2.0)) as seen:
                for poll in range(1, 9):
                    await device.heard(poll * len(REQUEST))
                    await ports.until(received=sent)
                    await world.advance(1_000)  # the time-out, where nothing good came
                    if poll < 7:
                        assert seen.health == [Health.OK]
                    if poll == 7:
                        assert seen.of(HealthChanged)[1:] == [
                            HealthChanged("hall-meter", Health.ERROR, detail)
                        ]
                    if poll < 8:
                        await world.advance(1_000)
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]
        assert seen.values == [pytest.approx(value) for value in (60.0, 61.0, 62.0)]

    asyncio.run(main())


@pytest.mark.parametrize("before", [REQUEST, b"\x00", framed(2, 3, 2, 2, 11), REQUEST + b"\xff"])
def test_an_echo_and_noise_before_the_answer_do_no_harm(
    context: Context, tmp_path: Path, before: bytes
) -> None:
    async def main() -> None:
        with line(tmp_path / "meter") as device:
            device.respond = lambda _request: before + ANSWER
            async with running(built(context, ModbusSound, **METER)) as seen:
                await seen.until(lambda seen: len(seen.values) == 1)
        assert seen.values == [pytest.approx(52.3)]

    asyncio.run(main())


def test_an_answer_in_two_halves_is_one_answer(context: Context, tmp_path: Path, ports: Ports) -> None:
    async def main() -> None:
        with line(tmp_path / "meter") as device:
            async with running(built(context, ModbusSound, **METER)) as seen:
                await device.heard(len(REQUEST))
                device.send(ANSWER[:3])
                await ports.until(received=3)
                device.send(ANSWER[3:])
                await seen.until(lambda seen: len(seen.values) == 1)

    asyncio.run(main())


def test_what_came_too_late_is_not_the_answer_to_the_next_poll(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    async def main() -> None:
        with line(tmp_path / "meter") as device:
            async with running(built(context, ModbusSound, **METER, poll_s=10)) as seen:
                await device.heard(len(REQUEST))
                await world.advance(1_000)
                device.respond = lambda _request: level(600)
                device.send(level(900))
                await ports.until(received=len(ANSWER))
                await world.advance(9_000)
                await seen.until(lambda seen: len(seen.values) == 1)
        assert seen.values == [pytest.approx(60.0)]

    asyncio.run(main())


def test_under_a_fast_clock_an_answer_has_half_a_real_second(tmp_path: Path) -> None:
    world, real = ManualWorld(), ManualWorld()
    fast = Context(world=world, base=tmp_path, line=real)

    async def main() -> None:
        with line(tmp_path / "meter") as device:
            async with running(built(fast, ModbusSound, **METER)) as seen:
                await device.heard(len(REQUEST))
                await world.advance(60_000)
                await real.advance(499)
                device.send(ANSWER)
                await seen.until(lambda seen: len(seen.values) == 1)

    asyncio.run(main())


def test_a_port_that_vanishes_and_returns(context: Context, world: ManualWorld, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(built(context, ModbusSound, **METER)) as seen:
            for count in (1, 2):
                with line(tmp_path / "meter") as device:
                    device.respond = lambda _request: ANSWER
                    await world.advance(1_000)
                    await seen.until(lambda seen, count=count: len(seen.values) >= count)  # type: ignore[misc]
                    device.unplug()  # which is noticed between two polls too
                    await seen.until(lambda seen, count=count: len(seen.health) == 1 + 2 * count)  # type: ignore[misc]
        assert seen.health == [Health.ERROR, Health.OK, Health.ERROR, Health.OK, Health.ERROR]

    asyncio.run(main())
