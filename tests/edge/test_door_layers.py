"""The layers of a door, one case at a time: fire, lockdown, interlock, free openings."""

from collections.abc import Iterable

import pytest

from pleintemps_contract.agent_messages import (
    AccessGranted,
    CommandExecuted,
    DoorAlarmChanged,
    DoorFireChanged,
    DoorModeChanged,
    FreeOpeningChanged,
    ModeCause,
    RefusalReason,
)
from pleintemps_contract.gateway_messages import Window
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    DoorEvent,
    DoorState,
    Effect,
    ExitEnded,
    ExitPressed,
    FireInput,
    FreeOpening,
    Idle,
    LockdownButton,
    Neighbour,
    Opened,
    Plan,
    PlanChanged,
    Record,
    Refuse,
    Release,
    Secure,
    Show,
    Signal,
    Tick,
    holds_fire,
    initial,
    opening,
    transition,
)

from .door_model import A, B, D, L, O, U

GRANT, STAFF, COMMAND = "1" * 32, "5" * 32, "2" * 32
CODE, STAFF_CODE = CodeAccepted(GRANT), CodeAccepted(STAFF, staff=True)
FIRE, OVER = FireInput(True), FireInput(False)
NO, IN_FIRE = Refuse(RefusalReason.DOOR_MODE), Refuse(RefusalReason.FIRE)
INTERLOCK = Refuse(RefusalReason.INTERLOCK)
MAGNET = Plan(frees_when_idle=True, exit_releases=True)
STRIKE = Plan(exit_releases=True)
MOVES = (Release, Secure, Idle)


def ask(action: DoorAction) -> Commanded:
    return Commanded(action, COMMAND)


CONFIRM = ask(DoorAction.CONFIRM_FIRE_RESET)
DOWN, UP = ask(DoorAction.LOCK_DOWN), ask(DoorAction.LOCK_DOWN_RELEASE)


def play(state: DoorState, *events: DoorEvent, now: int = 0) -> tuple[DoorState, list[Effect]]:
    """The state after all events at ``now`` and the effects of the last."""
    effects: tuple[Effect, ...] = ()
    for event in events:
        state, effects = transition(state, event, now)
    return state, list(effects)


def shut(plan: Plan = STRIKE, *events: DoorEvent) -> DoorState:
    return play(initial("hall", plan)[0], Closed(), *events)[0]


def moves(effects: Iterable[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, MOVES)]


def told(effects: Iterable[Effect], kind: type) -> list[object]:
    return [each.event for each in effects if isinstance(each, Record) and isinstance(each.event, kind)]


# --- fire -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "mode"), [(MAGNET, O), (STRIKE, B)])
def test_fire_energises_nothing_any_more(plan: Plan, mode: DoorMode) -> None:
    state, effects = play(shut(plan), FIRE)
    assert effects == [
        Record(DoorFireChanged(door="hall", active=True)),
        Record(DoorModeChanged(door="hall", mode=mode, cause=ModeCause.FIRE)),
        Idle(),
    ]
    assert state.busy is plan.frees_when_idle
    assert play(state, FIRE) == (state, [])


@pytest.mark.parametrize("plan", [MAGNET, STRIKE])
def test_in_fire_all_is_refused_but_the_way_out(plan: Plan) -> None:
    state = play(shut(plan), FIRE)[0]
    asked: list[DoorEvent] = [CODE, STAFF_CODE, *(ask(action) for action in DoorAction)]
    for event in asked:
        assert play(state, event) == (state, [IN_FIRE])
    out, effects = play(state, ExitPressed(), ExitEnded(), Opened(), Closed())
    assert out.alarm is DoorAlarm.NORMAL
    assert moves(effects) == []


@pytest.mark.parametrize("word", [CONFIRM, STAFF_CODE])
def test_a_fire_ends_when_the_panel_is_reset_and_a_person_says_so(word: DoorEvent) -> None:
    held, effects = play(shut(MAGNET), FIRE, OVER)
    assert effects == []
    assert held.mode is O
    assert play(held, CODE) == (held, [IN_FIRE])
    assert play(held, ask(DoorAction.LOCK)) == (held, [IN_FIRE])
    over, effects = play(held, word)
    reference = STAFF if word is STAFF_CODE else COMMAND
    assert effects[1:] == [
        Record(DoorFireChanged(door="hall", active=False, reference=reference)),
        Record(DoorModeChanged(door="hall", mode=L, cause=ModeCause.FIRE, reference=reference)),
        Secure(),
    ]
    assert told(effects[:1], AccessGranted if word is STAFF_CODE else CommandExecuted)
    assert play(over, CONFIRM) == (over, [NO])


