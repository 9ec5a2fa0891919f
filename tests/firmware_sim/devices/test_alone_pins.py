"""Devices on pins alone: what a program on the socket sees, what the list of edges holds, orders."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.world import ManualWorld
from pleintemps_firmware_sim.devices.alone.registry import Alone, carry_out
from pleintemps_firmware_sim.errors import ControlError, PinsError

from .alone import made, running

Edges = list[dict[str, Any]]


class Program:
    """Any program at the socket of the pins: reads lines of JSON, writes lines of JSON."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def edges(self, count: int) -> Edges:
        return [json.loads(await self._reader.readline()) for _ in range(count)]

    async def drive(self, pin: int, level: int, listed: Path) -> None:
        """Returns when the device has listed it."""
        text = json.dumps({"pin": pin, "level": level, "tick": 1})
        before = listed.read_text().count(text)
        self._writer.write(text.encode() + b"\n")
        while listed.read_text().count(text) == before:
            await asyncio.sleep(0)


def play(device: Alone, link: Path, act: Callable[[Program, dict[str, int]], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running(device):
            reader, writer = await asyncio.open_unix_connection(link)
            levels = json.loads(await reader.readline())["levels"]
            await act(Program(reader, writer), levels)
            writer.close()

    asyncio.run(asyncio.wait_for(main(), 20))


def bits(edges: Edges, d1: int = 24) -> str:
    return "".join("1" if edge["pin"] == d1 else "0" for edge in edges if edge["level"] == 0)


def test_keys_and_cards_keep_their_timing_and_are_listed(tmp_path: Path) -> None:
    link, listed = tmp_path / "pins", tmp_path / "edges"
    world = ManualWorld()
    reader = made("wiegand", "--link", str(link), "--edges", str(listed), "--pulse", "50", world=world)

    async def act(program: Program, levels: dict[str, int]) -> None:
        assert levels == {"23": 1, "24": 1}
        carry_out(reader, "press 5#")
        carry_out(reader, "card 26 123 4567")
        await world.advance(1_000)
        edges = await program.edges(2 * (4 + 4 + 26))
        assert [bits(edges[:8]), bits(edges[8:16])] == ["0101", "1011"]
        assert bits(edges[16:]) == "10111101100010001110101110"
        ticks = [edge["tick"] for edge in edges]
        gaps = [late - early for early, late in pairwise(ticks[:8])]
        assert gaps == [50_000, 950_000, 50_000, 950_000, 50_000, 950_000, 50_000]
        assert ticks == sorted(ticks)
        lines = [json.loads(line) for line in listed.read_text().splitlines()]
        assert lines[2:] == edges, "after the two levels at rest"

    play(reader, link, act)


def test_a_lock_is_driven_answers_with_its_contact_and_jams(tmp_path: Path) -> None:
    link, listed = tmp_path / "pins", tmp_path / "edges"
    world = ManualWorld()
    lock = made("lock", "--link", str(link), "--edges", str(listed), "--mechanism", "motor", world=world)

    async def act(program: Program, levels: dict[str, int]) -> None:
        assert levels == {"27": 0, "5": 0, "22": 0}
        assert carry_out(lock, "push") == "held"
        await program.drive(27, 1, listed)
        await world.advance(1)
        edges = await program.edges(3)
        assert [(edge["pin"], edge["level"]) for edge in edges] == [(5, 1), (5, 0), (5, 1)], "it leaves"
        await world.advance(898)
        assert carry_out(lock, "push") == "held"
        await world.advance(1)
        assert carry_out(lock, "push") == "opened"
        await world.advance(1)
        assert {edge["pin"] for edge in await program.edges(3)} == {22}
        assert carry_out(lock, "jam") == "bolt in"
        await program.drive(27, 0, listed)
        await world.advance(10_000)
        edges = await program.edges(3)
        assert [(edge["pin"], edge["level"]) for edge in edges][-1] == (22, 0), "the door is shut"
        assert carry_out(lock, "jam off") == "bolt between"
        await world.advance(901)
        assert [(edge["pin"], edge["level"]) for edge in await program.edges(3)][-1] == (5, 0)

    play(lock, link, act)


def test_a_motion_sensor_holds_and_is_blind_after(tmp_path: Path) -> None:
    link = tmp_path / "pins"
    world = ManualWorld()
    sensor = made("pir", "--link", str(link), "--model", "am312", "--warm", world=world)

    async def act(program: Program, levels: dict[str, int]) -> None:
        assert levels == {"17": 0}
        carry_out(sensor, "move 1.5")
        await world.advance(5_000)
        up, down = await program.edges(2)
        assert (up["level"], down["level"]) == (1, 0)
        carry_out(sensor, "move")
        await world.advance(400)
        carry_out(sensor, "stick high")
        await world.advance(100)
        assert (await program.edges(1))[0]["level"] == 1

    play(sensor, link, act)


@pytest.mark.parametrize(
    ("kind", "pin", "rest", "order"),
    [("reed", 22, 0, "open"), ("rex", 25, 1, "press 200"), ("fire", 12, 0, "alarm")],
)
def test_contacts_bounce_and_their_wires_are_cut(
    kind: str, pin: int, rest: int, order: str, tmp_path: Path
) -> None:
    link = tmp_path / "pins"
    world = ManualWorld()
    contact = made(kind, "--link", str(link), world=world)

    async def act(program: Program, levels: dict[str, int]) -> None:
        assert levels == {str(pin): rest}
        carry_out(contact, order)
        await world.advance(100)
        assert [edge["level"] for edge in await program.edges(3)] == [1 - rest, rest, 1 - rest]
        if kind == "rex":
            await world.advance(200)
            assert [edge["level"] for edge in await program.edges(3)] == [rest, 1 - rest, rest]
        carry_out(contact, "cut")
        carry_out(contact, "short")
        carry_out(contact, "cut")
        await world.advance(10)
        assert [edge["level"] for edge in await program.edges(2)] == [0, 1]

    play(contact, link, act)


def test_flapping_is_as_often_as_asked(tmp_path: Path) -> None:
    link = tmp_path / "pins"
    world = ManualWorld()
    reed = made("reed", "--link", str(link), "--clean", world=world)

    async def act(program: Program, _: dict[str, int]) -> None:
        carry_out(reed, "flap 100 100")
        await world.advance(200)
        edges = await program.edges(20)
        assert [edge["level"] for edge in edges] == [1, 0] * 10

    play(reed, link, act)


def test_devices_share_the_board_of_one(tmp_path: Path) -> None:
    link = tmp_path / "pins"
    world = ManualWorld()
    reader = made("wiegand", "--link", str(link), world=world)
    lock = made("lock", "--link", str(link), "--join", "--edges", str(tmp_path / "edges"), world=world)

    async def act(program: Program, levels: dict[str, int]) -> None:
        assert levels == {"23": 1, "24": 1}
        async with running(lock):
            told = {edge["pin"]: edge["level"] for edge in await program.edges(3)}
            assert told == {27: 0, 5: 0, 22: 0}
            await program.drive(27, 1, tmp_path / "edges")
            await world.advance(30)
            assert [edge["pin"] for edge in await program.edges(3)] == [5, 5, 5]
            assert carry_out(lock, "push") == "opened"

    play(reader, link, act)


def test_a_guest_without_a_board_or_whose_board_goes_says_so(tmp_path: Path) -> None:
    link = tmp_path / "pins"
    world = ManualWorld()

    async def main() -> None:
        guest = made("reed", "--link", str(link), "--join", world=world)
        with pytest.raises(PinsError, match="no pins at"):
            await guest.run(lambda: None)
        async with running(made("rex", "--link", str(link), world=world)):
            reached = asyncio.Event()
            life = asyncio.ensure_future(guest.run(reached.set))
            await reached.wait()
        with pytest.raises(PinsError, match="is gone"):
            await life

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize(
    ("arguments", "order", "says"),
    [
        (("wiegand",), "press 12a", "press: 'a' is not a key"),
        (("wiegand",), "card 26 256 1", "card: no card of 26 bits"),
        (("wiegand",), "card 27 1 1", "card: '27' is none of 26, 34, 37"),
        (("wiegand",), "bits 012", "bits: up to 128"),
        (("reed",), "flap 2000 5", "flap: '2000' is no whole number from 1 to 1000"),
        (("lock",), "jam maybe", "jam: 'maybe' is none of on, off"),
    ],
)
def test_an_order_that_means_nothing(
    arguments: tuple[str, ...], order: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ControlError) as refused:
        carry_out(made(*arguments, "--link", str(tmp_path / "pins")), order)
    assert str(refused.value).startswith(says)
