"""A reader gets its key: from the default key, from an older one, after an interruption, or not at all."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.keyfiles import write_secret
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge import cli
from pleintemps_edge.drivers.base import KeyPressed
from pleintemps_edge.drivers.osdp import Osdp, OsdpConfig, read_key
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.osdp_install import InstallError, install
from pleintemps_firmware_sim.devices.osdp import OsdpReader
from tests.edge.actors import write_setup
from tests.support.osdp_witness import DEFAULT_KEY

from .lines import line
from .osdp_line import KEY, READER, plugged
from .running import built, running

CONFIG = msgspec.convert(READER, OsdpConfig)
ADDRESS = READER["address"]


def real(context: Context) -> Context:
    return replace(context, world=SystemWorld(), line=SystemWorld())


async def works(context: Context, reader: OsdpReader) -> None:
    """The driver reads the key file and hears the reader."""
    async with running(built(context, Osdp, **READER)) as seen:
        await seen.until(lambda seen: seen.health == [Health.OK])
        reader.press("1")
        await seen.until(lambda seen: len(seen.of(KeyPressed)) == 1)


def test_a_reader_on_the_default_key_gets_one_of_its_own_and_then_another(
    context: Context, tmp_path: Path
) -> None:
    async def main() -> None:
        reader = OsdpReader(None, address=ADDRESS)
        async with plugged(reader, tmp_path / "reader"):
            assert await install(CONFIG, real(context)) == "gave the reader its first key"
            first = read_key(tmp_path / "reader.key")
            assert reader.key == first not in (None, DEFAULT_KEY)
            await works(real(context), reader)
            assert await install(CONFIG, real(context)) == "changed the key of the reader"
            assert reader.key == read_key(tmp_path / "reader.key") != first
            await works(real(context), reader)
        assert (tmp_path / "reader.key").stat().st_mode & 0o777 == 0o600
        assert not (tmp_path / "reader.key.new").exists()

    asyncio.run(main())


def test_what_was_interrupted_after_the_reader_had_its_key_is_finished(
    context: Context, tmp_path: Path
) -> None:
    async def main() -> None:
        write_secret(tmp_path / "reader.key", b"11" * 16)
        write_secret(tmp_path / "reader.key.new", KEY.hex().encode())
        async with plugged(OsdpReader(KEY, address=ADDRESS), tmp_path / "reader"):
            assert await install(CONFIG, real(context)) == "finished what an earlier run had begun"
        assert read_key(tmp_path / "reader.key") == KEY
        assert not (tmp_path / "reader.key.new").exists()

    asyncio.run(main())


def test_what_was_interrupted_before_the_reader_heard_of_it_begins_anew(
    context: Context, tmp_path: Path
) -> None:
    async def main() -> None:
        write_secret(tmp_path / "reader.key", KEY.hex().encode())
        write_secret(tmp_path / "reader.key.new", b"11" * 16)
        reader = OsdpReader(KEY, address=ADDRESS)
        async with plugged(reader, tmp_path / "reader"):
            assert await install(CONFIG, real(context)) == "changed the key of the reader"
        assert reader.key == read_key(tmp_path / "reader.key") != KEY

    asyncio.run(main())


def test_a_reader_with_another_key_keeps_it_and_the_file_stays(context: Context, tmp_path: Path) -> None:
    async def main() -> None:
        write_secret(tmp_path / "reader.key", b"11" * 16)
        reader = OsdpReader(KEY, address=ADDRESS)
        async with plugged(reader, tmp_path / "reader"):
            with pytest.raises(InstallError, match="the reader holds another key than ours"):
                await install(CONFIG, real(context))
        assert reader.key == KEY
        assert read_key(tmp_path / "reader.key") == b"\x11" * 16

    asyncio.run(main())


@pytest.mark.parametrize(
    ("key", "clear_only", "words"),
    [
        (KEY, False, "the reader (holds another key|refuses|answers)"),
        (None, True, "the reader has no secure channel"),
    ],
)
def test_readers_that_do_not_take_a_first_key(
    context: Context, tmp_path: Path, key: bytes | None, clear_only: bool, words: str
) -> None:
    async def main() -> None:
        reader = OsdpReader(key, address=ADDRESS, clear_only=clear_only)
        async with plugged(reader, tmp_path / "reader"):
            with pytest.raises(InstallError, match=words):
                await install(CONFIG, real(context))
        assert reader.key == key
        assert not (tmp_path / "reader.key").exists()

    asyncio.run(main())


def test_without_an_answer_what_an_earlier_run_had_written_stays(
    context: Context, world: ManualWorld, tmp_path: Path
) -> None:
    async def main() -> None:
        write_secret(tmp_path / "reader.key.new", KEY.hex().encode())
        with line(tmp_path / "reader") as device:
            task = asyncio.create_task(install(CONFIG, context))
            await device.heard(1)
            while not task.done():
                await world.advance(100)
            with pytest.raises(InstallError, match="no answer for 10 s"):
                await task
        assert read_key(tmp_path / "reader.key.new") == KEY

    asyncio.run(main())


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_setup(tmp_path, 1883)
    table = "".join(f"{key} = {value!r}\n" for key, value in READER.items())
    path.write_text(path.read_text() + f"[[devices]]\n{table}")
    order = ["osdp-install", "--config", str(path), "--device"]

    async def main() -> None:
        reader = OsdpReader(None, address=ADDRESS)
        async with plugged(reader, tmp_path / "reader"):
            assert await asyncio.to_thread(cli.main, [*order, "hall-reader"]) == 0
        assert reader.key == read_key(tmp_path / "reader.key")

    asyncio.run(main())
    said = capsys.readouterr()
    assert said.out == "hall-reader: gave the reader its first key\n"
    assert read_key(tmp_path / "reader.key").hex() not in said.out + said.err
    assert cli.main([*order, "hall-keypad"]) == 2
    assert "'hall-keypad' is no device with the driver osdp" in capsys.readouterr().err
    assert cli.main([*order, "hall-reader"]) == 1, "the port is gone"
    assert os.strerror(2) in capsys.readouterr().err
