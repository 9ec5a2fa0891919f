"""The console in a terminal of 80 columns and 24 lines, by keys alone, over a building that stands."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.console.app import Console
from pleintemps_firmware_sim.console.screens import ActForm, ActMenu, Help, Wire

from .house import House, play

Scene = Callable[[House, Console, Pilot[None]], Awaitable[None]]


def _at(folder: Path, scene: Scene) -> None:
    async def run(house: House) -> None:
        console = Console(house.data, SystemWorld())
        async with console.run_test(size=(80, 24)) as pilot:
            await _until(pilot, lambda: console.chosen is not None)
            await scene(house, console, pilot)

    play(folder, run)


async def _until(pilot: Pilot[None], met: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not met():
            await pilot.pause(0.02)


def _said(console: Console) -> str:
    return str(console.screen_stack[0].query_one("#said", Static).render())


def _state(console: Console, key: str) -> str:
    table = console.screen_stack[0].query_one("#things", DataTable)
    return str(table.get_cell(key, "state"))


async def _choose(pilot: Pilot[None], console: Console, goal: str, name: str) -> None:
    await pilot.press("home")
    for _ in range(60):
        if console.chosen == (goal, name):
            return
        await pilot.press("down")
    raise AssertionError(f"{goal} {name} is nowhere")


def test_a_door_is_opened_by_one_key_and_seen_open(tmp_path: Path) -> None:
    async def scene(house: House, console: Console, pilot: Pilot[None]) -> None:
        assert _state(console, "door hall") == "shut, locked"
        await _choose(pilot, console, "door", "hall")
        await pilot.press("l")
        await _until(pilot, lambda: _state(console, "door hall") == "OPEN, locked")
        await _until(pilot, lambda: _said(console) == "leave hall: opened")
        assert house.building.door("hall").mechanics.open

    _at(tmp_path, scene)


def test_keys_at_a_keypad_are_typed_in_a_form(tmp_path: Path) -> None:
    async def scene(house: House, console: Console, pilot: Pilot[None]) -> None:
        await _choose(pilot, console, "door", "gate")
        await pilot.press("p")
        await _until(pilot, lambda: isinstance(console.screen, ActForm))
        await pilot.press("4", "2", "#", "enter")
        await _until(pilot, lambda: "the lock holds" in _said(console))
        assert "last key #" in _state(console, "door gate")
        assert house.ledger.codes_refused == 1

    _at(tmp_path, scene)


def test_a_fault_is_chosen_in_the_menu_and_its_mark_is_a_word(tmp_path: Path) -> None:
    async def scene(house: House, console: Console, pilot: Pilot[None]) -> None:
        await _choose(pilot, console, "device", "hall-radar")
        await pilot.press("enter")
        await _until(pilot, lambda: isinstance(console.screen, ActMenu))
        await pilot.press("escape")
        await _until(pilot, lambda: len(console.screen_stack) == 1)
        await pilot.press("x")
        await _until(pilot, lambda: _state(console, "device hall-radar") == "radar, DOWN !dropout")
        await pilot.press("g")
        await _until(pilot, lambda: _state(console, "device hall-radar") == "radar, up")

    _at(tmp_path, scene)


def test_a_refused_order_says_why_and_the_form_can_be_left(tmp_path: Path) -> None:
    async def scene(house: House, console: Console, pilot: Pilot[None]) -> None:
        await _choose(pilot, console, "space", "yard")
        await pilot.press("n")
        await _until(pilot, lambda: isinstance(console.screen, ActForm))
        await pilot.press("escape")
        await _until(pilot, lambda: len(console.screen_stack) == 1)
        assert _said(console) == ""
        await pilot.press("n")
        await _until(pilot, lambda: isinstance(console.screen, ActForm))
        await pilot.press("enter")
        await _until(pilot, lambda: "REFUSED: yard: nobody measures noise there" in _said(console))

    _at(tmp_path, scene)


def test_help_and_wire_come_and_go_by_keys(tmp_path: Path) -> None:
    async def scene(house: House, console: Console, pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        await _until(pilot, lambda: isinstance(console.screen, Help))
        await pilot.press("escape")
        await _until(pilot, lambda: len(console.screen_stack) == 1)
        await pilot.press("V")
        await _until(pilot, lambda: isinstance(console.screen, Wire))
        table = console.screen.query_one("#latest", DataTable)
        await _until(pilot, lambda: "hall-radar device>" in table.rows)
        assert "status=nobody moving_cm=0" in str(table.get_cell("hall-radar device>", "frame"))
        house.building.device("hall-radar").link.write(b"\x01\xa2")
        await _until(pilot, lambda: "BAD no frame [01 a2]" in _log(console))
        await pilot.press("x")
        await _until(pilot, lambda: "[f4 f3 f2 f1" in str(table.get_cell("hall-radar device>", "frame")))
        await pilot.press("escape")
        await _until(pilot, lambda: len(console.screen_stack) == 1)

    _at(tmp_path, scene)


def _log(console: Console) -> str:
    from textual.widgets import RichLog

    return "\n".join(strip.text for strip in console.screen.query_one("#frames", RichLog).lines)


def test_digits_lead_to_the_first_of_a_kind(tmp_path: Path) -> None:
    async def scene(house: House, console: Console, pilot: Pilot[None]) -> None:
        for digit, chosen in (
            ("5", "building"),
            ("2", "gate"),
            ("4", "yard-pir"),
            ("3", "entrance"),
            ("1", "yard"),
        ):
            await pilot.press(digit)
            assert console.chosen is not None and console.chosen[1] == chosen

    _at(tmp_path, scene)


def test_the_palette_knows_every_act_at_everything(tmp_path: Path) -> None:
    async def scene(house: House, console: Console, pilot: Pilot[None]) -> None:
        titles = {command.title for command in console.get_system_commands(console.screen)}
        assert {"force hall", "jam office", "unplug hall-meter", "cut hall", "broker-down building"} <= titles
        await pilot.press("ctrl+p")
        await pilot.press(*"forcegate")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.press("enter")
        await _until(pilot, lambda: house.building.door("gate").mechanics.open)

    _at(tmp_path, scene)


def test_a_building_that_ends_is_said_and_looked_for_again(tmp_path: Path) -> None:
    async def run() -> None:
        from .house import standing

        console = Console(tmp_path, SystemWorld())
        async with console.run_test(size=(80, 24)) as pilot:
            await _until(pilot, lambda: "NOT CONNECTED" in _top(console))
            async with standing(tmp_path):
                await _until(pilot, lambda: "Saint-Aubin" in _top(console))
            await _until(pilot, lambda: "NOT CONNECTED" in _top(console))

    asyncio.run(asyncio.wait_for(run(), 30))


def _top(console: Console) -> str:
    return str(console.screen_stack[0].query_one("#top", Static).render())
