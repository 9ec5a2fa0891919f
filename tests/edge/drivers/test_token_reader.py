"""The reader of QR codes and tags on a pseudo-terminal, and the lines that it sends."""

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import HealthChanged, TokenRead
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.token_reader import TokenReader
from pleintemps_edge.sensing.lines import MAX_BYTES, Garbage, Line, Lines
from pleintemps_firmware_sim.devices.token_reader import TokenReader as SimulatedReader

from .lines import Ports, line
from .running import built, running

SCANNER: dict[str, Any] = {"device": "hall-scanner", "driver": "token_reader", "port": "scanner"}


def texts(seen_tokens: list[TokenRead]) -> list[str]:
    return [token.text for token in seen_tokens]


def test_what_is_read_is_said_as_it_is(context: Context, world: ManualWorld, tmp_path: Path) -> None:
    async def main() -> None:
        with line(tmp_path / "scanner") as device:
            async with running(built(context, TokenReader, **SCANNER)) as seen:
                world.move(1_500)
                device.send(b"PT1.abc.def\r\n\r\nPT1.gh")
                device.send(b"i.jkl\r caf\xc3\xa9 \n")
                await seen.until(lambda seen: len(seen.of(TokenRead)) == 3)
        assert seen.of(TokenRead)[0] == TokenRead("hall-scanner", "PT1.abc.def", world.monotonic())
        assert texts(seen.of(TokenRead)) == ["PT1.abc.def", "PT1.ghi.jkl", "café"]
        assert seen.of(HealthChanged) == [HealthChanged("hall-scanner", Health.OK, "")]

    asyncio.run(main())


def test_the_simulated_reader_is_heard_again_and_again(context: Context, tmp_path: Path) -> None:
    async def main() -> None:
        scanner = SimulatedReader(tmp_path / "scanner")
        scanner.link.plug()
        try:
            async with running(built(context, TokenReader, **SCANNER)) as seen:
                for n in range(100):
                    scanner.present(f"PT1.{n}")
                await seen.until(lambda seen: len(seen.of(TokenRead)) == 100)
            assert texts(seen.of(TokenRead)) == [f"PT1.{n}" for n in range(100)]
        finally:
            scanner.link.unplug()

    asyncio.run(main())


def test_three_bad_lines_are_an_error_with_their_number_and_a_good_one_ends_it(
    context: Context, tmp_path: Path
) -> None:
    async def main() -> None:
        with line(tmp_path / "scanner") as device:
            async with running(built(context, TokenReader, **SCANNER)) as seen:
                device.send(b"\xff\xfe\n" + b"x" * (MAX_BYTES + 1) + b"\n" + b"good\n")
                await seen.until(lambda seen: texts(seen.of(TokenRead)) == ["good"])
                assert seen.health == [Health.OK]
                device.send(b"\x00\x01\n" + b"\x80\n" + b"y" * 3 * MAX_BYTES + b"\n")
                await seen.until(lambda seen: seen.health == [Health.OK, Health.ERROR])
                detail = f"3 lines in a row were no tokens: a line of more than {MAX_BYTES} bytes"
                assert seen.of(HealthChanged)[-1].detail == detail
                device.send(b"again\n")
                await seen.until(lambda seen: seen.health == [Health.OK, Health.ERROR, Health.OK])
        assert texts(seen.of(TokenRead)) == ["good", "again"]

    asyncio.run(main())


def test_half_a_line_is_forgotten_after_a_second_and_does_not_begin_the_next(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    async def main() -> None:
        with line(tmp_path / "scanner") as device:
            async with running(built(context, TokenReader, **SCANNER)) as seen:
                device.send(b"PT1.half")
                await ports.until(received=8)
                await world.advance(1_000)
                device.send(b"whole\n")
                await seen.until(lambda seen: texts(seen.of(TokenRead)) == ["whole"])

    asyncio.run(main())


def test_a_port_that_vanishes_is_an_error_and_comes_back(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    async def main() -> None:
        async with running(built(context, TokenReader, **SCANNER)) as seen:
            with line(tmp_path / "scanner"):
                await world.advance(1_000)
                await ports.until(opened=1)
                await seen.until(lambda seen: seen.health == [Health.ERROR, Health.OK])
            await seen.until(lambda seen: len(seen.health) == 3)
            with line(tmp_path / "scanner") as device:
                while ports.opened < 2:
                    await world.advance(1_000)
                device.send(b"back\n")
                await seen.until(lambda seen: texts(seen.of(TokenRead)) == ["back"])
        assert seen.health == [Health.ERROR, Health.OK, Health.ERROR, Health.OK]

    asyncio.run(main())


def test_a_port_that_was_replaced_silently_is_found(
    context: Context, world: ManualWorld, tmp_path: Path, ports: Ports
) -> None:
    async def main() -> None:
        with line(tmp_path / "scanner"):
            async with running(built(context, TokenReader, **SCANNER)) as seen:
                await ports.until(opened=1)
                with line(tmp_path / "scanner") as device:
                    while ports.opened < 2:
                        await world.advance(1_000)
                    device.send(b"new\n")
                    await seen.until(lambda seen: texts(seen.of(TokenRead)) == ["new"])
                details = [changed.detail for changed in seen.of(HealthChanged)]
        assert details == ["", "scanner: the port was replaced", ""]

    asyncio.run(main())


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 7))
def test_how_the_bytes_are_cut_makes_no_difference(pieces: list[bytes], size: int) -> None:
    stream = b"\n".join(pieces) + b"\n"
    lines = Lines()
    cut = [lines.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert [each for found in cut for each in found] == Lines().feed(stream)


@given(st.lists(st.binary(max_size=5_000), max_size=10))
def test_any_bytes_give_clean_short_lines_or_garbage(pieces: list[bytes]) -> None:
    lines = Lines()
    for piece in pieces:
        for found in lines.feed(piece):
            assert isinstance(found, Garbage | Line)
            if isinstance(found, Line):
                assert found.text.isprintable() and found.text == found.text.strip() != ""
                assert len(found.text.encode()) <= MAX_BYTES
