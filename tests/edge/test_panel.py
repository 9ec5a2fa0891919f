"""The intrusion panel: unset by whoever may enter, set into a shut building, believed when it reports."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import (
    CommandExecuted,
    CommandRefusal,
    Event,
    LateCommit,
    PanelChanged,
    PanelInfo,
    PanelRefused,
    PanelState,
)
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import PanelReported
from pleintemps_edge.panel import (
    SET_MS,
    UNSET_MS,
    UNSET_TRIES,
    Accepted,
    Ask,
    Commanded,
    PanelEvent,
    PanelKeeper,
    Reported,
    State,
    Tick,
    transition,
)

from .actors import until

GRANT, COMMAND = "1" * 32, "2" * 32
SET, UNSET = DoorAction.SET_PANEL, DoorAction.UNSET_PANEL


class Disk:
    """Commits at once, unless it hangs."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.events: list[Event] = []
        self.hangs = False

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.events += events
        self.log += [type(event).__name__ for event in events]
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if not self.hangs:
            future.set_result(0)
        return future


class Device:
    device = "alarm-panel"

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def set(self) -> None:
        self.log.append("set")

    def unset(self) -> None:
        self.log.append("unset")


class Scene:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.world = ManualWorld()
        self.disk = Disk(self.log)
        self.open: list[str] = []
        self.keeper = PanelKeeper("alarm", Device(self.log), lambda: self.open, self.world, self.disk)

    def report(self, state: PanelState, ready: bool = True) -> None:
        self.keeper.take(PanelReported("alarm-panel", state, ready, self.world.monotonic()))

    def command(self, action: DoorAction) -> CommandRefusal | None:
        command = Command(
            epoch=1,
            revision=1,
            id=COMMAND,
            door="alarm",
            action=action,
            issued=0,
            expires=10**13,
            boot="3" * 32,
            counter=1,
        )
        return self.keeper.command(command, lambda: self.log.append("then"))

    def play(self, story: Callable[["Scene"], Awaitable[None]]) -> None:
        async def run() -> None:
            task = asyncio.create_task(self.keeper.run())
            try:
                await story(self)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(run())

    async def quiet(self, state: PanelState, ready: bool = True) -> None:
        """The panel has said that; forget what was recorded of it."""
        self.report(state, ready)
        await self.world.advance(0)
        self.log.clear()
        self.disk.events.clear()


def test_the_first_entry_unsets_and_those_after_it_do_not() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.SET)
        scene.keeper.accepted(GRANT)
        assert scene.log == ["unset"]  # before anything is written: the panel counts its entry delay
        scene.keeper.accepted("9" * 32)
        scene.report(PanelState.UNSET)
        await scene.world.advance(60_000)
        scene.keeper.accepted("8" * 32)
        await scene.world.advance(60_000)
        assert scene.log == ["unset", "PanelChanged"]
        assert scene.disk.events == [PanelChanged(panel="alarm", state=PanelState.UNSET, reference=GRANT)]
        assert scene.keeper.info == PanelInfo(panel="alarm", state=PanelState.UNSET, ready=True)

    Scene().play(story)


@pytest.mark.parametrize("state", [PanelState.UNKNOWN, PanelState.SET, PanelState.ALARM])
def test_an_entry_unsets_whatever_is_not_known_to_be_unset(state: PanelState) -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(state)
        scene.keeper.accepted(GRANT)
        assert scene.log == ["unset"]

    Scene().play(story)


def test_a_panel_that_does_not_unset_is_asked_three_times_and_reported_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.SET)
        scene.keeper.accepted(GRANT)
        await scene.world.advance(UNSET_TRIES * UNSET_MS - 1)
        assert scene.log == ["unset"] * UNSET_TRIES
        await scene.world.advance(60_000)
        assert scene.log == ["unset"] * UNSET_TRIES + ["PanelRefused"]
        refused = PanelRefused(panel="alarm", reason="it does not confirm: asked to unset", reference=GRANT)
        assert scene.disk.events == [refused]
        scene.keeper.accepted(GRANT)
        assert scene.log[-1] == "unset"

    Scene().play(story)


def test_a_command_sets_a_shut_building_and_the_report_confirms_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.UNSET)
        assert scene.command(SET) is None
        await scene.world.advance(0)
        assert scene.log == ["CommandExecuted", "set", "then"]
        await scene.world.advance(SET_MS - 1)
        scene.report(PanelState.SET, ready=False)
        await scene.world.advance(60_000)
        assert scene.disk.events == [
            CommandExecuted(door="alarm", command=COMMAND, action=SET),
            PanelChanged(panel="alarm", state=PanelState.SET, reference=COMMAND),
        ]
        assert scene.command(SET) is None
        await scene.world.advance(60_000)
        assert scene.log[-2:] == ["CommandExecuted", "then"]

    Scene().play(story)