def test_a_fire_that_comes_back_before_the_word_wants_it_anew() -> None:
    state = play(shut(MAGNET), FIRE, OVER, FIRE)[0]
    assert play(state, CONFIRM) == (state, [IN_FIRE])


def test_a_fire_reveals_what_stood_below_it() -> None:
    unlocked = play(shut(MAGNET, ask(DoorAction.UNLOCK)), FIRE, OVER, CONFIRM)
    assert unlocked[0].mode is U
    assert moves(unlocked[1]) == [Release()]
    down = play(shut(STRIKE, DOWN), FIRE, OVER, CONFIRM)
    assert down[0].mode is D
    assert moves(down[1]) == [Secure()]
    assert play(shut(STRIKE, CODE), FIRE, OVER, CONFIRM)[0].mode is L, "an access does not come back"


def test_fire_mutes_alarms_and_none_begins() -> None:
    forced, effects = play(shut(), Opened(), FIRE)
    assert told(effects, DoorAlarmChanged) == [DoorAlarmChanged(door="hall", alarm=DoorAlarm.NORMAL)]
    assert forced.open_until is None
    assert play(forced, Tick(), now=10**7)[0].alarm is DoorAlarm.NORMAL
    warned = play(play(shut(STRIKE, CODE), Opened())[0], Tick(), now=25_000)[0]
    assert warned.pre_alarm
    assert Show(Signal.QUIET) in play(warned, FIRE, now=25_001)[1]
    # confirmed with the door open: its time begins
    assert play(forced, OVER, CONFIRM, now=40_000)[0].open_until == 70_000


def test_a_restart_in_fire_gives_no_pulse_and_waits_for_the_panel() -> None:
    before = play(shut(MAGNET, ask(DoorAction.BLOCK), DOWN), FIRE, OVER)[0]
    assert holds_fire(before.kept) and not holds_fire(shut().kept)
    state, effects = initial("hall", MAGNET, before.kept)
    assert moves(effects) == [Idle()]
    assert play(state, CONFIRM) == (state, [IN_FIRE]), "the panel has not spoken yet"
    state = play(state, OVER, CONFIRM)[0]
    assert state.mode is D
    assert play(state, UP)[0].mode is B


def test_people_on_their_way_when_the_fire_ends_force_no_door() -> None:
    over = play(shut(MAGNET), FIRE, OVER, CONFIRM)[0]
    assert play(over, Opened(), now=500)[0].alarm is DoorAlarm.NORMAL
    assert play(over, Opened(), now=501)[0].alarm is DoorAlarm.FORCED_OPEN


# --- lockdown -------------------------------------------------------------------------------------------


def test_a_lockdown_goes_over_locked_open_and_reveals_it() -> None:
    state, effects = play(shut(STRIKE, ask(DoorAction.LOCK_OPEN)), DOWN)
    assert state.mode is D
    assert moves(effects) == [Secure()]
    assert play(state, ask(DoorAction.LOCK_OPEN_RELEASE)) == (state, [NO])
    back, effects = play(state, UP)
    assert back.mode is O
    assert moves(effects) == [Release()]
    assert play(back, ask(DoorAction.LOCK_OPEN_RELEASE))[0].mode is L


def test_the_attack_button_locks_down_and_a_command_ends_it() -> None:
    state, effects = play(shut(STRIKE, CODE), LockdownButton())
    assert effects[:2] == [
        Record(DoorModeChanged(door="hall", mode=D, cause=ModeCause.BUTTON)),
        Secure(),
    ]
    assert play(state, LockdownButton())[1] == []
    assert play(state, CODE) == (state, [NO])
    out, effects = play(state, ExitPressed())
    assert moves(effects) == [Release(at_once=True)], "entry only"
    assert play(out, UP)[0].mode is L
    assert initial("hall", STRIKE, state.kept)[0].mode is D


