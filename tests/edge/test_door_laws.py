"""The invariants in the header of ``door/rules.py``, for every history that Hypothesis can think of."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pleintemps_contract.agent_messages import (
    DoorAlarmChanged,
    DoorFireChanged,
    DoorModeChanged,
    LockPhysicalChanged,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorPhysicalState, LockPhysicalState
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    DoorEvent,
    DoorState,
    Effect,
    ExitEnded,
    ExitPressed,
    FireInput,
    FreeOpening,
    Idle,
    LockdownButton,
    LockReported,
    Neighbour,
    Opened,
    Output,
    Plan,
    PlanChanged,
    Record,
    Refuse,
    Release,
    Secure,
    Show,
    Signal,
    Tick,
    Wake,
    initial,
    transition,
)

from .door_model import CONFIRM_MS, PLANS, A, B, D, L, Layers, O, U

GRANT, COMMAND = "1" * 32, "2" * 32
NO = Refuse(RefusalReason.DOOR_MODE)
FIRE = Refuse(RefusalReason.FIRE)
CONFIRM = Commanded(DoorAction.CONFIRM_FIRE_RESET, COMMAND)
ENTRY = Commanded(DoorAction.ACCESS, COMMAND)
RELEASING = {
    DoorAction.ACCESS,
    DoorAction.UNLOCK,
    DoorAction.LOCK_OPEN,
    DoorAction.LOCK_DOWN_RELEASE,
    DoorAction.CONFIRM_FIRE_RESET,
}
LATE_MS = 2_000
LONGEST_MS = 20_000 + 90_000 + 5_000
MOVES = (Release, Secure, Idle)


class DoorMachine(RuleBasedStateMachine):
    """A door, a lock that does what the effects say, and a clock that keeps the wishes to be woken."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.layers = Layers()
        self.held = False
        self.alerting = False
        self.wake: int | None = None
        self.accessed_since = 0
        self.late = False
        self.moved_at = 0
        self.answered = False

    @initialize(plan=PLANS)
    def start(self, plan: Plan) -> None:
        self.begin(plan, "")

    def begin(self, plan: Plan, kept: str) -> None:
        self.state, effects = initial("hall", plan, kept, self.now)
        moves = [effect for effect in effects if isinstance(effect, MOVES)]
        assert moves == [Idle() if self.layers.fire else Secure()], "at start no output pulses"
        self.output = Output.IDLE if self.layers.fire else Output.HELD
        self.wake, self.alerting = None, False
        self.follow(effects, self.state)

    def happen(self, event: DoorEvent) -> None:
        before, burning = self.state, self.layers.fire
        self.state, effects = transition(before, event, self.now)
        refused = any(isinstance(effect, Refuse) for effect in effects)
        if refused:
            assert len(effects) == 1 and self.state == before, "what is refused changes nothing"
        else:
            self.layers.take(event, self.now)
        self.check_refusals(before, event, effects)
        self.check_order(effects)
        self.check_releases(before, event, effects)
        if burning:
            confirmed = not self.layers.fire
            energising = any(isinstance(effect, Release | Secure) for effect in effects)
            assert confirmed or not energising, "in fire nothing is energised"
            assert confirmed is any(
                isinstance(effect, Record) and isinstance(effect.event, DoorFireChanged) for effect in effects
            )
        if isinstance(event, ExitPressed):
            free = self.state.released or not before.plan.exit_releases or self.layers.fire
            assert free, "a button always lets out"
        if isinstance(event, Tick | Opened | Closed | ContactLost | LockReported | PlanChanged):
            assert not any(isinstance(effect, Release | Idle) for effect in effects), "no release of itself"
        self.follow(effects, before)
        if isinstance(event, Opened) and before.physical is DoorPhysicalState.CLOSED:
            ended = self.state.access is None or before.plan.relock == "close" or before.plan.relock_delay_ms
            assert ended, "an opening ends the release"
        if isinstance(event, LockReported):
            self.answered = self.answered or event.state is before.wanted
        elif not isinstance(event, Tick):
            self.answered = self.answered and self.state.wanted is before.wanted
        if self.state.mode is A and isinstance(event, CodeAccepted | Commanded | ExitPressed):
            self.accessed_since = self.now

    def check_refusals(self, before: DoorState, event: DoorEvent, effects: tuple[Effect, ...]) -> None:
        entering = isinstance(event, CodeAccepted) or event == ENTRY
        if not isinstance(event, CodeAccepted | Commanded):
            assert not any(isinstance(effect, Refuse) for effect in effects), "only who asks is refused"
        elif before.fire:
            by_staff = event == CONFIRM or (isinstance(event, CodeAccepted) and event.staff)
            assert (effects == (FIRE,)) is not (by_staff and not before.fire_input)
        elif event == CONFIRM:
            assert effects == (NO,)
        elif entering and before.standing in (B, D):
            assert effects == (NO,), "not even behind the back of who goes out"
        elif entering and self.layers.busy and self.layers.mode(before) in (L, A):
            assert effects == (Refuse(RefusalReason.INTERLOCK),)

    def check_order(self, effects: tuple[Effect, ...]) -> None:
        notes = [place for place, effect in enumerate(effects) if isinstance(effect, Record)]
        moves = [place for place, effect in enumerate(effects) if isinstance(effect, MOVES)]
        assert len(moves) <= 1
        assert all(note < move for note in notes for move in moves), "records come first"

    def check_releases(self, before: DoorState, event: DoorEvent, effects: tuple[Effect, ...]) -> None:
        releases = [effect for effect in effects if isinstance(effect, Release)]
        if not releases:
            return
        going_out = isinstance(event, ExitPressed) and before.plan.exit_releases
        scheduled = isinstance(event, FreeOpening) and event.until is not None and event.until > self.now
        caused = (
            isinstance(event, CodeAccepted)
            or (isinstance(event, Commanded) and event.action in RELEASING)
            or scheduled
            or (event == Neighbour(False) and self.layers.on)
        )
        assert caused or going_out, "no release without a cause"
        assert releases == [Release(at_once=going_out)], "only who wants out waits for no record"
        assert any(isinstance(effect, Record) for effect in effects), "no release without a record"

    def follow(self, effects: tuple[Effect, ...], before: DoorState) -> None:
        """Do what the effects say, as a keeper would."""
        for effect in effects:
            if isinstance(effect, Release | Secure | Idle):
                told = {Release: Output.RELEASED, Secure: Output.HELD, Idle: Output.IDLE}[type(effect)]
                assert told is not self.output or before is self.state, "a lock is not told twice"
                self.output = told
                self.moved_at, self.answered = self.now, False
                if self.state.wanted is not None:
                    assert self.state.lock_due == self.now + self.state.plan.confirm_ms
            elif isinstance(effect, Wake):
                assert effect.at > self.now or self.late
                self.wake = effect.at
            elif isinstance(effect, Show):
                assert self.alerting is (effect.signal is Signal.QUIET)
                self.alerting = effect.signal is Signal.PRE_ALARM
            elif isinstance(effect, Record):
                self.check_record(effect, before)

    def check_record(self, effect: Record, before: DoorState) -> None:
        event = effect.event
        if isinstance(event, DoorModeChanged):
            assert event.mode is self.state.mode
        elif isinstance(event, DoorAlarmChanged):
            assert event.alarm is self.state.alarm
            assert event.alarm is DoorAlarm.NORMAL or not self.layers.fire, "no alarm begins in fire"
            if event.alarm is DoorAlarm.FORCED_OPEN:
                assert before.physical is DoorPhysicalState.CLOSED
                assert self.output is Output.HELD
                assert not self.held, "who holds the inside handle forces nothing"
            if event.alarm is DoorAlarm.NORMAL:
                assert self.state.physical is DoorPhysicalState.CLOSED or self.layers.fire
        elif isinstance(event, LockPhysicalChanged) and event.state is LockPhysicalState.FAULT:
            assert before.lock is not LockPhysicalState.FAULT, "a fault is told once"

    # --- what happens -------------------------------------------------------------------------------

    @rule(staff=st.booleans(), extended=st.booleans())
    def code(self, staff: bool, extended: bool) -> None:
        self.happen(CodeAccepted(GRANT, staff=staff, extended=extended))

    @rule(action=st.sampled_from(list(DoorAction)))
    def command(self, action: DoorAction) -> None:
        self.happen(Commanded(action, COMMAND))

    @rule(action=st.sampled_from([DoorAction.UNLOCK, DoorAction.LOCK, DoorAction.BLOCK]))
    def operator(self, action: DoorAction) -> None:
        self.happen(Commanded(action, COMMAND))

    @rule(button=st.booleans(), ends=st.booleans())
    def attack_drill(self, button: bool, ends: bool) -> None:
        self.happen(LockdownButton() if button else Commanded(DoorAction.LOCK_DOWN, COMMAND))
        if ends:
            self.happen(Commanded(DoorAction.LOCK_DOWN_RELEASE, COMMAND))

    @rule()
    def door_moves(self) -> None:
        shut = self.state.physical is DoorPhysicalState.CLOSED
        self.happen(Opened() if shut else Closed())

    @rule(event=st.sampled_from([Opened(), Closed(), ContactLost()]))
    def contact(self, event: DoorEvent) -> None:
        self.happen(event)

    @rule()
    def entry(self) -> None:
        self.happen(ENTRY)

    @rule()
    def all_clear(self) -> None:
        """Without this every history would end in fire and lockdown."""
        self.happen(FireInput(False))
        self.happen(CONFIRM)
        for action in (DoorAction.LOCK_DOWN_RELEASE, DoorAction.LOCK_OPEN_RELEASE):
            self.happen(Commanded(action, COMMAND))

    @rule()
    def pressed(self) -> None:
        self.held = True
        self.happen(ExitPressed())

    @rule()
    def let_go(self) -> None:
        self.held = False
        self.happen(ExitEnded())

    @rule(active=st.sampled_from([False, False, True]))
    def panel(self, active: bool) -> None:
        self.happen(FireInput(active))

    @rule(busy=st.booleans())
    def neighbour(self, busy: bool) -> None:
        self.happen(Neighbour(busy))

    @rule(left=st.none() | st.integers(-5_000, 60_000), first_person=st.booleans())
    def schedule(self, left: int | None, first_person: bool) -> None:
        self.happen(FreeOpening(None if left is None else self.now + left, first_person))

    @rule(first_person=st.booleans(), locked=st.booleans(), code=st.booleans())
    def opening_hours(self, first_person: bool, locked: bool, code: bool) -> None:
        """A window that is told twice, with what people do meanwhile."""
        self.happen(FreeOpening(self.now + 60_000, first_person))
        if locked:
            self.happen(Commanded(DoorAction.LOCK, COMMAND))
        if code:
            self.happen(CodeAccepted(GRANT))
        self.happen(FreeOpening(self.now + 60_000, first_person))

    @rule(reset=st.booleans(), staff=st.booleans())
    def somebody_confirms(self, reset: bool, staff: bool) -> None:
        """In every order of panel and person."""
        self.happen(FireInput(True))
        if reset:
            self.happen(FireInput(False))
        self.happen(CodeAccepted(GRANT))
        self.happen(CodeAccepted(GRANT, staff=True) if staff else CONFIRM)
        self.all_clear()

    @rule(answered=st.booleans())
    def passage(self, answered: bool) -> None:
        """Somebody types a code and goes through; the lock answers, or does not."""
        self.happen(Closed())
        self.happen(CodeAccepted(GRANT))
        if answered and self.state.wanted is not None:
            self.happen(LockReported(self.state.wanted))
            self.time(passed=700, late=0)
        self.happen(Opened())

    @rule(event=st.sampled_from([CodeAccepted(GRANT), Neighbour(False), CONFIRM, ExitPressed()]))
    def overslept(self, event: DoorEvent) -> None:
        """The Tick comes behind another event: what was over is over all the same."""
        if self.wake is None:
            return
        self.now, self.late = max(self.now, self.wake) + 1, True
        self.held = self.held or isinstance(event, ExitPressed)
        self.happen(event)
        while self.wake is not None and self.wake <= self.now:
            self.wake = None
            self.happen(Tick())
        self.late = False

    @rule(said=st.sampled_from(list(LockPhysicalState)))
    def report(self, said: LockPhysicalState) -> None:
        self.happen(LockReported(said))
        assert self.state.lock is said, "truthfully, whatever was wanted"

    @rule(plan=PLANS)
    def planned(self, plan: Plan) -> None:
        self.happen(PlanChanged(plan))

    @rule(passed=st.integers(0, 40_000), late=st.integers(0, LATE_MS))
    def time(self, passed: int, late: int) -> None:
        end = self.now + passed
        while self.wake is not None and self.wake <= end:
            self.now, self.wake = max(self.now, self.wake + late), None
            before, waited, answered = self.state, self.now - self.moved_at, self.answered
            self.happen(Tick())
            if self.state.lock is not before.lock:
                assert self.state.lock is LockPhysicalState.FAULT
                assert before.plan.confirms and before.wanted is not None
                assert not answered, "a lock that has answered is no fault"
                assert waited >= CONFIRM_MS, "a movement begins the wait anew"
        self.now = max(self.now, end)

    @rule(now=st.integers(-(10**13), 10**13))
    def a_clock_leaps(self, now: int) -> None:
        """A tick at any moment; the door is not led astray by it, and goes on from where it was."""
        after, effects = transition(self.state, Tick(), now)
        assert not any(isinstance(effect, Release | Idle | Refuse) for effect in effects)
        assert after.released <= self.state.released
        for layer in ("fire", "lockdown", "locked_open", "operator"):
            assert getattr(after, layer) == getattr(self.state, layer)

    @rule()
    def restart(self) -> None:
        """What forbids comes back, what releases does not; a panel that has not spoken is not reset."""
        plan, kept = self.state.plan, self.state.kept
        before, self.layers = self.layers, Layers()
        self.layers.fire = self.layers.panel = before.fire
        self.layers.lockdown = before.lockdown
        self.layers.operator = B if before.operator is B else L
        self.held = False
        self.begin(plan, kept)

    # --- what holds between -------------------------------------------------------------------------

    @invariant()
    def mode_follows_layers(self) -> None:
        self.layers.lapse(self.now)
        due = self.state.free is not None and self.now >= self.state.free.until
        if not due:  # else its Tick comes next
            assert self.state.standing is self.layers.mode(self.state)
        assert self.state.free_open is (self.layers.on or (due and self.state.free_open))

    @invariant()
    def lock_follows_mode(self) -> None:
        assert self.output is self.state.output
        assert (self.output is Output.IDLE) is self.layers.fire
        if not self.layers.fire:
            assert (self.output is Output.RELEASED) is (self.state.mode in (A, U, O))

    @invariant()
    def access_ends(self) -> None:
        if self.state.access is not None:
            assert self.state.mode is A
            assert self.now - self.accessed_since <= LONGEST_MS + 2 * LATE_MS, "always relocked"

    @invariant()
    def wishes_are_kept(self) -> None:
        access, free = self.state.access, self.state.free
        times = (
            access.until if access is not None else None,
            free.until if free is not None else None,
            self.state.open_until,
            self.state.pre_alarm_at,
            self.state.lock_due,
        )
        due = [at for at in times if at is not None]
        if due:
            assert self.wake is not None
            assert self.wake <= min(due)

    @invariant()
    def a_pre_alarm_goes_before_an_alarm(self) -> None:
        assert self.alerting is self.state.pre_alarm
        assert not self.alerting or self.state.open_until is not None
        quiet = self.layers.fire or self.state.mode in (U, O) or self.state.alarm is not DoorAlarm.NORMAL
        watched = self.state.physical is DoorPhysicalState.OPEN and not quiet
        assert (self.state.open_until is not None) is watched
        assert self.state.alarm is DoorAlarm.NORMAL or not self.layers.fire


DoorMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestDoor = DoorMachine.TestCase
