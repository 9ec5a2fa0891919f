"""Free openings: what doors are told, from the table of grants and the time that is trusted."""

import asyncio
from collections.abc import Awaitable, Callable

from pleintemps_contract.agent_messages import FreeOpeningChanged
from pleintemps_contract.gateway_messages import Window
from pleintemps_contract.onvif import DoorAction, DoorMode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.grants import FreeOpenings
from pleintemps_edge.door import Closed, CodeAccepted, Commanded, Plan
from pleintemps_edge.keeper import Keeper
from pleintemps_edge.opening_hours import LOOK_MS, OpeningHours

from .keeper_scene import Bolt, Disk

START = 1_700_000_000_000
MINUTE = 60_000


class Scene:
    """A door with opening hours, on a clock that can be doubted."""

    def __init__(self) -> None:
        self.world = ManualWorld(START)
        self.trusted = True
        self.table: FreeOpenings = {}
        self.disk = Disk([])
        self.start()

    def start(self) -> None:
        """The agent starts, with what the disk holds."""
        kept = self.disk.state.get(Keeper.state_key("hall"))
        self.keeper = Keeper("hall", Plan(), Bolt([]), self.world, self.disk, kept)
        doors = {"hall": self.keeper}
        self.hours = OpeningHours(
            doors, lambda: self.table, self.now, self.world, self.disk, self.disk.state.get
        )

    def now(self) -> int | None:
        return self.world.now() if self.trusted else None

    def open_from(self, start: int, end: int, first_person: bool = False) -> None:
        """A window, in ms from the start of the story."""
        self.table = {"hall": ((Window(start=START + start, end=START + end),), first_person)}

    @property
    def mode(self) -> DoorMode:
        return self.keeper.info.mode

    def changes(self) -> list[bool]:
        return [each.active for each in self.disk.events if isinstance(each, FreeOpeningChanged)]


def play(story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene()
        scene.keeper.happen(Closed())
        tasks = [asyncio.create_task(each.run()) for each in (scene.keeper, scene.hours)]
        await scene.world.advance(0)
        try:
            await story(scene)
        finally:
            for task in tasks:
                task.cancel()

    asyncio.run(run())


def test_a_door_opens_and_closes_at_the_very_millisecond() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(10 * MINUTE, 20 * MINUTE)
        modes = []
        for passed in (10 * MINUTE - 1, 1, 10 * MINUTE - 1, 1):
            await scene.world.advance(passed)
            modes.append(scene.mode)
        assert modes == [DoorMode.LOCKED, DoorMode.UNLOCKED, DoorMode.UNLOCKED, DoorMode.LOCKED]
        assert scene.changes() == [True, False]

    play(story)


def test_a_new_table_counts_within_seconds() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(0, 20 * MINUTE)
        await scene.world.advance(LOOK_MS)
        modes = [scene.mode]
        scene.table = {}
        await scene.world.advance(LOOK_MS)
        modes.append(scene.mode)
        assert modes == [DoorMode.UNLOCKED, DoorMode.LOCKED]

    play(story)


def test_the_first_person_is_waited_for() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(0, 20 * MINUTE, first_person=True)
        await scene.world.advance(MINUTE)
        modes = [scene.mode]
        scene.keeper.happen(CodeAccepted("1" * 32))
        modes.append(scene.mode)
        await scene.world.advance(19 * MINUTE)
        modes.append(scene.mode)
        assert modes == [DoorMode.LOCKED, DoorMode.UNLOCKED, DoorMode.LOCKED]

    play(story)


def test_without_trusted_time_none_begins_and_what_runs_ends_in_its_time() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(MINUTE, 20 * MINUTE)
        scene.trusted = False
        await scene.world.advance(2 * MINUTE)
        modes = [scene.mode]
        scene.trusted = True
        await scene.world.advance(LOOK_MS)
        modes.append(scene.mode)
        scene.trusted = False
        scene.world.step_wall(-10 * 365 * 86_400_000)
        await scene.world.advance(20 * MINUTE - 2 * MINUTE - LOOK_MS - 1)
        modes.append(scene.mode)
        await scene.world.advance(1)
        modes.append(scene.mode)
        assert modes == [DoorMode.LOCKED, DoorMode.UNLOCKED, DoorMode.UNLOCKED, DoorMode.LOCKED]

    play(story)


def test_what_is_no_longer_in_the_table_ends_whatever_the_time() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(0, 20 * MINUTE)
        await scene.world.advance(LOOK_MS)
        scene.trusted, scene.table = False, {}
        await scene.world.advance(LOOK_MS)
        assert scene.mode is DoorMode.LOCKED

    play(story)


def test_a_clock_that_is_slewed_opens_no_door_a_second_time() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(0, 20 * MINUTE)
        await scene.world.advance(LOOK_MS)
        scene.world.step_wall(-300)
        await scene.world.advance(20 * MINUTE)
        assert scene.mode is DoorMode.LOCKED
        assert scene.changes() == [True, False]

    play(story)


def test_a_trusted_clock_that_is_set_moves_the_end() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(0, 20 * MINUTE)
        await scene.world.advance(LOOK_MS)
        scene.world.step_wall(10 * MINUTE)
        await scene.world.advance(10 * MINUTE - LOOK_MS)
        assert scene.mode is DoorMode.LOCKED

    play(story)


def test_a_door_locked_by_hand_is_not_opened_by_looking_again() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(0, 20 * MINUTE)
        await scene.world.advance(LOOK_MS)
        assert scene.keeper.happen(Commanded(DoorAction.LOCK, "2" * 32)) is None
        await scene.world.advance(10 * MINUTE)
        assert scene.mode is DoorMode.LOCKED

    play(story)


def test_what_was_locked_by_hand_stays_locked_over_a_restart_and_a_table_without_it() -> None:
    async def story(scene: Scene) -> None:
        scene.open_from(0, 20 * MINUTE)
        await scene.world.advance(LOOK_MS)
        modes = [scene.mode]
        scene.keeper.happen(Commanded(DoorAction.LOCK, "2" * 32))
        whole, scene.table = scene.table, {}
        await scene.world.advance(LOOK_MS)
        scene.table = whole
        await scene.world.advance(LOOK_MS)
        modes.append(scene.mode)
        scene.start()
        scene.hours.tell()
        modes.append(scene.mode)
        scene.open_from(25 * MINUTE, 30 * MINUTE)  # nobody has locked this one
        await scene.world.advance(25 * MINUTE)
        scene.hours.tell()
        modes.append(scene.mode)
        assert modes == [DoorMode.UNLOCKED, DoorMode.LOCKED, DoorMode.LOCKED, DoorMode.UNLOCKED]

    play(story)
