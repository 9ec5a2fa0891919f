"""The invariants in the header of ``door/rules.py``, for every history that Hypothesis can think of."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pleintemps_contract.agent_messages import DoorAlarmChanged, DoorModeChanged
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    DoorEvent,
    Effect,
    ExitEnded,
    ExitPressed,
    Opened,
    Plan,
    PlanChanged,
    Record,
    Refuse,
    Release,
    Secure,
    Tick,
    Wake,
    initial,
    transition,
)

COMMAND = "2" * 32
FREE = {DoorMode.ACCESSED, DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN}
FIRM = {DoorMode.BLOCKED, DoorMode.LOCKED_DOWN}
RELEASING = {DoorAction.ACCESS, DoorAction.UNLOCK, DoorAction.LOCK_OPEN, DoorAction.LOCK_DOWN_RELEASE}
PLANS = st.builds(
    Plan,
    release_ms=st.integers(1_000, 10_000),
    open_ms=st.integers(1_000, 60_000),
    relock=st.sampled_from(["open", "close"]),
    exit_releases=st.booleans(),
)


class DoorMachine(RuleBasedStateMachine):
    """A door, a lock that does what the effects say, and a clock that keeps the wishes to be woken."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.state, effects = initial("hall", Plan())
        self.released = False
        assert effects[-1] == Secure()
        self.held = False
        self.forbids: DoorMode | None = None
        self.wake: int | None = None
        self.accessed_since = 0
        self.longest = Plan()

    def happen(self, event: DoorEvent) -> None:
        before = self.state
        self.state, effects = transition(before, event, self.now)
        moves = [place for place, effect in enumerate(effects) if isinstance(effect, Release | Secure)]
        notes = [place for place, effect in enumerate(effects) if isinstance(effect, Record)]
        if releases := [effect for effect in effects if isinstance(effect, Release)]:
            going_out = isinstance(event, ExitPressed) and before.plan.exit_releases
            caused = isinstance(event, CodeAccepted) or (
                isinstance(event, Commanded) and event.action in RELEASING
            )
            assert caused or going_out, "no release without a cause"
            assert releases == [Release(at_once=going_out)], "only who wants out waits for no record"
            assert notes, "no release without a record"
        if Refuse() in effects:
            assert effects == (Refuse(),)
            assert self.state == before
        if isinstance(event, ExitPressed):
            assert Refuse() not in effects
            assert self.state.released or not before.plan.exit_releases, "a button always lets out"
        self.check_what_forbids(before.mode, event, effects)
        assert len(moves) <= 1
        assert all(note < move for note in notes for move in moves), "records come first"
        for effect in effects:
            if isinstance(effect, Release | Secure):
                assert isinstance(effect, Release) is not self.released, "a lock is not told twice"
                self.released = isinstance(effect, Release)
            if isinstance(effect, Wake):
                assert effect.at > self.now
                self.wake = effect.at
            if isinstance(effect, Record):
                self.check_record(effect, before.physical)
        if self.state.mode is DoorMode.ACCESSED and isinstance(event, CodeAccepted | Commanded | ExitPressed):
            self.accessed_since = self.now

    def check_what_forbids(self, before: DoorMode, event: DoorEvent, effects: tuple[Effect, ...]) -> None:
        """Blocked and LockedDown keep people out, also behind the back of who goes out, until a command ends
        them.
        """
        if before in FIRM:
            self.forbids = before
        if self.forbids is None:
            return
        entering = isinstance(event, CodeAccepted) or event == Commanded(DoorAction.ACCESS, COMMAND)
        if entering:
            assert effects == (Refuse(),)
        elif isinstance(event, Commanded):
            if Refuse() not in effects:
                self.forbids = None
        else:
            assert self.state.mode in (self.forbids, DoorMode.ACCESSED)
            assert self.state.standing is self.forbids

    def check_record(self, effect: Record, physical: DoorPhysicalState) -> None:
        if isinstance(effect.event, DoorModeChanged):
            assert effect.event.mode is self.state.mode
        if isinstance(effect.event, DoorAlarmChanged):
            assert effect.event.alarm is self.state.alarm
            if effect.event.alarm is DoorAlarm.FORCED_OPEN:
                assert physical is DoorPhysicalState.CLOSED
                assert not self.released
                assert not self.held, "who holds the inside handle forces nothing"
            if effect.event.alarm is DoorAlarm.NORMAL:
                assert self.state.physical is DoorPhysicalState.CLOSED

    @rule()
    def code(self) -> None:
        self.happen(CodeAccepted("1" * 32))

    @rule(action=st.sampled_from(list(DoorAction)))
    def command(self, action: DoorAction) -> None:
        self.happen(Commanded(action, COMMAND))

    @rule()
    def opened(self) -> None:
        self.happen(Opened())

    @rule()
    def closed(self) -> None:
        self.happen(Closed())

    @rule()
    def pressed(self) -> None:
        self.held = True
        self.happen(ExitPressed())

    @rule()
    def let_go(self) -> None:
        self.held = False
        self.happen(ExitEnded())

    @rule()
    def lost(self) -> None:
        self.happen(ContactLost())

    @rule(plan=PLANS)
    def planned(self, plan: Plan) -> None:
        self.longest = Plan(
            max(plan.release_ms, self.longest.release_ms), max(plan.open_ms, self.longest.open_ms)
        )
        self.happen(PlanChanged(plan))

    @rule(passed=st.integers(0, 40_000))
    def time(self, passed: int) -> None:
        end = self.now + passed
        while self.wake is not None and self.wake <= end:
            self.now, self.wake = max(self.now, self.wake), None
            self.happen(Tick())
        self.now = end

    @invariant()
    def lock_follows_mode(self) -> None:
        assert self.released is self.state.released
        assert self.released is (self.state.mode in FREE)

    @invariant()
    def access_ends(self) -> None:
        if self.state.mode is DoorMode.ACCESSED:
            # the release time, and then at most the time that a door may stand open
            longest = self.longest.release_ms + self.longest.open_ms
            assert self.now - self.accessed_since <= longest, "always relocked after a release"

    @invariant()
    def wishes_are_kept(self) -> None:
        due = [at for at in (self.state.release_until, self.state.open_until) if at is not None]
        if due:
            assert self.wake is not None
            assert self.wake <= min(due)


DoorMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestDoor = DoorMachine.TestCase
