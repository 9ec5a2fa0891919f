"""Timings of a door beyond the plain release, and the lock that answers."""

from dataclasses import replace

import pytest

from pleintemps_contract.agent_messages import AccessNotUsed, LockPhysicalChanged
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_edge.door import (
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    DoorEvent,
    DoorState,
    Effect,
    ExitPressed,
    FireInput,
    LockReported,
    Opened,
    Plan,
    PlanChanged,
    Record,
    Secure,
    Show,
    Signal,
    Tick,
    Wake,
    initial,
    transition,
)

GRANT = "1" * 32
CODE = CodeAccepted(GRANT)
SLOW = CodeAccepted("3" * 32, extended=True)
LOCK = Commanded(DoorAction.LOCK, "2" * 32)
UNLOCK = Commanded(DoorAction.UNLOCK, "2" * 32)
PRE_ALARM, QUIET = Show(Signal.PRE_ALARM), Show(Signal.QUIET)


def play(state: DoorState, *steps: tuple[DoorEvent, int]) -> tuple[DoorState, list[Effect]]:
    """The state after all steps and the effects of the last."""
    effects: tuple[Effect, ...] = ()
    for event, now in steps:
        state, effects = transition(state, event, now)
    return state, list(effects)


def shut(plan: Plan) -> DoorState:
    return play(initial("hall", plan)[0], (Closed(), 0))[0]


# --- longer times ---------------------------------------------------------------------------------------


def test_who_needs_longer_gets_longer() -> None:
    state, effects = play(shut(Plan()), (SLOW, 0))
    assert effects[-1] == Wake(15_000)
    state, effects = play(state, (Opened(), 14_000))
    assert state.open_until == 74_000
    shut_again = play(state, (Closed(), 20_000))[0]
    assert not shut_again.extended
    # the next one has the usual times again
    assert play(shut_again, (CODE, 30_000), (Opened(), 31_000))[0].open_until == 61_000


def test_the_longer_times_are_not_cut_by_who_comes_next() -> None:
    state = play(shut(Plan()), (SLOW, 0), (CODE, 1_000))[0]
    assert state.access is not None
    assert state.access.until == 16_000
    assert play(state, (Opened(), 2_000))[0].open_until == 62_000


def test_the_longer_times_hold_for_one_opening_only() -> None:
    late = play(shut(Plan()), (SLOW, 0), (Tick(), 15_000))[0]
    assert play(late, (Opened(), 15_400))[0].open_until == 75_400
    # an exit that comes after it is somebody else's
    out = play(late, (ExitPressed(), 16_000), (Opened(), 17_000))[0]
    assert out.open_until == 47_000


def test_an_access_at_an_open_door_outlives_its_closing() -> None:
    state = play(shut(Plan()), (Opened(), 0), (SLOW, 100), (Closed(), 200))[0]
    assert (state.mode, state.extended) == (DoorMode.ACCESSED, True)
    assert play(state, (Opened(), 300))[0].open_until == 60_300


# --- relock delay ---------------------------------------------------------------------------------------


def test_the_relock_may_wait_a_little_after_the_opening() -> None:
    state, effects = play(shut(Plan(relock_delay_ms=800)), (CODE, 0), (Opened(), 1_000))
    assert state.released
    assert Secure() not in effects
    assert effects[-1] == Wake(1_800)
    state, effects = play(state, (Tick(), 1_800))
    assert Secure() in effects
    assert AccessNotUsed not in [type(each.event) for each in effects if isinstance(each, Record)]


@pytest.mark.parametrize("event", [Closed(), ContactLost()])
def test_a_door_that_closes_or_is_unread_within_the_delay_is_locked(event: DoorEvent) -> None:
    state, effects = play(shut(Plan(relock_delay_ms=800)), (CODE, 0), (Opened(), 1_000), (event, 1_100))
    assert Secure() in effects
    assert state.mode is DoorMode.LOCKED


# --- pre-alarm ------------------------------------------------------------------------------------------


def test_a_pre_alarm_goes_before_the_alarm() -> None:
    state = play(shut(Plan()), (CODE, 0), (Opened(), 1_000))[0]
    warned, effects = play(state, (Tick(), 26_000))
    assert effects == [PRE_ALARM, Wake(31_000)]
    assert play(warned, (Tick(), 30_999)) == (warned, [])
    assert play(warned, (Closed(), 27_000))[1][-1] == QUIET
    assert play(warned, (UNLOCK, 27_000))[1][-1] == QUIET
    late, effects = play(warned, (Tick(), 31_000))
    assert late.alarm is DoorAlarm.OPEN_TOO_LONG
    assert effects[-1] == QUIET
    assert QUIET not in play(late, (Closed(), 32_000))[1]