@pytest.mark.parametrize(
    ("state", "ready", "doors", "refusal", "reason"),
    [
        (PanelState.UNSET, True, ["hall", "gym"], CommandRefusal.DOORS_OPEN, "open: hall, gym"),
        (PanelState.UNSET, True, ["a" * 40] * 64, CommandRefusal.DOORS_OPEN, "open: aaa"),
        (PanelState.UNSET, False, [], CommandRefusal.NOT_READY, "it says that it is not ready"),
        (PanelState.ALARM, True, [], CommandRefusal.NOT_READY, "its state is alarm"),
        (PanelState.UNKNOWN, True, [], CommandRefusal.NOT_READY, "its state is unknown"),
    ],
)
def test_what_keeps_a_panel_from_being_set(
    state: PanelState, ready: bool, doors: list[str], refusal: CommandRefusal, reason: str
) -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(state, ready)
        scene.open = doors
        assert scene.command(SET) is refusal
        await scene.world.advance(60_000)
        assert scene.log == ["PanelRefused"]
        [refused] = scene.disk.events
        assert isinstance(refused, PanelRefused)
        assert refused.reason.startswith(reason)
        assert len(refused.reason) <= 200
        assert refused.reference == COMMAND

    Scene().play(story)


def test_a_panel_that_does_not_set_is_reported_and_the_order_is_taken_back() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.UNSET)
        scene.command(SET)
        await scene.world.advance(SET_MS)
        assert scene.log == ["CommandExecuted", "set", "then", "unset", "PanelRefused"]
        await scene.world.advance(60_000)
        assert len(scene.log) == 5

    Scene().play(story)


def test_an_alarm_answers_an_order_to_set() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.UNSET)
        scene.command(SET)
        await scene.world.advance(0)
        scene.report(PanelState.ALARM)
        await scene.world.advance(60_000)
        assert "unset" not in scene.log
        assert scene.disk.events[-1] == PanelChanged(panel="alarm", state=PanelState.ALARM, reference=COMMAND)

    Scene().play(story)


def test_somebody_who_comes_in_while_it_is_being_set_wins() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.UNSET)
        scene.disk.hangs = True
        scene.command(SET)
        scene.keeper.accepted(GRANT)
        assert scene.command(SET) is CommandRefusal.NOT_READY
        await until(lambda: "then" in scene.log)
        assert "set" not in scene.log
        assert scene.log[:2] == ["unset", "CommandExecuted"]
        scene.report(PanelState.SET)  # too late to stop it
        await scene.world.advance(UNSET_MS)
        assert scene.log.count("unset") == 2
        scene.report(PanelState.UNSET)
        await scene.world.advance(60_000)
        assert scene.log.count("unset") == 2
        refused = [event for event in scene.disk.events if isinstance(event, PanelRefused)]
        assert [(each.reason, each.reference) for each in refused] == [
            ("somebody came in", COMMAND),
            ("it is being unset", COMMAND),
        ]

    Scene().play(story)


def test_an_unset_panel_that_is_asked_while_it_was_being_set_need_not_report_again() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.UNSET)
        scene.command(SET)
        await scene.world.advance(0)
        scene.keeper.accepted(GRANT)
        scene.report(PanelState.UNSET, ready=False)
        await scene.world.advance(60_000)
        assert scene.log.count("unset") == 1
        assert scene.log == ["CommandExecuted", "set", "then", "unset", "PanelRefused"]

    Scene().play(story)


def test_a_command_unsets_at_any_time() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.SET)
        scene.open = ["hall"]
        assert scene.command(UNSET) is None
        await scene.world.advance(0)
        assert scene.log == ["CommandExecuted", "unset", "then"]
        scene.report(PanelState.UNSET)
        await scene.world.advance(60_000)
        assert scene.command(UNSET) is None
        await scene.world.advance(0)
        assert scene.log[3:] == ["PanelChanged", "CommandExecuted", "then"]

    Scene().play(story)


def test_a_slow_disk_holds_no_panel_and_is_owned_up_to() -> None:
    async def story(scene: Scene) -> None:
        await scene.quiet(PanelState.UNSET)
        scene.disk.hangs = True
        scene.command(SET)
        await until(lambda: "then" in scene.log)
        assert scene.log == ["CommandExecuted", "LateCommit", "set", "then"]
        [late] = [event for event in scene.disk.events if isinstance(event, LateCommit)]
        assert late.door == "alarm"

    Scene().play(story)


EVENTS = st.one_of(
    st.builds(Accepted, st.just(GRANT)),
    st.builds(
        Commanded, st.sampled_from([SET, UNSET]), st.just(COMMAND), st.sampled_from([(), (), ("hall",)])
    ),
    st.builds(Reported, st.sampled_from(PanelState), st.booleans()),
    st.just(Tick()),
)


@given(st.lists(st.tuples(st.integers(0, 5_000), EVENTS), max_size=60))
def test_laws(moves: list[tuple[int, PanelEvent]]) -> None:
    """Set only by a command into a shut and ready building; state from reports; every order ends."""
    state, now = State("alarm"), 0
    for passed, event in moves:
        now += passed
        before = state
        state, effects = transition(before, event, now)
        assert transition(before, event, now) == (state, effects)
        if Ask(PanelState.SET) in effects:
            assert isinstance(event, Commanded)
            assert event.action is SET
            assert not event.open
            assert (before.state, before.ready) == (PanelState.UNSET, True)
        if isinstance(event, Accepted):
            asked = Ask(PanelState.UNSET) in effects
            assert asked or state.asked(PanelState.UNSET) or before.state is PanelState.UNSET
            assert not state.asked(PanelState.SET)
        if not isinstance(event, Reported):
            assert (state.state, state.ready) == (before.state, before.ready)
    for _ in range(UNSET_TRIES):
        now += SET_MS
        state, _ = transition(state, Tick(), now)
    assert state.order is None
