"""The building's own law: codes and hands at its doors, sound and presence in its rooms."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from math import log10
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.devices.door import Push
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.building import Building, pins_socket
from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN
from pleintemps_firmware_sim.scenario.rooms import Occupant, Room, total_level


def _in_building(folder: Path, scene: Callable[[Building], Awaitable[None]]) -> None:
    async def run() -> None:
        world = SystemWorld()
        async with Building(SAINT_AUBIN, world, sockets=folder / "s", ports=folder / "p") as building:
            await scene(building)

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_shut_door_needs_release_or_force(tmp_path: Path) -> None:
    async def scene(building: Building) -> None:
        gate = building.door("gate")
        assert gate.push() is Push.HELD
        gate.lock_driven(1)
        assert await gate.released(1_000)
        assert gate.push() is Push.OPENED
        gate.lock_driven(0)
        board = building.boards["entrance"]
        assert board.level(gate.plan.reed_pin) == 1
        assert await gate.shut(10_000)
        assert board.level(gate.plan.reed_pin) == 0
        assert not await gate.released(10)

    _in_building(tmp_path, scene)


@pytest.mark.parametrize("door", ["gate", "office"])
def test_one_always_leaves_by_the_handle_which_tells_the_agent_first(tmp_path: Path, door: str) -> None:
    async def scene(building: Building) -> None:
        post = building.door(door)
        reader, writer = await asyncio.open_unix_connection(pins_socket(tmp_path / "s", post.plan.agent))
        levels = json.loads(await reader.readline())["levels"]
        assert levels[str(post.plan.exit_pin)] == 1
        assert await post.leave() is Push.OPENED
        wires = (post.plan.exit_pin, post.plan.reed_pin)
        edges: list[tuple[int, int]] = []
        while len(edges) < 5:  # the reed bounces once
            edge = json.loads(await reader.readline())
            if edge["pin"] in wires:
                edges.append((edge["pin"], edge["level"]))
        writer.close()
        handle, reed = wires
        assert edges == [(handle, 0), (reed, 1), (reed, 0), (reed, 1), (handle, 1)]
        assert await post.leave() is Push.ALREADY_OPEN

    _in_building(tmp_path, scene)


def test_a_magnet_holds_before_any_agent_is_there(tmp_path: Path) -> None:
    async def scene(building: Building) -> None:
        office = building.door("office")
        assert building.boards["hall"].level(office.plan.lock_pin) == 1
        assert office.push() is Push.HELD
        office.lock_driven(0)
        assert office.push() is Push.OPENED

    _in_building(tmp_path, scene)


def test_keys_come_out_as_pulses_on_both_lines(tmp_path: Path) -> None:
    async def scene(building: Building) -> None:
        hall = building.door("hall")
        reader, writer = await asyncio.open_unix_connection(pins_socket(tmp_path / "s", "hall"))
        await reader.readline()
        await hall.press("1#")
        edges = [json.loads(await reader.readline()) for _ in range(2 * 2 * 4)]
        writer.close()
        lines = {hall.plan.d0: "0", hall.plan.d1: "1"}
        assert "".join(lines[edge["pin"]] for edge in edges if edge["level"] == 0) == "00011011"
        ticks = [edge["tick"] for edge in edges]
        assert ticks == sorted(ticks)
        with pytest.raises(ControlError, match="not a key"):
            await hall.press("1A")

    _in_building(tmp_path, scene)


def test_names_that_are_not_there(tmp_path: Path) -> None:
    async def scene(building: Building) -> None:
        for look in (building.door, building.room, building.device):
            with pytest.raises(ControlError, match="cellar"):
                look("cellar")

    _in_building(tmp_path, scene)


def test_rooms_see_and_hear_who_is_inside(tmp_path: Path) -> None:
    async def scene(building: Building) -> None:
        board, hall = building.boards["hall"], building.room("hall")
        assert board.level(hall.plan.pir_pin) == 0
        with building.inside("hall", "choir", Occupant(300, moving=True, level_db=90)):
            while board.level(hall.plan.pir_pin) != 1:
                await building.world.sleep_until(building.world.monotonic() + 10)
        assert not hall.occupants

    _in_building(tmp_path, scene)


def test_two_equal_sources_are_three_decibels_more() -> None:
    assert total_level(-100, [60, 60]) == pytest.approx(60 + 10 * log10(2))


@given(st.lists(st.floats(0, 130), max_size=6))
def test_the_sum_is_never_below_its_loudest_part(levels: list[float]) -> None:
    assert total_level(36, levels) >= max([36, *levels]) - 1e-9


def test_an_empty_room_is_quiet_and_dark() -> None:
    room = Room(SAINT_AUBIN.room("hall"), 0)
    assert room.advance(100) == 0
    room.occupants["somebody"] = Occupant(moving=False, level_db=None)
    assert room.advance(200) == 0, "who sits still is no motion"
    room.occupants["somebody"].moving = True
    assert room.advance(300) == 1


def test_the_way_to_each_room_starts_at_the_gate() -> None:
    for room in SAINT_AUBIN.rooms:
        assert SAINT_AUBIN.way_to(room.space)[0].door == "gate"
