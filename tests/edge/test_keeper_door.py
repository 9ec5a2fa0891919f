"""The keeper of a door: record first, then the lock; a slow disk holds nobody; time is the World's."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessNotUsed,
    Event,
    LateCommit,
    LockPhysicalChanged,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, LockPhysicalState
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    ExitPressed,
    FireInput,
    FreeOpening,
    LockReported,
    Opened,
    Plan,
    PlanChanged,
)
from pleintemps_edge.drivers.base import Feedback
from pleintemps_edge.errors import LockError
from pleintemps_edge.keeper import Keeper, interlock

from .actors import until

GRANT = "1" * 32


class Disk:
    """Commits when it is told to: at once, never, or when ``finish`` is called."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.events: list[Event] = []
        self.state: dict[str, bytes] = {}
        self.quick = True
        self.waiting: list[asyncio.Future[int]] = []

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.events += events
        self.state |= state or {}
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        if self.quick:
            self.finish()
        return future

    def finish(self) -> None:
        for future in self.waiting:
            if not future.done():
                self.log.append("commit")
                future.set_result(0)

    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


class Bolt:
    device = "strike"
    confirms = False
    frees_when_idle = False

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def release(self) -> None:
        self.log.append("release")

    def secure(self) -> None:
        self.log.append("secure")

    def idle(self) -> None:
        self.log.append("idle")

    def close(self) -> None:
        self.log.append("close")


class Scene:
    def __init__(self, kept: bytes | None = None, lock: type[Bolt] = Bolt) -> None:
        self.log: list[str] = []
        self.world = ManualWorld()
        self.disk = Disk(self.log)
        self.shown: list[tuple[str, Feedback]] = []
        self.keeper = Keeper(
            "hall",
            Plan(),
            lock(self.log),
            self.world,
            self.disk,
            kept,
            lambda door, feedback: self.shown.append((door, feedback)),
        )


def play(story: Callable[[Scene], Awaitable[None]], scene: Scene | None = None) -> None:
    async def run() -> None:
        mine = scene or Scene()
        task = asyncio.create_task(mine.keeper.run())
        await mine.world.advance(0)
        try:
            await story(mine)
        finally:
            task.cancel()

    asyncio.run(run())


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


# --- fire, interlock, reports ---------------------------------------------------------------------------

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
