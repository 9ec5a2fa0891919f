"""Orders to a running building: what they do, and what the ledger makes of them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim import control
from pleintemps_firmware_sim.control import ADDRESS_FILE, Address, ControlServer, send
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.building import Building
from pleintemps_firmware_sim.scenario.calendar import Calendar
from pleintemps_firmware_sim.scenario.codes import Mailbox
from pleintemps_firmware_sim.scenario.ledger import Ledger
from pleintemps_firmware_sim.scenario.people import Town
from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN, Rules

Order = Callable[[control.Order], Awaitable[str]]


def _in_town(folder: Path, scene: Callable[[Town, Order], Awaitable[None]]) -> None:
    async def run() -> None:
        world = SystemWorld()
        async with Building(SAINT_AUBIN, world, sockets=folder / "s", ports=folder / "p") as building:
            calendar, mailbox = Calendar(folder / "b.ics"), Mailbox(folder)
            town = Town(building, Rules(), calendar, mailbox, Ledger(), seed=1)
            server = ControlServer(town, folder / "s" / "control")
            await server.start()
            address = Address(socket=str(folder / "s" / "control"))
            (folder / ADDRESS_FILE).write_bytes(msgspec.json.encode(address))

            async def order(what: control.Order) -> str:
                return await asyncio.to_thread(send, folder, what)

            try:
                await scene(town, order)
            finally:
                await server.stop()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_code_counts_by_what_the_lock_did(tmp_path: Path) -> None:
    async def scene(town: Town, order: Order) -> None:
        assert await order(control.Press(door="hall", keys="12#")) == "the lock holds"
        assert town.ledger.codes_refused == 1
        pressing = asyncio.ensure_future(order(control.Press(door="hall", keys="34#")))
        while not town.building.door("hall").queue.locked():
            await asyncio.sleep(0.001)
        await town.wait(500)
        town.building.door("hall").lock_driven(1)
        assert "push" in await pressing
        assert (town.ledger.codes_accepted, town.ledger.codes_refused) == (1, 1)
        assert await order(control.PushDoor(door="hall")) == "opened"
        assert not town.ledger.alerts

    _in_town(tmp_path, scene)


def test_whoever_leaves_needs_no_code_and_alarms_nobody(tmp_path: Path) -> None:
    async def scene(town: Town, order: Order) -> None:
        assert await order(control.PushDoor(door="hall")) == "held"
        assert await order(control.Leave(door="hall")) == "opened"
        assert not town.ledger.alerts
        assert (town.ledger.codes_accepted, town.ledger.codes_refused) == (0, 0)

    _in_town(tmp_path, scene)


def test_force_is_an_alarm_only_at_a_locked_door(tmp_path: Path) -> None:
    async def scene(town: Town, order: Order) -> None:
        assert await order(control.Force(door="gate")) == "opened"
        assert await order(control.Force(door="gate")) == "already-open"
        town.building.door("hall").lock_driven(1)
        assert await order(control.Force(door="hall")) == "opened"
        assert town.ledger.alerts == {"door-forced-open": 1}

    _in_town(tmp_path, scene)


def test_noise_is_heard_and_judged_by_limit_and_window(tmp_path: Path) -> None:
    async def scene(town: Town, order: Order) -> None:
        await order(control.Noise(space="hall", level_db=60, seconds=20))
        await order(control.Noise(space="hall", level_db=100, seconds=2))
        assert not town.ledger.alerts
        assert await order(control.Noise(space="hall", level_db=100, seconds=20)) == "100 dB for 20 s"
        assert town.ledger.alerts == {"noise": 1}
        assert len(town.building.room("hall").occupants) == 3
        with pytest.raises(ControlError, match="nobody measures"):
            await order(control.Noise(space="yard", level_db=100, seconds=2))
        with pytest.raises(ControlError, match="140 dB"):
            await order(control.Noise(space="hall", level_db=200, seconds=2))

    _in_town(tmp_path, scene)


def test_a_plug_pulled_twice_is_one_fault(tmp_path: Path) -> None:
    async def scene(town: Town, order: Order) -> None:
        link = tmp_path / "p" / "hall-radar"
        assert link.is_symlink()
        await order(control.Unplug(device="hall-radar"))
        await order(control.Unplug(device="hall-radar"))
        assert not link.is_symlink()
        assert town.ledger.alerts == {"device-fault": 1}
        assert await order(control.Plug(device="hall-radar")) == "plugged"
        assert link.is_symlink()

    _in_town(tmp_path, scene)


def test_orders_that_name_nothing_are_refused(tmp_path: Path) -> None:
    async def scene(_town: Town, order: Order) -> None:
        for wrong in (
            control.Press(door="cellar", keys="1#"),
            control.Force(door="cellar"),
            control.Unplug(device="cellar"),
        ):
            with pytest.raises(ControlError, match="cellar"):
                await order(wrong)
        with pytest.raises(ControlError, match="not a key"):
            await order(control.Press(door="gate", keys="abc#"))

    _in_town(tmp_path, scene)
