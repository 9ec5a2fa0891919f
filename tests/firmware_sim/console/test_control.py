"""Orders to a running building: what they do, what the ledger makes of them, and what is to be seen."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pleintemps_firmware_sim.console.acts import ACTS, Order, check
from pleintemps_firmware_sim.console.views import Change, Picture, Seen
from pleintemps_firmware_sim.control import ADDRESS_FILE, find, watch
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.faults import FAULTS, FaultKind
from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN

from .house import House, play, standing


def test_a_code_counts_by_what_the_lock_did(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        assert await house.order("press", "hall", keys="12#") == "the lock holds"
        assert house.ledger.codes_refused == 1
        pressing = asyncio.ensure_future(house.order("press", "hall", keys="34#"))
        while not house.building.door("hall").queue.locked():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.5)
        house.building.door("hall").lock_driven(1)
        assert "push" in await pressing
        assert (house.ledger.codes_accepted, house.ledger.codes_refused) == (1, 1)
        assert await house.order("push", "hall") == "opened"
        assert not house.ledger.alerts

    play(tmp_path, scene)


def test_whoever_leaves_needs_no_code_and_alarms_nobody(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        assert await house.order("push", "hall") == "held"
        assert await house.order("leave", "hall") == "opened"
        assert not house.ledger.alerts
        assert (house.ledger.codes_accepted, house.ledger.codes_refused) == (0, 0)

    play(tmp_path, scene)


def test_force_is_an_alarm_only_at_a_locked_door(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        assert await house.order("force", "gate") == "opened"
        assert await house.order("force", "gate") == "already-open"
        house.building.door("hall").lock_driven(1)
        assert await house.order("force", "hall") == "opened"
        assert house.ledger.alerts == {"door-forced-open": 1}

    play(tmp_path, scene)


def test_noise_is_heard_and_judged_by_limit_and_window(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await house.order("noise", "hall", db=60, seconds=20)
        await house.order("noise", "hall", db=100, seconds=2)
        assert not house.ledger.alerts
        assert await house.order("noise", "hall", db=100, seconds=20) == "100 dB for 20 s"
        assert house.ledger.alerts == {"noise": 1}
        while house.building.room("hall").level < 99:
            await asyncio.sleep(0.001)
        assert len(house.building.room("hall").occupants) == 1
        await house.order("quiet", "hall")
        assert house.building.room("hall").level < 40
        with pytest.raises(ControlError, match="nobody measures"):
            await house.order("noise", "yard")
        with pytest.raises(ControlError, match="0 to 140 dB"):
            await house.order("noise", "hall", db=200)

    play(tmp_path, scene)


def test_a_plug_pulled_twice_is_one_fault(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        link = tmp_path / "p" / "hall-radar"
        assert link.is_symlink()
        await house.order("unplug", "hall-radar")
        assert "already" in await house.order("unplug", "hall-radar")
        assert not link.is_symlink()
        assert house.ledger.alerts == {"device-fault": 1}
        assert [view.name for view in house.model.devices() if not view.up] == ["hall-radar"]
        await house.order("plug", "hall-radar")
        assert link.is_symlink()
        assert not house.model.faults()
        assert await house.order("broker-up", "building") == "building: there is no broker-loss"

    play(tmp_path, scene)


def test_a_card_is_shown_where_a_reader_takes_cards(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for number, said in (("74565", ("1", "9029")), (str((40_000 << 16) + 5), ("40000", "5"))):
            assert await house.order("card", "office", number=number) == "the lock holds"
            frame = [one for one in house.model.frames if one.protocol == "wiegand"][-1]
            assert (frame.name, frame.fields["facility"], frame.fields["number"]) == ("card", *said)
        for door, number in (("gate", "5"), ("office", "-5"), ("office", str(1 << 32))):
            with pytest.raises(ControlError, match="card"):
                await house.order("card", door, number=number)

    play(tmp_path, scene)


def test_what_hangs_on_pins_falls_silent_too(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        board, reed = house.building.boards["hall"], house.building.door("hall").plan.reed_pin
        await house.order("unplug", "hall-reed")
        assert board.level(reed) == 1
        await house.order("plug", "hall-reed")
        assert board.level(reed) == 0
        await house.order("unplug", "hall-keypad")
        await house.order("press", "hall", keys="5")
        assert {door.name: door.key for door in house.model.doors()}["hall"] == ""
        await house.order("plug", "hall-keypad")
        await house.order("press", "hall", keys="5")
        assert {door.name: door.key for door in house.model.doors()}["hall"] == "5"
        with pytest.raises(ControlError, match="could fail to come"):
            await house.order("unplug", "hall-lock")

    play(tmp_path, scene)


def test_faults_begin_and_end_as_the_stage_does_them(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        door = house.building.door("hall")
        await house.order("jam", "hall")
        door.lock_driven(1)
        assert await house.order("push", "hall") == "held"
        await house.order("free", "hall")
        await house.order("prop", "hall")
        assert await house.order("push", "hall") == "opened"
        assert door.mechanics.due() is None
        await house.order("unprop", "hall")
        assert door.mechanics.due() is not None
        await house.order("stick", "yard-pir", value=1)
        await house.order("pull", "hall")
        assert {(one.kind, one.target) for one in house.model.faults()} == {
            ("stuck", "yard-pir"),
            ("network-loss", "hall"),
        }
        for act, target, why in (
            ("disk-full", "hall", "machine's own"),
            ("low-battery", "hall", "no battery"),
            ("clock-step", "hall", "machine's clock"),
            ("drift", "yard-pir", "nothing that could drift"),
        ):
            with pytest.raises(ControlError, match=why):
                await house.order(act, target)
        assert len(house.model.faults()) == 2

    play(tmp_path, scene)


def test_visitors_are_seen_and_counted(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await house.order("enter", "yard", who="Ada")
        await house.order("enter", "yard", who="Bo")
        assert "already" in await house.order("enter", "yard", who="Bo")
        assert {view.name: view.people for view in house.model.spaces()}["yard"] == 2
        with pytest.raises(ControlError, match="Ada, Bo"):
            await house.order("exit", "yard", who="Cy")
        await house.order("exit", "yard", who="Ada")
        assert len(house.building.room("yard").occupants) == 1

    play(tmp_path, scene)


def test_orders_that_name_nothing_are_refused(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for act in ("push", "force", "unplug", "cut", "enter", "broker-down"):
            with pytest.raises(ControlError, match="cellar"):
                await house.order(act, "cellar")
        with pytest.raises(ControlError, match="not a key"):
            await house.order("press", "gate", keys="abc#")
        with pytest.raises(ControlError, match="no act"):
            await house.order("dance", "gate")
        with pytest.raises(ControlError, match="takes no depth"):
            await house.order("push", "gate", depth=1)
        with pytest.raises(ControlError, match="no number"):
            await house.order("noise", "hall", db="loud")

    play(tmp_path, scene)


def test_lines_that_are_no_orders_get_an_answer(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for wrong in (b"\n", b"{}\n", b'{"type":"order"}\n', b"\xff\xfe\n", b'{"type":"other"}\n'):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s" / "control")
            writer.write(wrong)
            assert b'"ok":false' in await reader.readline()
            writer.close()
        assert await house.order("push", "hall") == "held"

    play(tmp_path, scene)


async def _until(stream: AsyncIterator[Picture | Change], seen: Seen, what: str) -> Change:
    """The change that shows a fact, or a frame, whose value or name is ``what``."""
    async for one in stream:
        assert isinstance(one, Change)
        seen.apply(one)
        if what in [fact.value for fact in one.facts] + [frame.name for frame in one.frames]:
            return one
    raise AssertionError("the stream has ended")


def test_a_watcher_sees_everything_first_and_then_what_changes(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        stream = watch(tmp_path)
        picture = await anext(stream)
        assert isinstance(picture, Picture)
        assert picture.goals["door"] == ["gate", "classroom", "hall", "office"]
        possible = {kind.value for kind in house.stage.faults} | {"propped-door", ""}
        assert {act.fault for act in picture.acts} == possible
        seen = Seen(picture)
        first = await anext(stream)
        assert isinstance(first, Change)
        seen.apply(first)
        assert len(seen.spaces) == len(seen.doors) == 4
        assert not seen.doors["hall"].open

        await house.order("press", "hall", keys="7")
        await _until(stream, seen, "key")
        assert seen.doors["hall"].key == "7"
        await house.order("leave", "hall")
        change = await _until(stream, seen, "leaves by the handle: opened")
        assert seen.doors["hall"].open
        assert "gate" not in [door.name for door in change.doors]
        await house.order("jam", "hall")
        await _until(stream, seen, "begins")
        assert seen.faults_of("door", "hall") == ["jammed-lock"]
        assert seen.faults_of("space", "hall") == seen.faults_of("agent", "hall") == []
        frame = next(frame for frame in (await _until(stream, seen, "report")).frames if frame.ok)
        assert (frame.protocol, frame.out, frame.fields["status"]) == ("ld2410", True, "nobody")
        await stream.aclose()

    play(tmp_path, scene)


def test_a_watcher_hears_of_the_end(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path):
            stream = watch(tmp_path)
            assert isinstance(await anext(stream), Picture)
        with pytest.raises(ControlError, match="ended"):
            async for _ in stream:
                pass
        with pytest.raises(ControlError, match="nothing runs in"):
            await anext(watch(tmp_path))

    asyncio.run(asyncio.wait_for(run(), 30))


def test_the_one_demo_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ControlError, match="no demo runs"):
        find()
    for name in ("a", "b"):
        (tmp_path / f"pleintemps-demo-{name}").mkdir()
    (tmp_path / "pleintemps-demo-a" / ADDRESS_FILE).write_text("{}")
    assert find() == tmp_path / "pleintemps-demo-a"
    (tmp_path / "pleintemps-demo-b" / ADDRESS_FILE).write_text("{}")
    with pytest.raises(ControlError, match="several"):
        find()


def test_every_fault_that_a_tester_does_has_a_word_to_begin_and_one_to_end() -> None:
    begun = {row.fault for row in ACTS.values() if row.fault and not row.mends}
    ended = {row.fault for row in ACTS.values() if row.fault and row.mends}
    by_hand = {FaultKind.TAILGATE, FaultKind.GUESSING}
    assert begun == set(FAULTS) - by_hand
    assert ended == {kind for kind, row in FAULTS.items() if row.lasts} - by_hand


def test_keys_of_the_console_are_one_act_each() -> None:
    keys = [(row.goal, row.key) for row in ACTS.values() if row.key]
    assert len(keys) == len(set(keys))


def test_values_that_are_not_given_are_the_tables_own() -> None:
    _, values = check(SAINT_AUBIN, Order(act="noise", target="hall", values={"db": "80"}))
    assert values == {"db": 80, "seconds": 12}
