"""Warning signals: on by command, dark by command, by time, at the end and at the start; recorded before."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Event, SignalCause, SignalChanged, SignalInfo
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.errors import LockError
from pleintemps_edge.signals import (
    RETRY_MS,
    Began,
    Commanded,
    Disobeyed,
    Ended,
    Record,
    Show,
    SignalEvent,
    SignalKeeper,
    State,
    Tick,
    transition,
)

MAX_ON_MS = 900_000
COMMAND = "2" * 32


class Disk:
    """Commits at once, unless it hangs."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.events: list[Event] = []
        self.kept: dict[str, bytes] = {}
        self.hanging: list[asyncio.Future[int]] = []
        self.hangs = False

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.events += events
        self.kept |= state or {}
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.hangs:
            self.hanging.append(future)
        else:
            future.set_result(0)
        self.log += [f"record {event.cause}" for event in events if isinstance(event, SignalChanged)]
        return future


class Light:
    device = "light"

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.on = False
        self.obeys = True

    def warn(self, on: bool) -> None:
        if not self.obeys:
            raise LockError("device light: the pin is gone")
        self.on = on
        self.log.append("light" if on else "dark")


class Scene:
    def __init__(self, kept: bytes | None = None) -> None:
        self.log: list[str] = []
        self.world = ManualWorld()
        self.disk = Disk(self.log)
        self.light = Light(self.log)
        self._kept = kept
        self.keeper: SignalKeeper

    def command(self, action: DoorAction) -> None:
        command = Command(
            epoch=1,
            revision=1,
            id=COMMAND,
            door="hall-light",
            action=action,
            issued=0,
            expires=10**13,
            boot="3" * 32,
            counter=1,
        )
        assert self.keeper.command(command, lambda: self.log.append("then")) is None

    def play(self, story: Callable[["Scene"], Awaitable[None]]) -> None:
        async def run() -> None:
            self.keeper = SignalKeeper(
                "hall-light", "hall", MAX_ON_MS, self.light, self.world, self.disk, self._kept
            )
            task = asyncio.create_task(self.keeper.run())
            try:
                await self.world.advance(0)
                await story(self)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(run())


def test_it_is_recorded_then_lit_then_answered_and_so_it_goes_dark() -> None:
    async def story(scene: Scene) -> None:
        scene.command(DoorAction.SIGNAL_ON)
        await scene.world.advance(0)
        assert scene.log == ["record command", "light", "then"]
        assert scene.keeper.info == SignalInfo(signal="hall-light", on=True)
        assert scene.disk.kept == {"signal:hall-light": b"on"}
        scene.command(DoorAction.SIGNAL_OFF)
        await scene.world.advance(0)
        assert scene.log[3:] == ["record command", "dark", "then"]
        assert scene.disk.kept == {"signal:hall-light": b"off"}
        assert scene.disk.events == [
            SignalChanged(
                signal="hall-light", space="hall", on=on, cause=SignalCause.COMMAND, reference=COMMAND
            )
            for on in (True, False)
        ]

    Scene().play(story)


def test_nobody_who_says_again_that_it_is_wanted_and_it_goes_dark_by_itself() -> None:
    async def story(scene: Scene) -> None:
        scene.command(DoorAction.SIGNAL_ON)
        await scene.world.advance(MAX_ON_MS - 1)
        scene.command(DoorAction.SIGNAL_ON)
        await scene.world.advance(MAX_ON_MS - 1)
        assert scene.light.on
        assert len(scene.disk.events) == 1  # it was on already
        await scene.world.advance(1)
        assert scene.log[-2:] == ["record too-long", "dark"]

    Scene().play(story)


def test_while_the_disk_takes_its_time_it_stays_dark_and_a_younger_word_wins() -> None:
    async def story(scene: Scene) -> None:
        scene.disk.hangs = True
        scene.command(DoorAction.SIGNAL_ON)
        await scene.world.advance(0)
        scene.command(DoorAction.SIGNAL_OFF)
        await scene.world.advance(0)
        assert not scene.light.on
        scene.disk.hangs = False
        scene.disk.hanging[0].set_result(0)
        await scene.world.advance(0)
        assert scene.log == ["record command", "then", "record command", "dark", "then"]

    Scene().play(story)


def test_an_agent_that_stops_leaves_no_light_and_one_that_starts_owns_up() -> None:
    async def stops(scene: Scene) -> None:
        scene.command(DoorAction.SIGNAL_ON)
        await scene.world.advance(0)
        scene.keeper.end()
        assert scene.log[-2:] == ["record stop", "dark"]
        assert scene.disk.kept == {"signal:hall-light": b"off"}

    async def starts(scene: Scene) -> None:
        assert scene.log == ["record start"]
        assert scene.disk.kept == {"signal:hall-light": b"off"}

    async def nothing(scene: Scene) -> None:
        assert scene.log == []

    Scene().play(stops)
    Scene(b"on").play(starts)
    Scene(b"off").play(nothing)
    Scene().play(nothing)


def test_an_output_that_does_not_obey_is_never_answered_for() -> None:
    async def story(scene: Scene) -> None:
        scene.light.obeys = False
        scene.command(DoorAction.SIGNAL_ON)
        await scene.world.advance(0)
        assert scene.log == ["record command", "record fault"]
        assert not scene.keeper.info.on
        scene.light.obeys = True
        scene.command(DoorAction.SIGNAL_ON)
        await scene.world.advance(0)
        scene.light.obeys = False
        scene.command(DoorAction.SIGNAL_OFF)
        await scene.world.advance(0)
        assert scene.light.on
        scene.light.obeys = True
        await scene.world.advance(RETRY_MS)
        assert scene.log[2:] == ["record command", "light", "then", "record command", "dark"]

    Scene().play(story)


EVENTS: st.SearchStrategy[SignalEvent] = st.one_of(
    st.builds(Commanded, st.booleans(), st.just(COMMAND)),
    st.builds(Disobeyed, st.booleans()),
    st.just(Tick()),
    st.just(Ended()),
    st.builds(Began, st.just(False)),
)


@given(st.lists(st.tuples(st.integers(0, 2 * MAX_ON_MS), EVENTS), max_size=40))
def test_whatever_happens_each_change_is_recorded_once_and_before_it_is_seen(
    steps: list[tuple[int, Any]],
) -> None:
    state, now, told, said = State("hall-light", "hall", MAX_ON_MS), 0, 0, False
    for wait, event in steps:
        now += wait
        state, due = transition(state, Tick(), now)  # the keeper never lets a time pass
        effects = list(due)
        if isinstance(event, Commanded) and event.on:
            told = now
        state, more = transition(state, event, now)
        effects += more
        for effect in effects:
            if isinstance(effect, Record):
                assert isinstance(effect.event, SignalChanged)
                assert effect.event.on is not said
                said = effect.event.on
            else:
                assert isinstance(effect, Show)
                assert effect.on is said
        assert state.on is said
        assert not state.on or now < told + MAX_ON_MS
