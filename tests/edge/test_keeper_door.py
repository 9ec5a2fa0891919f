"""The keeper of a door: record first, then the lock; a slow disk holds nobody; time is the World's."""

import asyncio

import pytest

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessNotUsed,
    LateCommit,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    ExitPressed,
    Opened,
    Plan,
    PlanChanged,
)

from .actors import until
from .keeper_scene import GRANT, Scene, play


def test_a_record_is_committed_before_the_lock_moves() -> None:
    async def story(scene: Scene) -> None:
        scene.log.clear()
        scene.disk.quick = False
        assert scene.keeper.happen(CodeAccepted(GRANT)) is None
        await scene.world.advance(0)
        assert scene.log == []
        scene.disk.finish()
        await scene.world.advance(0)
        assert scene.log[-1] == "release"
        assert "commit" in scene.log[:-1]
        assert AccessGranted in scene.disk.kinds()
        assert LateCommit not in scene.disk.kinds()

    play(story)


def test_a_slow_disk_holds_nobody_and_is_recorded() -> None:
    async def story(scene: Scene) -> None:
        scene.disk.quick = False
        began = asyncio.get_running_loop().time()
        scene.keeper.happen(CodeAccepted(GRANT))
        await until(lambda: "release" in scene.log, within_s=2)
        assert 0.07 <= asyncio.get_running_loop().time() - began < 0.5
        late = [event for event in scene.disk.events if isinstance(event, LateCommit)]
        assert late[0].door == "hall"
        assert late[0].waited_ms >= 80

    play(story)


def test_who_wants_out_waits_for_no_disk() -> None:
    async def story(scene: Scene) -> None:
        scene.keeper.happen(PlanChanged(Plan(exit_releases=True)))
        scene.keeper.happen(Closed())
        scene.keeper.happen(CodeAccepted(GRANT))
        await scene.world.advance(0)
        scene.disk.quick = False
        scene.keeper.happen(Opened())  # its relock waits for the disk
        await scene.world.advance(0)
        scene.log.clear()
        scene.keeper.happen(ExitPressed())
        assert scene.log == ["release"]
        scene.disk.finish()
        await scene.world.advance(0)
        # the relock came late: the exit has the last word
        assert [each for each in scene.log if each != "commit"] == ["release", "secure", "release"]
        assert LateCommit not in scene.disk.kinds()
        assert scene.keeper.info.mode is DoorMode.ACCESSED

    play(story)


def test_an_exit_does_not_end_a_lock_down_across_a_restart() -> None:
    async def story(scene: Scene) -> None:
        scene.keeper.happen(PlanChanged(Plan(exit_releases=True)))
        scene.keeper.happen(ExitPressed())
        await scene.world.advance(0)
        assert scene.log[-1] == "release"
        assert scene.disk.state == {"mode:hall": b"LockedDown"}
        scene.log.clear()
        scene.keeper.secure()
        scene.keeper.happen(ExitPressed())
        assert scene.log == ["secure"]

    play(story, Scene(kept=b"LockedDown"))


@pytest.mark.parametrize(
    ("cover", "after_restart"),
    [(DoorAction.LOCK_DOWN, DoorMode.LOCKED_DOWN), (DoorAction.LOCK_OPEN, DoorMode.BLOCKED)],
)
def test_what_was_blocked_is_blocked_below_another_mode_and_a_restart(
    cover: DoorAction, after_restart: DoorMode
) -> None:
    async def story(scene: Scene) -> None:
        for action in (DoorAction.BLOCK, cover):
            assert scene.keeper.happen(Commanded(action, "c" * 32)) is None
        await scene.world.advance(0)
        again = Scene(kept=scene.disk.state["mode:hall"]).keeper
        assert again.info.mode is after_restart
        if cover is DoorAction.LOCK_DOWN:
            assert again.happen(Commanded(DoorAction.LOCK_DOWN_RELEASE, "d" * 32)) is None
        assert again.info.mode is DoorMode.BLOCKED
        assert again.happen(CodeAccepted("e" * 32)) is RefusalReason.DOOR_MODE

    play(story)


def test_time_ends_a_release_in_virtual_time() -> None:
    async def story(scene: Scene) -> None:
        scene.keeper.happen(Closed())
        scene.keeper.happen(CodeAccepted(GRANT))
        await scene.world.advance(4_999)
        assert scene.log[-1] == "release"
        await scene.world.advance(1)
        assert scene.log[-1] == "secure"
        assert AccessNotUsed in scene.disk.kinds()
        assert scene.keeper.info.mode is DoorMode.LOCKED

    play(story)


def test_a_nearer_wish_is_not_lost_behind_a_farther_one() -> None:
    async def story(scene: Scene) -> None:
        scene.keeper.happen(Opened())  # open at start: too long after 30 s
        scene.keeper.happen(CodeAccepted(GRANT))
        await scene.world.advance(5_000)
        assert scene.log[-1] == "secure"
        alarms = [scene.keeper.info.alarm]
        await scene.world.advance(25_000)
        alarms.append(scene.keeper.info.alarm)
        assert alarms == [DoorAlarm.NORMAL, DoorAlarm.OPEN_TOO_LONG]

    play(story)


def test_what_is_asked_for_after_the_act_comes_after_it() -> None:
    async def story(scene: Scene) -> None:
        answers: list[str] = []
        unlock = Commanded(DoorAction.UNLOCK, "2" * 32)
        assert scene.keeper.happen(unlock, then=lambda: answers.append(scene.log[-1])) is None
        assert answers == []
        await scene.world.advance(0)
        assert answers == ["release"]
        assert scene.disk.state == {"mode:hall": b"Locked"}

    play(story)


def test_a_refusal_moves_and_records_nothing() -> None:
    async def story(scene: Scene) -> None:
        before = list(scene.log), list(scene.disk.events)
        assert scene.keeper.happen(CodeAccepted(GRANT)) is RefusalReason.DOOR_MODE
        await scene.world.advance(0)
        assert (scene.log, scene.disk.events) == before

    play(story, Scene(kept=b"Blocked"))


def test_at_the_end_the_door_is_held_whatever_was_on_its_way() -> None:
    async def story(scene: Scene) -> None:
        scene.disk.quick = False
        scene.keeper.happen(CodeAccepted(GRANT))
        await scene.world.advance(0)
        scene.log.clear()
        scene.keeper.secure()
        scene.disk.finish()
        await scene.world.advance(0)
        assert "release" not in scene.log
        assert "secure" in scene.log

    play(story)


def test_a_lock_down_overtakes_a_release_that_waits_for_the_disk() -> None:
    async def story(scene: Scene) -> None:
        scene.disk.quick = False
        scene.keeper.happen(CodeAccepted(GRANT))
        await scene.world.advance(0)
        scene.log.clear()
        scene.keeper.happen(Commanded(DoorAction.LOCK_DOWN, "2" * 32))
        scene.disk.finish()
        await scene.world.advance(0)
        scene.disk.finish()
        await scene.world.advance(0)
        assert [each for each in scene.log if each != "commit"] == ["secure"]

    play(story)
