"""The keeper in a fire, in an interlock, and what it reports."""

import asyncio

from pleintemps_contract.agent_messages import (
    LateCommit,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAction, DoorMode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    FireInput,
    FreeOpening,
    Opened,
    Plan,
)
from pleintemps_edge.drivers.base import Feedback
from pleintemps_edge.keeper import Keeper, interlock

from .keeper_scene import GRANT, Bolt, Disk, Scene, play

CONFIRM = Commanded(DoorAction.CONFIRM_FIRE_RESET, "2" * 32)


def test_fire_waits_for_no_disk_and_nothing_late_energises_the_lock() -> None:
    async def story(scene: Scene) -> None:
        scene.disk.quick = False
        scene.keeper.happen(CodeAccepted(GRANT))  # its release waits for the disk
        await scene.world.advance(0)
        scene.log.clear()
        scene.keeper.happen(FireInput(True))
        assert scene.log == ["idle"]
        scene.disk.finish()
        await scene.world.advance(0)
        assert [each for each in scene.log if each != "commit"] == ["idle", "idle"]
        assert LateCommit not in scene.disk.kinds()
        assert scene.disk.state == {"mode:hall": b"Fire"}
        assert scene.keeper.info.fire
        scene.disk.quick = True
        assert scene.keeper.happen(CONFIRM) is RefusalReason.FIRE
        scene.keeper.happen(FireInput(False))
        assert scene.keeper.happen(CONFIRM) is None
        await scene.world.advance(0)
        assert scene.log[-1] == "secure"
        assert scene.disk.state == {"mode:hall": b"Locked"}

    play(story)


def test_a_fire_that_nobody_has_confirmed_gives_no_pulse_at_start_and_at_the_end() -> None:
    async def story(scene: Scene) -> None:
        await scene.world.advance(0)
        scene.keeper.secure()
        scene.keeper.happen(FireInput(False))
        scene.keeper.happen(CONFIRM)
        await scene.world.advance(0)
        assert {each for each in scene.log if each != "commit"} == {"idle"}

    assert Keeper.holds_fire(b"Fire/LockedDown")
    assert not Keeper.holds_fire(None)
    play(story, Scene(kept=b"Fire/LockedDown"))


def test_what_belongs_to_a_record_is_committed_with_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.world.advance(0)
        before = len(scene.disk.waiting)
        assert scene.keeper.happen(CodeAccepted(GRANT), keep={"used:hall": b"x"}) is None
        await scene.world.advance(0)
        assert len(scene.disk.waiting) == before + 1
        assert scene.disk.state == {"mode:hall": b"Locked", "used:hall": b"x"}

    play(story)


def test_readers_show_the_pre_alarm_and_its_end() -> None:
    async def story(scene: Scene) -> None:
        scene.keeper.happen(Closed())
        scene.keeper.happen(CodeAccepted(GRANT))
        scene.keeper.happen(Opened())
        await scene.world.advance(25_000)
        assert scene.shown == [("hall", Feedback.PRE_ALARM)]
        scene.keeper.happen(Closed())
        assert scene.shown[1:] == [("hall", Feedback.QUIET)]

    play(story)


def test_two_doors_of_an_interlock_are_never_both_entered() -> None:
    async def story() -> None:
        world = ManualWorld()
        hall, lobby = (Keeper(name, Plan(), Bolt([]), world, Disk([]), None) for name in ("hall", "lobby"))
        interlock(hall, lobby)
        interlock(lobby, hall)
        tasks = [asyncio.create_task(keeper.run()) for keeper in (hall, lobby)]
        for keeper in (hall, lobby):
            keeper.happen(Closed())
        assert hall.closed and not hall.busy
        assert hall.happen(CodeAccepted(GRANT)) is None
        assert lobby.happen(CodeAccepted(GRANT)) is RefusalReason.INTERLOCK
        hall.happen(Opened())
        await world.advance(0)
        assert hall.busy and not hall.closed
        assert lobby.happen(CodeAccepted(GRANT)) is RefusalReason.INTERLOCK
        hall.happen(Closed())
        assert lobby.happen(CodeAccepted(GRANT)) is None
        # both may stand free by an operator, and both free openings never
        unlock = Commanded(DoorAction.UNLOCK, "2" * 32)
        assert hall.happen(unlock) is None and lobby.happen(unlock) is None
        for keeper in (hall, lobby):
            keeper.happen(Commanded(DoorAction.LOCK, "2" * 32))
        for keeper in (hall, lobby):
            keeper.happen(FreeOpening(60_000))
        assert (hall.info.mode, lobby.info.mode) == (DoorMode.UNLOCKED, DoorMode.LOCKED)
        await world.advance(60_000)
        assert (hall.info.mode, lobby.info.mode) == (DoorMode.LOCKED, DoorMode.LOCKED)
        for task in tasks:
            task.cancel()

    asyncio.run(story())


def test_what_the_end_of_the_agent_has_overtaken_is_still_committed() -> None:
    async def story() -> None:
        world, disk = ManualWorld(), Disk([])
        keeper = Keeper("hall", Plan(), Bolt([]), world, disk, None)
        keeper.happen(FireInput(True))
        keeper.close()
        assert disk.state == {"mode:hall": b"Fire"}
        keeper.happen(Closed(), then=disk.log.clear)
        keeper.happen(Closed(), then=disk.log.clear)  # nothing to record
        keeper.close()
        assert len(disk.waiting) == 3

    asyncio.run(story())