def test_an_attack_in_a_fire_stands_when_the_fire_is_over() -> None:
    state, effects = play(shut(MAGNET), FIRE, LockdownButton())
    assert effects == [Record(DoorModeChanged(door="hall", mode=O, cause=ModeCause.BUTTON))]
    assert play(state, LockdownButton())[1] == []
    assert "LockedDown" in state.kept
    assert play(state, OVER, CONFIRM)[0].mode is D


# --- interlock ------------------------------------------------------------------------------------------

BUSY, QUIET = Neighbour(True), Neighbour(False)


def test_nobody_enters_while_the_neighbour_is_busy_and_everybody_leaves() -> None:
    state, effects = play(shut(), BUSY)
    assert effects == []
    assert play(state, CODE) == (state, [INTERLOCK])
    assert play(state, ask(DoorAction.ACCESS)) == (state, [INTERLOCK])
    assert moves(play(state, ExitPressed())[1]) == [Release(at_once=True)]
    assert moves(play(state, ask(DoorAction.UNLOCK))[1]) == [Release()]
    assert moves(play(state, QUIET, CODE)[1]) == [Release()]


def test_a_door_that_an_operator_has_freed_asks_no_neighbour() -> None:
    state = shut(STRIKE, ask(DoorAction.UNLOCK), BUSY)
    assert told(play(state, CODE)[1], AccessGranted)
    assert told(play(state, ask(DoorAction.ACCESS))[1], CommandExecuted)


def test_a_free_opening_is_suspended_while_the_neighbour_is_busy() -> None:
    state, effects = play(shut(STRIKE, FreeOpening(10_000)), BUSY)
    assert effects[:2] == [
        Record(DoorModeChanged(door="hall", mode=L, cause=ModeCause.SCHEDULE)),
        Secure(),
    ]
    assert play(state, Opened(), now=500)[0].alarm is DoorAlarm.NORMAL, "somebody had the handle in hand"
    back, effects = play(state, QUIET)
    assert back.mode is U
    assert moves(effects) == [Release()]


def test_busy_is_open_or_released() -> None:
    assert not shut().busy
    assert shut(STRIKE, CODE).busy
    assert play(shut(), Opened())[0].busy
    assert not play(shut(STRIKE), FIRE)[0].busy


# --- free openings --------------------------------------------------------------------------------------


def test_a_free_opening_begins_and_ends_by_itself() -> None:
    state, effects = play(shut(), FreeOpening(10_000))
    assert effects[:3] == [
        Record(FreeOpeningChanged(door="hall", active=True)),
        Record(DoorModeChanged(door="hall", mode=U, cause=ModeCause.SCHEDULE)),
        Release(),
    ]
    assert told(play(state, CODE)[1], AccessGranted)
    end, effects = play(state, Tick(), now=10_000)
    assert effects == [
        Record(FreeOpeningChanged(door="hall", active=False)),
        Record(DoorModeChanged(door="hall", mode=L, cause=ModeCause.SCHEDULE)),
        Secure(),
    ]
    assert play(end, Opened(), now=10_500)[0].alarm is DoorAlarm.NORMAL


def test_the_first_person_opens_for_all() -> None:
    state, effects = play(shut(), FreeOpening(10_000, first_person=True))
    assert moves(effects) == []
    assert moves(play(state, ask(DoorAction.ACCESS))[1]) == [Release()], "a command is no person"
    first, effects = play(state, CODE)
    assert effects == [
        Record(AccessGranted(door="hall", grant=GRANT)),
        Record(FreeOpeningChanged(door="hall", active=True, reference=GRANT)),
        Record(DoorModeChanged(door="hall", mode=U, cause=ModeCause.SCHEDULE, reference=GRANT)),
        Release(),
    ]
    # told again, and with another end: it stays on
    assert play(first, FreeOpening(20_000, first_person=True))[0].mode is U
    assert play(first, FreeOpening(None))[0].mode is L
    # a first person needs a window that is still there
    assert play(state, CODE, now=10_000)[0].mode is A


