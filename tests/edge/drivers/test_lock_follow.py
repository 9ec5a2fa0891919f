"""The rules that all locks on the building's broker share: laws, and the odd case."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.onvif import LockPhysicalState
from pleintemps_edge.drivers.lock_follow import due, health, step
from pleintemps_edge.drivers.lock_states import (
    TRIES,
    Answered,
    Ask,
    Bolt,
    Complained,
    Counted,
    Effect,
    Fact,
    Follow,
    Habits,
    Line,
    Noted,
    Reachable,
    Reported,
    Say,
    Send,
    Tick,
    Wish,
    Wished,
)

CONFIRM_MS = 12_000
MOTOR = Habits(
    CONFIRM_MS, {Wish.RELEASE: Bolt.UNLOCKED, Wish.SECURE: Bolt.LOCKED}, shy=True, one_at_a_time=True
)
RADIO = Habits(CONFIRM_MS, {Wish.RELEASE: Bolt.UNLOCKED, Wish.SECURE: Bolt.LOCKED}, asks=True)
RELAY = Habits(
    3_000,
    {Wish.RELEASE: Bolt.UNLOCKED, Wish.SECURE: Bolt.LOCKED, Wish.IDLE: Bolt.LOCKED},
    asks=True,
    poll_ms=15_000,
    renew_ms=5_000,
)
UP = (Line(True), Reachable(True))

FACTS: st.SearchStrategy[Fact] = st.one_of(
    st.builds(Wished, st.sampled_from(Wish)),
    st.builds(Line, st.booleans()),
    st.builds(Reachable, st.booleans(), st.booleans()),
    st.builds(Reported, st.sampled_from(Bolt), st.just("words"), st.booleans(), st.booleans()),
    st.builds(Answered, st.booleans()),
    st.just(Tick()),
)
STORIES = st.lists(st.tuples(FACTS, st.integers(0, 6_000)), max_size=40)
HABITS = st.sampled_from([MOTOR, RADIO, RELAY])


class Story:
    """Feeds facts in their time, as the rim does: a tick at every moment that is due."""

    def __init__(self, habits: Habits, wish: Wish = Wish.SECURE) -> None:
        self.now = 0
        self.state = Follow(habits, wish=wish, unmet=wish in habits.goals)
        self.log: list[tuple[int, Fact, Effect]] = []

    def take(self, *facts: Fact) -> list[Effect]:
        effects: list[Effect] = []
        for fact in facts:
            self.state, more = step(self.state, fact, self.now)
            self.log += [(self.now, fact, effect) for effect in more]
            effects += more
        return effects

    def wait(self, milliseconds: int) -> list[Effect]:
        effects: list[Effect] = []
        end = self.now + milliseconds
        while (at := due(self.state)) is not None and at <= end:
            before = (self.now, at)
            self.now = max(self.now, at)
            effects += self.take(Tick())
            after = due(self.state)
            assert after is None or after > self.now, f"spins at {before}"
        self.now = end
        return effects

    def said(self) -> list[LockPhysicalState]:
        return [effect.state for _, _, effect in self.log if isinstance(effect, Say)]

    def sent(self) -> list[Wish]:
        return [effect.wish for _, _, effect in self.log if isinstance(effect, Send)]


def told(habits: Habits, story: list[tuple[Fact, int]]) -> Story:
    told = Story(habits)
    for fact, pause in story:
        told.take(fact)
        told.wait(pause)
    return told


@given(HABITS, STORIES)
def test_only_the_present_wish_is_sent_and_only_where_somebody_hears_it(
    habits: Habits, story: list[tuple[Fact, int]]
) -> None:
    it = Story(habits)
    for fact, pause in story:
        for effect in it.take(fact) + it.wait(pause):
            if isinstance(effect, Send):
                assert it.state.present
                assert effect.wish is it.state.wish
                assert effect.wish in habits.goals


@given(HABITS, STORIES)
def test_locked_is_said_only_of_a_lock_that_reported_it(
    habits: Habits, story: list[tuple[Fact, int]]
) -> None:
    it = Story(habits)
    reported: Bolt | None = None
    for fact, pause in story:
        if isinstance(fact, Reported) and it.state.present and fact.bolt is not Bolt.MOVING:
            reported = fact.bolt
        if (isinstance(fact, Line) and fact.up != it.state.line) or fact == Reachable(False):
            reported = None
        effects = it.take(fact) + it.wait(pause)
        for effect in effects:
            if effect == Say(LockPhysicalState.LOCKED):
                assert reported is Bolt.LOCKED
            if effect == Say(LockPhysicalState.UNLOCKED):
                assert reported is Bolt.UNLOCKED


@given(HABITS, STORIES)
def test_nobody_there_is_unknown_and_ill(habits: Habits, story: list[tuple[Fact, int]]) -> None:
    it = told(habits, story)
    it.wait(CONFIRM_MS)
    if not it.state.present:
        assert it.state.said is LockPhysicalState.UNKNOWN
        found = health(it.state)
        assert found is not None and found[0] is Health.SILENT


@given(HABITS, STORIES, st.sampled_from([Wish.RELEASE, Wish.SECURE]))
def test_silence_ends_the_tries_and_is_said_in_time(
    habits: Habits, story: list[tuple[Fact, int]], wish: Wish
) -> None:
    it = told(habits, story)
    it.take(Line(False), *UP)
    before = len(it.sent())
    it.take(Wished(wish))
    it.wait(2 * habits.confirm_ms)
    assert it.state.said is LockPhysicalState.UNKNOWN
    found = health(it.state)
    assert found is not None and found[0] is Health.SILENT
    it.wait(100_000)
    tries = it.sent()[before:]
    assert len([each for each in tries if each is wish]) <= TRIES
    assert set(tries) <= {wish}


@given(HABITS, STORIES, st.sampled_from([Wish.RELEASE, Wish.SECURE]))
def test_a_lock_that_is_well_obeys_and_is_believed(
    habits: Habits, story: list[tuple[Fact, int]], wish: Wish
) -> None:
    it = told(habits, story)
    it.take(Line(False), *UP, Wished(wish))
    it.wait(habits.confirm_ms // TRIES)  # a command of before may have to have its time
    it.take(Answered(True), Reported(Bolt.MOVING), Reported(habits.goals[wish]))
    assert it.state.pending is None
    assert it.said()[-1].value == habits.goals[wish].value.capitalize()
    found = health(it.state)
    assert found is not None and found[0] is Health.OK


@given(STORIES)
def test_after_idle_a_motor_begins_no_movement(story: list[tuple[Fact, int]]) -> None:
    it = told(MOTOR, story)
    it.take(Wished(Wish.IDLE))
    before = len(it.sent())
    for fact, pause in story:
        if not isinstance(fact, Wished):
            it.take(fact)
            it.wait(pause)
    assert len(it.sent()) == before


@settings(max_examples=30)
@given(STORIES)
def test_a_released_relay_is_renewed_for_as_long_as_it_is_wished(story: list[tuple[Fact, int]]) -> None:
    it = told(RELAY, story)
    it.take(Line(False), *UP, Wished(Wish.RELEASE), Answered(True), Reported(Bolt.UNLOCKED))
    before = len(it.sent())
    for _ in range(10):
        effects = it.wait(5_000)
        assert Send(Wish.RELEASE) in effects
        assert not any(isinstance(effect, Say) for effect in effects)
        assert not any(isinstance(effect, Say) for effect in it.take(Reported(Bolt.UNLOCKED), Answered(True)))
    it.take(Wished(Wish.SECURE), Answered(True), Reported(Bolt.LOCKED))
    assert it.sent()[before:].count(Wish.SECURE) == 1
    assert Send(Wish.RELEASE) not in it.wait(60_000)


@given(HABITS, st.integers(100, 5_000))
def test_a_lock_that_starts_over_and_over_is_in_trouble_all_the_same(habits: Habits, pause: int) -> None:
    it = Story(habits)
    it.take(*UP, Wished(Wish.RELEASE))
    for _ in range(2 * habits.confirm_ms // pause + 2):
        it.wait(pause)
        it.take(Reachable(True))
        if it.state.trouble is not None:
            break
        assert it.sent().count(Wish.RELEASE) <= TRIES
    found = health(it.state)
    assert found is not None and found[0] is Health.SILENT


@pytest.mark.parametrize("habits", [MOTOR, RADIO, RELAY])
@pytest.mark.parametrize("gone", [Line(False), Reachable(False)])
def test_who_was_away_is_unknown_until_it_reports_and_hears_the_present_wish(
    habits: Habits, gone: Fact
) -> None:
    it = Story(habits)
    it.take(*UP, Answered(True), Reported(Bolt.LOCKED))
    assert it.take(gone) == [Say(LockPhysicalState.UNKNOWN)]
    effects = it.take(*UP)
    assert effects.count(Send(Wish.SECURE)) >= 1
    assert not any(isinstance(effect, Say) for effect in effects)
    assert it.take(Reported(Bolt.LOCKED))[-1] == Say(LockPhysicalState.LOCKED)


@pytest.mark.parametrize("habits", [MOTOR, RADIO, RELAY])
def test_a_lock_that_was_known_and_falls_silent_is_unknown(habits: Habits) -> None:
    it = Story(habits)
    it.take(*UP, Answered(True), Reported(Bolt.LOCKED), Wished(Wish.RELEASE))
    it.wait(habits.confirm_ms)
    assert it.said()[-1] is LockPhysicalState.UNKNOWN
    it.take(Reported(Bolt.LOCKED))
    assert it.said()[-1] is LockPhysicalState.LOCKED


def test_one_command_at_a_time_and_the_last_wish_wins() -> None:
    it = Story(MOTOR)
    it.take(*UP, Answered(True), Reported(Bolt.LOCKED))
    it.take(Wished(Wish.RELEASE), Wished(Wish.SECURE), Wished(Wish.RELEASE), Wished(Wish.SECURE))
    assert it.sent() == [Wish.SECURE, Wish.RELEASE]
    it.take(Answered(True))
    assert it.sent() == [Wish.SECURE, Wish.RELEASE, Wish.SECURE]


def test_a_radio_lock_hears_the_new_wish_at_once() -> None:
    it = Story(RADIO)
    it.take(Line(True), Reported(Bolt.LOCKED))
    it.take(Wished(Wish.RELEASE), Wished(Wish.SECURE))
    assert it.sent() == [Wish.SECURE, Wish.RELEASE, Wish.SECURE]


def test_a_movement_of_another_hand_that_does_not_end_is_a_fault() -> None:
    it = Story(RADIO)
    it.take(*UP, Reported(Bolt.LOCKED), Reported(Bolt.MOVING))
    it.wait(CONFIRM_MS)
    assert it.said() == [LockPhysicalState.LOCKED, LockPhysicalState.FAULT]
    assert health(it.state) == (Health.ERROR, "moves without end")
    it.take(Reported(Bolt.UNLOCKED))
    assert it.said()[-1] is LockPhysicalState.UNLOCKED


def test_what_the_broker_kept_is_no_answer() -> None:
    it = Story(MOTOR)
    it.take(*UP, Reported(Bolt.LOCKED, kept=True))
    assert it.state.pending is not None
    it.take(Answered(True))
    assert it.state.pending is None
    assert it.said() == [LockPhysicalState.LOCKED] * 2


def test_a_refused_command_is_tried_again_and_then_a_fault_with_its_words() -> None:
    it = Story(MOTOR)
    it.take(*UP, Reported(Bolt.LOCKED), Answered(True), Wished(Wish.RELEASE))
    for _ in range(TRIES):
        it.take(Answered(False, "refused with error 69"))
        it.wait(CONFIRM_MS // TRIES)
    assert it.sent().count(Wish.RELEASE) == TRIES
    assert health(it.state) == (Health.ERROR, "refused with error 69")
    assert it.said()[-1] is LockPhysicalState.FAULT


def test_a_lock_is_given_time_before_it_is_missed() -> None:
    it = Story(MOTOR)
    it.take(Line(True))
    assert health(it.state) is None
    it.wait(CONFIRM_MS)
    assert health(it.state) == (Health.SILENT, "not on the building's broker")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1 odd message"),
        (2, "several odd messages"),
        (9, "several odd messages"),
        (10, "10 odd messages or more"),
    ],
)
def test_counts_are_rounded(number: int, words: str) -> None:
    it = Story(RADIO)
    it.take(*UP, Reported(Bolt.LOCKED), *[Counted("odd message")] * number)
    assert health(it.state) == (Health.OK, words)


def test_notes_and_complaints_come_and_go() -> None:
    it = Story(RADIO)
    it.take(*UP, Reported(Bolt.LOCKED), Noted("battery", "battery low"), Complained("set up wrongly"))
    assert health(it.state) == (Health.ERROR, "set up wrongly; battery low")
    it.take(Noted("battery", ""), Complained(""))
    assert health(it.state) == (Health.OK, "")


def test_a_relay_that_answers_is_asked_what_it_did() -> None:
    it = Story(RELAY)
    it.take(*UP, Reported(Bolt.LOCKED), Answered(True), Wished(Wish.RELEASE))
    effects: Any = it.take(Answered(True))
    assert effects == [Ask()]
