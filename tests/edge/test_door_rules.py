"""The door's table and timings, one case at a time."""

from dataclasses import replace

import pytest

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessNotUsed,
    CommandExecuted,
    DoorAlarmChanged,
    DoorModeChanged,
    DoorPhysicalChanged,
    ModeCause,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState
from pleintemps_edge.door import (
    Access,
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    DoorEvent,
    DoorState,
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

GRANT = "1" * 32
COMMAND = "2" * 32
CODE = CodeAccepted(GRANT)
L, U, A = DoorMode.LOCKED, DoorMode.UNLOCKED, DoorMode.ACCESSED
B, D, O = DoorMode.BLOCKED, DoorMode.LOCKED_DOWN, DoorMode.LOCKED_OPEN  # noqa: E741


NO = Refuse(RefusalReason.DOOR_MODE)


def ask(action: DoorAction) -> Commanded:
    return Commanded(action, COMMAND)


def play(state: DoorState, *steps: tuple[DoorEvent, int]) -> tuple[DoorState, list[Effect]]:
    """The state after all steps and the effects of the last."""
    effects: tuple[Effect, ...] = ()
    for event, now in steps:
        state, effects = transition(state, event, now)
    return state, list(effects)


PLAN = Plan()


def shut(plan: Plan = PLAN) -> DoorState:
    return play(initial("hall", plan)[0], (Closed(), 0))[0]


def in_mode(mode: DoorMode) -> DoorState:
    way = {U: DoorAction.UNLOCK, A: DoorAction.ACCESS, B: DoorAction.BLOCK, D: DoorAction.LOCK_DOWN}
    way[O] = DoorAction.LOCK_OPEN
    state = shut()
    return state if mode is L else play(state, (ask(way[mode]), 0))[0]


def records(effects: list[Effect]) -> list[type]:
    return [type(effect.event) for effect in effects if isinstance(effect, Record)]


COLUMNS = (
    DoorAction.ACCESS,
    DoorAction.UNLOCK,
    DoorAction.LOCK,
    DoorAction.BLOCK,
    DoorAction.LOCK_DOWN,
    DoorAction.LOCK_DOWN_RELEASE,
    DoorAction.LOCK_OPEN,
    DoorAction.LOCK_OPEN_RELEASE,
)
ROWS = {
    L: (A, U, L, B, D, None, O, None),
    U: (U, U, L, B, D, None, O, None),
    A: (A, U, L, B, D, None, O, None),
    B: (None, U, L, B, D, None, O, None),
    D: (None, None, None, None, D, L, None, None),
    O: (O, None, None, None, D, None, O, L),
}


@pytest.mark.parametrize(
    ("mode", "action", "after"),
    [(mode, action, row[place]) for mode, row in ROWS.items() for place, action in enumerate(COLUMNS)],
)
def test_every_mode_answers_every_command(mode: DoorMode, action: DoorAction, after: DoorMode | None) -> None:
    before = in_mode(mode)
    state, effects = play(before, (ask(action), 10))
    if after is None:
        assert effects == [NO]
        assert state == before
        return
    assert state.mode is after
    assert records(effects)[0] is CommandExecuted
    assert (Release() in effects) is (mode in (L, B, D) and after in (A, U, O))
    assert (Secure() in effects) is (mode in (U, A, O) and after in (L, B, D))


@pytest.mark.parametrize(("mode", "after"), [(L, A), (U, U), (A, A), (B, None), (D, None), (O, O)])
def test_every_mode_answers_a_code(mode: DoorMode, after: DoorMode | None) -> None:
    before = in_mode(mode)
    state, effects = play(before, (CODE, 10))
    if after is None:
        assert (state, effects) == (before, [NO])
        return
    assert state.mode is after
    assert records(effects)[0] is AccessGranted
    assert (Release() in effects) is (mode is L)


def test_a_start_holds_the_door_and_releases_nothing() -> None:
    state, effects = initial("hall", Plan())
    assert state.mode is L
    assert effects[-1] == Secure()
    assert Release() not in effects


@pytest.mark.parametrize(("kept", "mode"), [(B, B), (D, D), (U, L), (O, L), (A, L), (DoorMode.UNKNOWN, L)])
def test_a_restart_keeps_what_forbids_and_nothing_that_releases(kept: DoorMode, mode: DoorMode) -> None:
    state, effects = initial("hall", Plan(), kept.value)
    assert state.mode is mode
    assert Release() not in effects


def test_a_code_releases_until_the_door_opens() -> None:
    state, effects = play(shut(), (CODE, 100))
    assert effects == [
        Record(AccessGranted(door="hall", grant=GRANT)),
        Record(DoorModeChanged(door="hall", mode=A, cause=ModeCause.CODE, reference=GRANT)),
        Release(),
        Wake(5_100),
    ]
    state, effects = play(state, (Opened(), 1_000))
    assert effects == [
        Record(DoorPhysicalChanged(door="hall", state=DoorPhysicalState.OPEN)),
        Record(DoorModeChanged(door="hall", mode=L, cause=ModeCause.RELOCK)),
        Secure(),
        Wake(26_000),
    ]
    state, effects = play(state, (Closed(), 4_000))
    assert state.alarm is DoorAlarm.NORMAL
    assert records(effects) == [DoorPhysicalChanged]
    assert play(state, (Tick(), 31_000))[1] == []


def test_relock_close_holds_the_release_while_the_door_is_open() -> None:
    state, effects = play(shut(Plan(relock="close")), (CODE, 0), (Opened(), 1_000))
    assert state.mode is A
    assert Secure() not in effects
    # its release time is over, but somebody is in the doorway
    assert play(state, (Tick(), 5_000)) == (state, [])
    state, effects = play(state, (Closed(), 6_000))
    assert state.mode is L
    assert Secure() in effects


def test_relock_close_does_not_wait_for_ever() -> None:
    state, effects = play(shut(Plan(relock="close")), (CODE, 0), (Opened(), 1_000), (Tick(), 31_000))
    assert state.mode is L
    assert Secure() in effects
    assert state.alarm is DoorAlarm.OPEN_TOO_LONG


def test_an_unused_release_runs_out() -> None:
    state, effects = play(shut(), (CODE, 0), (Tick(), 5_000))
    assert effects[0] == Record(AccessNotUsed(door="hall", grant=GRANT))
    assert Secure() in effects
    assert state.mode is L


def test_a_release_at_an_open_or_unread_door_says_nothing_of_its_use() -> None:
    for event in (Opened(), ContactLost()):
        state = play(shut(), (event, 0))[0]
        effects = play(state, (CODE, 10), (Tick(), 5_010))[1]
        assert AccessNotUsed not in records(effects)
        assert Secure() in effects


def test_a_tick_before_its_time_does_nothing() -> None:
    state = play(shut(), (CODE, 0))[0]
    assert play(state, (Tick(), 4_999)) == (state, [])


def test_a_second_code_begins_the_release_again() -> None:
    state, effects = play(shut(), (CODE, 0), (CodeAccepted("3" * 32), 4_000))
    assert records(effects) == [AccessGranted]
    assert effects[-1] == Wake(9_000)
    assert play(state, (Tick(), 5_000)) == (state, [])


def test_an_opening_without_a_release_is_forced() -> None:
    state, effects = play(shut(), (Opened(), 50))
    assert Record(DoorAlarmChanged(door="hall", alarm=DoorAlarm.FORCED_OPEN)) in effects
    # and stays so, however long it is open, until it closes
    assert play(state, (Tick(), 100_000)) == (state, [])
    state, effects = play(state, (Closed(), 100_001))
    assert Record(DoorAlarmChanged(door="hall", alarm=DoorAlarm.NORMAL)) in effects


@pytest.mark.parametrize("mode", [U, O])
def test_a_door_that_is_free_may_stand_open(mode: DoorMode) -> None:
    state, effects = play(in_mode(mode), (Opened(), 50))
    assert records(effects) == [DoorPhysicalChanged]
    assert play(state, (Tick(), 10_000_000)) == (state, [])


def test_locking_an_open_door_starts_its_time() -> None:
    state, effects = play(in_mode(U), (Opened(), 0), (ask(DoorAction.LOCK), 1_000))
    assert effects[-1] == Wake(26_000)  # the pre-alarm
    assert play(state, (Tick(), 31_000))[0].alarm is DoorAlarm.OPEN_TOO_LONG


def test_an_opening_just_after_the_release_ran_out_belongs_to_it() -> None:
    late = play(shut(), (CODE, 0), (Tick(), 5_000))[0]
    assert play(late, (Opened(), 5_500))[0].alarm is DoorAlarm.NORMAL
    assert play(late, (Opened(), 5_501))[0].alarm is DoorAlarm.FORCED_OPEN
    again = play(late, (Opened(), 5_100), (Closed(), 5_200), (Opened(), 5_300))[0]
    assert again.alarm is DoorAlarm.FORCED_OPEN


def test_a_door_that_is_open_at_start_was_not_forced_but_may_be_open_too_long() -> None:
    state, effects = play(initial("hall", Plan())[0], (Opened(), 0))
    assert state.alarm is DoorAlarm.NORMAL
    assert effects[-1] == Wake(25_000)
    assert play(state, (Tick(), 30_000))[0].alarm is DoorAlarm.OPEN_TOO_LONG


def test_a_lost_contact_is_a_fault_and_hides_no_alarm() -> None:
    state = play(shut(), (Opened(), 0), (ContactLost(), 10))[0]
    assert state.physical is DoorPhysicalState.FAULT
    assert state.alarm is DoorAlarm.FORCED_OPEN
    assert play(state, (ContactLost(), 20)) == (state, [])
    assert play(state, (Opened(), 30))[0].alarm is DoorAlarm.FORCED_OPEN
    assert play(state, (Closed(), 30))[0].alarm is DoorAlarm.NORMAL


def test_a_contact_that_is_lost_in_the_doorway_ends_the_access() -> None:
    state, effects = play(shut(Plan(relock="close")), (CODE, 0), (Opened(), 100), (ContactLost(), 200))
    assert state.mode is L
    assert Secure() in effects


@pytest.mark.parametrize("event", [Opened(), Closed()])
def test_a_contact_that_repeats_itself_is_no_news(event: DoorEvent) -> None:
    state = play(shut(), (event, 0))[0]
    assert play(state, (event, 10)) == (state, [])


def test_an_alarm_of_too_long_survives_the_release_of_the_next_one() -> None:
    state = play(shut(), (CODE, 0), (Opened(), 10), (Tick(), 30_010), (CODE, 40_000))[0]
    assert state.alarm is DoorAlarm.OPEN_TOO_LONG
    assert state.open_until is None


def test_lock_down_reveals_what_was_below_and_never_an_access() -> None:
    back = ask(DoorAction.LOCK_DOWN_RELEASE)
    for mode, after in ((L, L), (U, U), (B, B), (A, L)):
        state, effects = play(in_mode(mode), (ask(DoorAction.LOCK_DOWN), 0), (back, 10))
        assert state.mode is after
        assert (Release() in effects) is (after is U)


def test_lock_down_twice_forgets_nothing() -> None:
    down = ask(DoorAction.LOCK_DOWN)
    state = play(in_mode(U), (down, 0), (down, 1), (ask(DoorAction.LOCK_DOWN_RELEASE), 2))[0]
    assert state.mode is U


def test_new_timings_hold_from_the_next_release_on() -> None:
    plan = Plan(release_ms=9_000)
    state, effects = play(shut(), (CODE, 0), (PlanChanged(plan), 10))
    assert effects == []
    assert state == replace(play(shut(), (CODE, 0))[0], plan=plan)
    state = play(state, (Tick(), 5_000), (CODE, 6_000))[0]
    assert state.access == Access(15_000, GRANT)


# --- exits ----------------------------------------------------------------------------------------------

BUTTON = Plan(exit_releases=True)
OUT = Release(at_once=True)


@pytest.mark.parametrize("mode", [L, U, A, B, D, O])
def test_who_goes_out_by_the_handle_forces_no_door_in_any_mode(mode: DoorMode) -> None:
    before = in_mode(mode)
    held, effects = play(before, (ExitPressed(), 100))
    assert effects == []
    assert (held.mode, held.released) == (before.mode, before.released)
    out, effects = play(held, (Opened(), 300))
    assert out.alarm is DoorAlarm.NORMAL
    assert records(effects)[0] is DoorPhysicalChanged
    assert DoorAlarmChanged not in records(effects)
    # let go in the doorway: nobody else is expected
    shut_again = play(out, (ExitEnded(), 600), (Closed(), 2_000))[0]
    assert play(shut_again, (Opened(), 2_500))[0].alarm is (
        DoorAlarm.NORMAL if mode in (U, O) else DoorAlarm.FORCED_OPEN
    )


def test_a_handle_that_was_let_go_expects_one_opening_within_the_release_time() -> None:
    let_go = play(shut(), (ExitPressed(), 0), (ExitEnded(), 500))[0]
    assert play(let_go, (Opened(), 5_500))[0].alarm is DoorAlarm.NORMAL
    assert play(let_go, (Opened(), 5_501))[0].alarm is DoorAlarm.FORCED_OPEN
    again = play(let_go, (Opened(), 1_000), (Closed(), 1_500), (Opened(), 2_000))[0]
    assert again.alarm is DoorAlarm.FORCED_OPEN


def test_a_handle_that_is_held_lets_everybody_out() -> None:
    state = play(shut(), (ExitPressed(), 0), (Opened(), 100), (Closed(), 3_000), (Opened(), 9_000))[0]
    assert state.alarm is DoorAlarm.NORMAL


def test_a_handle_in_mid_exit_outlasts_a_command() -> None:
    let_go = play(shut(), (ExitPressed(), 0), (ExitEnded(), 500))[0]
    assert play(let_go, (ask(DoorAction.LOCK_DOWN), 600), (Opened(), 700))[0].alarm is DoorAlarm.NORMAL


def test_a_door_left_open_by_who_went_out_is_open_too_long() -> None:
    state, effects = play(shut(), (ExitPressed(), 0), (Opened(), 100))
    assert effects[-1] == Wake(25_100)
    assert play(state, (ExitEnded(), 200), (Tick(), 30_100))[0].alarm is DoorAlarm.OPEN_TOO_LONG


def test_a_handle_that_is_let_go_twice_begins_nothing_anew() -> None:
    state = play(shut(), (ExitPressed(), 0), (ExitEnded(), 500))[0]
    assert play(state, (ExitEnded(), 3_000)) == (state, [])


def test_a_button_releases_the_lock_without_waiting_for_its_record() -> None:
    state, effects = play(shut(BUTTON), (ExitPressed(), 0))
    assert effects == [
        Record(DoorModeChanged(door="hall", mode=A, cause=ModeCause.EXIT)),
        OUT,
        Wake(5_000),
    ]
    state, effects = play(state, (ExitEnded(), 500), (Opened(), 1_000))
    assert (state.mode, state.alarm) == (L, DoorAlarm.NORMAL)
    assert Secure() in effects


def with_button(mode: DoorMode) -> DoorState:
    return play(in_mode(mode), (PlanChanged(BUTTON), 0))[0]


@pytest.mark.parametrize("mode", [U, O])
def test_a_button_has_nothing_to_do_at_a_door_that_is_free(mode: DoorMode) -> None:
    state, effects = play(with_button(mode), (ExitPressed(), 10))
    assert (state.mode, effects) == (mode, [])


def test_a_button_begins_the_release_again_and_keeps_whose_it_was() -> None:
    state, effects = play(shut(BUTTON), (CODE, 0), (ExitPressed(), 4_000))
    assert effects == [Wake(9_000)]
    assert play(state, (Tick(), 9_000))[1][0] == Record(AccessNotUsed(door="hall", grant=GRANT))


@pytest.mark.parametrize("mode", [B, D])
def test_an_exit_passes_through_a_mode_that_forbids_and_leaves_it_in_force(mode: DoorMode) -> None:
    state, effects = play(with_button(mode), (ExitPressed(), 100))
    assert state.mode is A
    assert OUT in effects
    # pressed twice is pressed once more
    state = play(state, (ExitPressed(), 200))[0]
    assert play(state, (CODE, 300)) == (state, [NO])
    assert play(state, (ask(DoorAction.ACCESS), 300)) == (state, [NO])
    for way in ((Opened(), 1_000), (Tick(), 5_200)):
        after, effects = play(state, way)
        assert after.mode is mode
        assert Record(DoorModeChanged(door="hall", mode=mode, cause=ModeCause.RELOCK)) in effects
        assert Secure() in effects
        assert after.alarm is DoorAlarm.NORMAL


def test_a_lock_down_that_an_exit_interrupts_still_knows_what_is_below() -> None:
    down, back = ask(DoorAction.LOCK_DOWN), ask(DoorAction.LOCK_DOWN_RELEASE)
    state = play(with_button(U), (down, 0), (ExitPressed(), 10))[0]
    assert play(state, (ask(DoorAction.UNLOCK), 20)) == (state, [NO])
    assert play(state, (back, 20))[0].mode is U
    assert play(state, (down, 20))[0].mode is D
    assert play(state, (down, 20), (back, 30))[0].mode is U
    blocked = play(with_button(B), (ExitPressed(), 10), (down, 20), (back, 30))[0]
    assert blocked.mode is B