def test_a_first_person_is_not_asked_for_any_more_when_the_table_says_so() -> None:
    state = shut(STRIKE, FreeOpening(10_000, first_person=True))
    assert play(state, FreeOpening(10_000))[0].mode is U


def test_who_comes_first_to_a_door_that_is_free_already_is_the_first_person() -> None:
    state = shut(STRIKE, FreeOpening(10_000, first_person=True), ask(DoorAction.LOCK_OPEN), CODE)
    assert state.mode is O
    assert play(state, ask(DoorAction.LOCK_OPEN_RELEASE))[0].mode is U


def test_a_window_that_is_over_counts_no_more_even_before_its_tick() -> None:
    down = shut(STRIKE, FreeOpening(10_000), DOWN)
    late, effects = play(down, UP, now=10_000)
    assert (late.mode, moves(effects)) == (L, [])
    assert play(shut(), FreeOpening(500), now=500)[0].mode is L
    assert play(shut(), FreeOpening(None)) == (shut(), [])


@pytest.mark.parametrize(
    ("over", "mode"), [(ask(DoorAction.BLOCK), B), (DOWN, D), (LockdownButton(), D), (FIRE, B)]
)
def test_what_forbids_outranks_a_free_opening(over: DoorEvent, mode: DoorMode) -> None:
    assert play(shut(STRIKE, FreeOpening(10_000)), over)[0].mode is mode
    assert play(shut(STRIKE, over), FreeOpening(10_000))[0].mode is mode


def test_a_door_that_was_locked_by_hand_stays_so_until_its_window_is_over() -> None:
    state, effects = play(shut(STRIKE, FreeOpening(10_000)), ask(DoorAction.LOCK))
    assert state.mode is L
    assert FreeOpeningChanged(door="hall", active=False, reference=COMMAND) in told(
        effects, FreeOpeningChanged
    )
    assert play(state, FreeOpening(10_001))[0].mode is L
    assert play(state, CODE)[0].mode is A
    assert play(state, FreeOpening(20_000), now=10_000)[0].mode is U, "the next window is another"


def test_an_operators_unlock_outlives_the_free_opening() -> None:
    state = shut(STRIKE, FreeOpening(10_000), ask(DoorAction.UNLOCK))
    end, effects = play(state, Tick(), now=10_000)
    assert (end.mode, moves(effects)) == (U, [])


def test_who_goes_out_when_a_free_opening_begins_is_not_cut_off() -> None:
    state, effects = play(shut(STRIKE, ExitPressed()), FreeOpening(60_000))
    assert (state.mode, moves(effects)) == (A, [])
    assert play(state, CODE)[0].mode is A
    free, effects = play(state, Tick(), now=5_000)
    assert (free.mode, moves(effects)) == (U, [])


def test_a_restart_forgets_free_openings_and_all_that_releases() -> None:
    state = shut(STRIKE, ask(DoorAction.LOCK_OPEN), FreeOpening(10_000))
    assert state.kept == "Locked"
    state = play(state, ask(DoorAction.LOCK_OPEN_RELEASE), ask(DoorAction.UNLOCK))[0]
    assert initial("hall", STRIKE, state.kept)[0].mode is L


def test_a_new_plan_frees_no_door() -> None:
    state, effects = play(shut(), FIRE, PlanChanged(MAGNET))
    assert moves(effects) == []
    assert state.mode is O, "it is told what its lock does now"


# --- from windows to what a door is told ----------------------------------------------------------------

HOURS = [Window(start=1_000, end=2_000), Window(start=2_000, end=3_000), Window(start=5_000, end=6_000)]


@pytest.mark.parametrize(
    ("now", "until", "boundary"),
    [
        (0, None, 1_000),
        (999, None, 1_000),
        (1_000, 3_000, 3_000),
        (2_999, 3_000, 3_000),
        (3_000, None, 5_000),
    ],
)
def test_windows_that_touch_are_one(now: int, until: int | None, boundary: int) -> None:
    due = opening(HOURS, True, now, now + 70)
    assert due.event == FreeOpening(None if until is None else until + 70, True)
    assert due.boundary == boundary + 70


def test_after_the_last_window_nothing_more_comes() -> None:
    assert opening(HOURS, False, 6_000, 0).boundary is None
