"""The keeper and its lock: one that does not obey, one that throws a bolt, one that reports by itself."""

import asyncio

import pytest

from pleintemps_contract.agent_messages import (
    LockPhysicalChanged,
)
from pleintemps_contract.onvif import DoorAction, DoorMode, LockPhysicalState
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    LockReported,
    Opened,
    Plan,
)
from pleintemps_edge.errors import LockError
from pleintemps_edge.keeper import Keeper

from .actors import until
from .keeper_scene import GRANT, Bolt, Disk, Scene, play


def test_a_lock_that_does_not_obey_is_a_fault_of_its_door_and_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pleintemps_edge.keeper.RETRY_S", 0.01)

    async def story(scene: Scene) -> None:
        def refuse() -> None:
            scene.log.append("refused")
            raise LockError("device strike: pin 27: gone")

        bolt = scene.keeper._lock
        monkeypatch.setattr(bolt, "secure", refuse)
        scene.keeper.happen(CodeAccepted(GRANT))
        await scene.world.advance(scene.keeper.plan.release_ms)
        assert scene.keeper.info.mode is DoorMode.LOCKED
        await until(lambda: scene.log.count("refused") >= 3)
        assert scene.keeper.info.lock is LockPhysicalState.FAULT
        assert scene.disk.kinds().count(LockPhysicalChanged) == 1
        monkeypatch.undo()
        await until(lambda: scene.keeper.info.lock is LockPhysicalState.UNKNOWN)
        assert [each for each in scene.log if each != "commit"][-1] == "secure"

    play(story)


def test_at_the_end_a_lock_that_does_not_obey_keeps_nobody_from_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(scene: Scene) -> None:
        def refuse() -> None:
            raise LockError("device strike: pin 27: gone")

        monkeypatch.setattr(scene.keeper._lock, "secure", refuse)
        scene.keeper.happen(Commanded(DoorAction.UNLOCK, "2" * 32))
        await scene.world.advance(0)
        scene.keeper.secure()
        scene.log.clear()
        monkeypatch.undo()
        scene.keeper._tell_again()
        assert scene.log == ["secure"]
        scene.keeper.close()

    play(story)


class Motor(Bolt):
    confirms = True
    throws_bolt = True


@pytest.mark.parametrize("shut", [Closed(), ContactLost()])
@pytest.mark.parametrize("action", [DoorAction.LOCK, DoorAction.LOCK_DOWN, DoorAction.BLOCK])
def test_a_bolt_is_thrown_at_a_shut_door_only(action: DoorAction, shut: Closed | ContactLost) -> None:
    async def story(scene: Scene) -> None:
        assert scene.log == ["commit", "idle"]  # at the start nobody knows where the door is
        scene.keeper.happen(Closed())
        await scene.world.advance(0)
        assert scene.log.pop() == "secure"
        scene.keeper.happen(Commanded(DoorAction.UNLOCK, "2" * 32))
        scene.keeper.happen(Opened())
        scene.keeper.happen(Commanded(action, "3" * 32))
        await scene.world.advance(0)
        assert "secure" not in scene.log
        scene.keeper.secure()
        assert "secure" not in scene.log
        scene.keeper._ended = False
        scene.keeper.happen(shut)
        await scene.world.advance(0)
        assert scene.log.count("secure") == 1
        scene.keeper.happen(Opened())
        scene.keeper.happen(Closed())
        await scene.world.advance(0)
        assert scene.log.count("secure") == 1

    play(story, Scene(lock=Motor))


def test_a_lock_says_itself_how_long_it_takes_and_where_it_is() -> None:
    class Motor(Bolt):
        confirms = True
        frees_when_idle = False
        confirm_ms = 12_000

    async def story() -> None:
        world, log = ManualWorld(), list[str]()
        keeper = Keeper("hall", Plan(frees_when_idle=True), Motor(log), world, Disk(log), None)
        task = asyncio.create_task(keeper.run())
        assert (keeper.plan.confirms, keeper.plan.frees_when_idle) == (True, False)
        await world.advance(11_999)
        states = [keeper.info.lock]
        await world.advance(1)
        states.append(keeper.info.lock)
        keeper.happen(LockReported(LockPhysicalState.LOCKED))
        states.append(keeper.info.lock)
        assert states == [LockPhysicalState.UNKNOWN, LockPhysicalState.FAULT, LockPhysicalState.LOCKED]
        task.cancel()

    asyncio.run(story())
