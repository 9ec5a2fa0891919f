"""Which time is trusted, and the floor below which time is never believed."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.kernel import ntp_synchronised
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.clock import (
    FLOOR_SLACK_MS,
    Clock,
    ClockState,
    begin,
    raise_floor,
    read,
    signed_time,
)

T0 = 1_700_000_000_000
HOUR = 3_600_000
YEAR = 365 * 24 * HOUR


def judge(
    state: ClockState, wall: int, monotonic: int = 0, *, ntp: bool, rtc: int | None = None
) -> tuple[int, bool, ClockSource]:
    reading = read(state, wall, monotonic, simulated=False, ntp=ntp, rtc=rtc)
    return reading.at, reading.trusted, reading.source


def test_sources_of_trust() -> None:
    state = begin(T0, 0)
    assert judge(state, T0 + 5, ntp=True) == (T0 + 5, True, ClockSource.NTP)
    assert judge(state, T0 + 5, ntp=False, rtc=T0 + 9) == (T0 + 9, True, ClockSource.RTC)
    assert judge(state, T0 + 5, ntp=False) == (T0 + 5, False, ClockSource.NONE)
    simulated = read(state, 5, 0, simulated=True, ntp=False)
    assert (simulated.at, simulated.trusted, simulated.source) == (5, True, ClockSource.SIMULATED)


def test_a_clock_below_the_floor_is_not_believed_whatever_ntp_says() -> None:
    assert judge(begin(T0, 0), T0 - 1, ntp=True) == (T0, False, ClockSource.NONE)


def test_a_signed_time_carries_on_with_monotonic_time() -> None:
    state = signed_time(begin(T0, 0), asked=1_000, answered=1_200, gateway_now=T0 + HOUR)
    assert judge(state, 7, 1_200, ntp=False) == (T0 + HOUR + 100, True, ClockSource.GATEWAY)
    assert judge(state, 7, 61_200, ntp=False) == (T0 + HOUR + 60_100, True, ClockSource.GATEWAY)


def test_ntp_is_believed_within_an_hour_of_what_is_known_better() -> None:
    alone = begin(T0, 0)
    assert judge(alone, T0 + HOUR, ntp=True)[2] is ClockSource.NTP
    assert judge(alone, T0 + HOUR + 1, ntp=True)[2] is ClockSource.NONE
    assert judge(alone, T0 + 3 * HOUR, 2 * HOUR, ntp=True)[2] is ClockSource.NTP
    assert judge(alone, T0 + HOUR - 1, 2 * HOUR, ntp=True)[2] is ClockSource.NONE
    assert judge(begin(0, 0), T0, ntp=True)[2] is ClockSource.NTP
    # three days without power: the chip has gone on, and with it so may NTP
    later = T0 + 72 * HOUR
    assert judge(alone, later, ntp=True, rtc=later + 5)[:2] == (later, True)
    assert judge(alone, later + YEAR, ntp=True, rtc=later) == (later, True, ClockSource.RTC)
    # the gateway's word stands above both
    signed = signed_time(alone, 0, 0, later)
    assert judge(signed, later + YEAR, ntp=True, rtc=later + YEAR) == (later, True, ClockSource.GATEWAY)
    assert judge(signed, later + HOUR, ntp=True, rtc=later + YEAR)[2] is ClockSource.NTP


def test_ten_years_forward_and_back_again_cost_nothing_afterwards() -> None:
    state = begin(T0, 0)
    for second in range(0, 600):
        wrong = 10 * YEAR if 100 <= second < 500 else 0
        now = second * 1_000
        reading = read(state, T0 + now + wrong, now, simulated=False, ntp=True)
        assert reading.trusted is (wrong == 0)
        state = raise_floor(state, reading, now)
        # and a start anew in the middle of it learns nothing wrong
        again = read(begin(state.floor, now), T0 + now, now, simulated=False, ntp=True)
        assert (again.at, again.trusted) == (T0 + now, True)


def test_a_slow_answer_is_too_vague() -> None:
    assert signed_time(begin(T0, 0), 0, 2_001, T0) == begin(T0, 0)
    tight = signed_time(begin(T0, 0), 0, 100, T0)
    assert signed_time(tight, 1_000, 1_300, T0 + 1_150) == tight
    assert signed_time(tight, 1_000, 1_050, T0 + 1_000) != tight


def test_an_old_answer_gives_way_to_a_vaguer_one_and_any_to_a_new_word() -> None:
    tight = signed_time(begin(T0, 0), 0, 100, T0)
    # an hour at 100 ppm is 360 ms of doubt
    late = signed_time(tight, HOUR, HOUR + 600, T0 + HOUR + 100)
    assert (late.round_trip, late.answered) == (600, HOUR + 600)
    # the gateway's own clock was corrected by a minute
    corrected = signed_time(tight, 1_000, 1_900, T0 + 61_000)
    assert judge(corrected, 7, 1_900, ntp=False)[0] == T0 + 61_450


def test_a_signed_time_may_set_the_floor_back() -> None:
    leapt = begin(T0 + 1_000 * HOUR, 0)
    state = signed_time(leapt, 0, 0, T0)
    assert judge(state, T0 + 5, 5, ntp=True) == (T0 + 5, True, ClockSource.NTP)


@given(st.lists(st.tuples(st.integers(0, 10 * HOUR), st.integers(-(10**12), 10**12)), max_size=40))
def test_whatever_the_clock_does_what_is_trusted_is_true_to_an_hour(steps: list[tuple[int, int]]) -> None:
    state, monotonic = begin(T0, 0), 0
    for passed, wrong in steps:
        monotonic += passed
        true = T0 + monotonic
        for wall in (max(0, true + wrong), true):
            reading = read(state, wall, monotonic, simulated=False, ntp=True)
            state = raise_floor(state, reading, monotonic)
            if reading.trusted:
                assert abs(reading.at - true) <= HOUR
            assert state.floor <= true + HOUR


@given(st.lists(st.tuples(st.integers(0, HOUR), st.integers(T0, T0 + 10**12)), max_size=40))
def test_wrong_leaps_raise_the_floor_by_an_hour_at_most(steps: list[tuple[int, int]]) -> None:
    state, monotonic = begin(T0, 0), 0
    for passed, wall in steps:
        monotonic += passed
        before = state.floor
        state = raise_floor(state, read(state, wall, monotonic, simulated=False, ntp=True), monotonic)
        assert before <= state.floor <= T0 + monotonic + FLOOR_SLACK_MS


def test_the_first_trusted_time_sets_the_floor_and_untrusted_time_never() -> None:
    state = begin(0, 0)
    state = raise_floor(state, read(state, T0, 0, simulated=False, ntp=False), 0)
    assert state.floor == 0
    state = raise_floor(state, read(state, T0, 0, simulated=False, ntp=True), 0)
    assert state.floor == T0


def test_answers_count_for_our_own_nonces_once() -> None:
    world = ManualWorld(now=T0)
    clock = Clock(world, 0, ntp=lambda: False)
    clock.answer("0" * 32, T0 + HOUR)
    assert not clock.read().trusted
    nonce = clock.ask()
    world.move(10)
    clock.answer(nonce, T0 + HOUR)
    assert clock.read().at == T0 + HOUR + 5
    assert clock.floor == T0 + HOUR + 5
    clock.answer(nonce, T0 + 9 * HOUR)
    assert clock.read().at == T0 + HOUR + 5


def test_the_kernel_is_asked_every_ten_seconds() -> None:
    world = ManualWorld(now=T0)
    asked: list[int] = []

    def ntp() -> bool:
        asked.append(world.monotonic())
        return True

    clock = Clock(world, 0, ntp)
    for _ in range(25):
        assert clock.read().source is ClockSource.NTP
        world.move(1_000)
    assert asked == [0, 10_000, 20_000]


def test_a_clock_that_was_set_is_not_believed_on_an_old_word_of_ntp() -> None:
    world, disciplined = ManualWorld(), [True]
    clock = Clock(world, 0, lambda: disciplined[0])
    assert clock.read().trusted
    world.move(1_000)
    world.step_wall(10 * 365 * 24 * 3_600_000)
    disciplined[0] = False
    assert not clock.read().trusted


def test_the_kernel_answers() -> None:
    assert ntp_synchronised() in (True, False)


def test_asking_the_kernel_starts_no_program_and_opens_no_file() -> None:
    ntp_synchronised()
    seen: list[str] = []
    asking = True
    sys.addaudithook(lambda event, _: seen.append(event) if asking else None)
    ntp_synchronised()
    asking = False
    assert not {event for event in seen if event.startswith(("open", "subprocess", "os."))}