@pytest.mark.parametrize("pre_alarm_ms", [0, 30_000, 40_000])
def test_a_pre_alarm_that_has_no_place_is_none(pre_alarm_ms: int) -> None:
    state, effects = play(shut(Plan(pre_alarm_ms=pre_alarm_ms)), (CODE, 0), (Opened(), 1_000))
    assert effects[-1] == Wake(31_000)
    assert PRE_ALARM not in play(state, (Tick(), 31_000))[1]


def test_a_tick_that_comes_too_late_warns_of_nothing() -> None:
    state = play(shut(Plan()), (CODE, 0), (Opened(), 1_000))[0]
    effects = play(state, (Tick(), 40_000))[1]
    assert PRE_ALARM not in effects
    assert QUIET not in effects


# --- the lock -------------------------------------------------------------------------------------------

LOCKED, UNLOCKED = LockReported(LockPhysicalState.LOCKED), LockReported(LockPhysicalState.UNLOCKED)
ANSWERS = Plan(confirms=True)


def lock_records(effects: list[Effect]) -> list[LockPhysicalState]:
    events = [effect.event for effect in effects if isinstance(effect, Record)]
    return [event.state for event in events if isinstance(event, LockPhysicalChanged)]


def test_a_lock_that_does_not_confirm_is_a_fault_once_until_it_reports() -> None:
    state = play(shut(ANSWERS), (LOCKED, 10), (CODE, 100))[0]
    assert play(state, (Tick(), 3_099)) == (state, [])
    fault, effects = play(state, (Tick(), 3_100))
    assert lock_records(effects) == [LockPhysicalState.FAULT]
    assert fault.lock is LockPhysicalState.FAULT
    assert lock_records(play(fault, (Tick(), 5_100))[1]) == [], "not even with the relock, that has time too"
    still = play(fault, (Tick(), 5_100), (Tick(), 8_100))
    assert lock_records(still[1]) == []
    well, effects = play(still[0], (LOCKED, 9_000))
    assert lock_records(effects) == [LockPhysicalState.LOCKED]
    assert well.lock_due is None


def test_a_lock_that_confirms_in_time_is_well() -> None:
    state = play(shut(ANSWERS), (LOCKED, 10), (CODE, 100), (UNLOCKED, 900))[0]
    assert state.lock_due is None
    assert lock_records(play(state, (Tick(), 3_200))[1]) == []


def test_another_report_is_no_confirmation_but_true() -> None:
    state, effects = play(shut(ANSWERS), (LOCKED, 10), (CODE, 100), (LOCKED, 200))
    assert effects == []
    assert play(state, (Tick(), 3_100))[0].lock is LockPhysicalState.FAULT
    moved, effects = play(shut(ANSWERS), (LOCKED, 10), (UNLOCKED, 500))
    assert lock_records(effects) == [LockPhysicalState.UNLOCKED], "somebody turned it by hand"
    assert play(moved, (Tick(), 10_000)) == (moved, [])


def test_at_the_start_the_lock_has_to_answer_too() -> None:
    state, effects = initial("hall", ANSWERS, now=50)
    assert effects[-1] == Wake(3_050)
    assert lock_records(play(state, (Tick(), 3_050))[1]) == [LockPhysicalState.FAULT]


def test_a_bolt_is_expected_in_a_door_that_is_shut() -> None:
    passing = play(shut(ANSWERS), (LOCKED, 10), (CODE, 100), (UNLOCKED, 200), (Opened(), 1_000))[0]
    assert (passing.released, passing.lock_due) == (False, None)
    closed = play(passing, (Closed(), 20_000))[0]
    assert closed.lock_due == 23_000
    assert play(closed, (LOCKED, 21_000))[0].lock_due is None
    # a bolt that was out before is content
    assert play(passing, (LOCKED, 2_000), (Closed(), 20_000))[0].lock_due is None
    unread = play(passing, (ContactLost(), 2_000))[0]
    assert (unread.physical, unread.lock_due) == (DoorPhysicalState.FAULT, None)


def test_in_fire_nothing_is_expected_of_a_lock_and_after_it_again() -> None:
    state = play(shut(ANSWERS), (LOCKED, 10), (FireInput(True), 100))[0]
    assert state.lock_due is None
    assert play(state, (UNLOCKED, 200))[0].lock is LockPhysicalState.UNLOCKED
    confirm = Commanded(DoorAction.CONFIRM_FIRE_RESET, "2" * 32)
    assert play(state, (FireInput(False), 300), (confirm, 400))[0].lock_due == 3_400


def test_a_lock_without_a_monitor_is_never_judged() -> None:
    state = play(shut(Plan()), (CODE, 0), (Tick(), 5_000), (Tick(), 50_000))[0]
    assert (state.lock, state.lock_due) == (LockPhysicalState.UNKNOWN, None)
    assert play(state, (PlanChanged(replace(ANSWERS, confirm_ms=700)), 60_000))[0].lock_due == 60_700
