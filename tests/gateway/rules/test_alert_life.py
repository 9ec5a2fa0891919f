"""The life of an alert: laws over any order of acts and hours."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from pleintemps_gateway.alerts.life import (
    LOOK_AGAIN_MS,
    NOBODY,
    Act,
    ActKind,
    Done,
    Duty,
    Life,
    Refusal,
    Step,
    act,
    at_pause,
    louder,
    pass_time,
    resolve,
)
from pleintemps_gateway.alerts.records import AlertState

MINUTE = 60_000
DUTY = Duty(chain=("anne", "bob"), wait_ms=10 * MINUTE, remind_ms=30 * MINUTE)
PEOPLE = ("anne", "bob", "claire")


def step(found: Step | Refusal) -> Life:
    assert isinstance(found, Step)
    return found.life


def test_nobody_takes_it_so_the_next_is_asked_and_then_nobody_is_left() -> None:
    life, told = Life(), []
    for now in range(0, 60 * MINUTE, MINUTE):
        found = pass_time(life, DUTY, now)
        life = found.life
        told += [(now // MINUTE, done.kind.value, done.person) for done in found.done]
    assert told == [(0, "asked", "anne"), (10, "asked", "bob"), (20, "nobody", None)]
    later = pass_time(life, Duty(chain=("dora",)), 61 * MINUTE)  # she comes on duty
    assert later.done == (Done(kind=ActKind.ASKED, person="dora", tell=True),)
    assert NOBODY not in later.life.asked


def test_to_watch_is_told_once_and_to_one() -> None:
    calm = Duty(chain=("anne", "bob"), urgent=False)
    life = pass_time(Life(), calm, 0).life
    assert life.asked == ("anne",)
    assert pass_time(life, calm, 90 * MINUTE) == Step(life=life)


def test_a_pause_comes_back_by_itself_and_asks_anew() -> None:
    wish = Act(kind=ActKind.PAUSE, by="anne", until=30 * MINUTE)
    life = step(act(pass_time(Life(), DUTY, 0).life, wish, DUTY, MINUTE))
    assert life.state is AlertState.PAUSED and pass_time(life, DUTY, 29 * MINUTE).life == life
    back = pass_time(life, DUTY, 30 * MINUTE)
    assert back.done == (Done(kind=ActKind.BACK, person="anne", tell=True),)
    asked = pass_time(back.life, DUTY, 30 * MINUTE)
    assert [done.person for done in asked.done] == ["anne"]


def test_what_gets_louder_ends_its_pause() -> None:
    before = at_pause({"level_db": 70.0, "limit_db": 65})
    assert louder({"level_db": 74.9}, before) == ({"level_db": 74.9, "paused_db": 70.0}, False)
    told, ends = louder({"level_db": 75.0}, before)
    assert ends and louder({"level_db": 80.0}, told)[1], "it stays the level of the pause"
    assert louder({"level_db": 99.0}, {"level_db": 70.0}) == ({"level_db": 99.0}, False)
    assert at_pause({"door": "hall"}) == {"door": "hall"} and louder({"level_db": None}, before)[1] is False
    wish = Act(kind=ActKind.PAUSE, by="anne", until=30 * MINUTE)
    life = replace(step(act(Life(), wish, DUTY, MINUTE)), due=0)
    assert pass_time(life, DUTY, 2 * MINUTE).done == (Done(kind=ActKind.BACK, person="anne", tell=True),)


def test_a_pause_that_was_resolved_stays_quiet() -> None:
    wish = Act(kind=ActKind.PAUSE, by="anne", until=30 * MINUTE)
    life = resolve(step(act(Life(), wish, DUTY, MINUTE)))
    assert pass_time(life, DUTY, 31 * MINUTE) == Step(life=life)
    assert life.due is None and life.until is None


def test_the_second_of_two_is_refused_and_may_then_act_on_what_they_see() -> None:
    life = Life()
    first = step(act(life, Act(kind=ActKind.TAKE, by="anne", version=0), DUTY, 1))
    assert act(first, Act(kind=ActKind.PAUSE, by="bob", until=5, version=0), DUTY, 2) is Refusal.CHANGED
    assert act(first, Act(kind=ActKind.TAKE, by="bob"), DUTY, 2) is Refusal.ACKNOWLEDGED
    passed = step(act(first, Act(kind=ActKind.GIVE, by="bob", person="claire", version=1), DUTY, 2))
    assert (passed.state, passed.given, passed.by) == (AlertState.OPEN, "claire", None)


def test_given_to_somebody_who_does_not_answer_it_goes_to_the_rota() -> None:
    given = step(act(Life(), Act(kind=ActKind.GIVE, by="anne", person="claire"), DUTY, 0))
    assert pass_time(given, DUTY, 9 * MINUTE) == Step(life=given)
    assert [done.person for done in pass_time(given, DUTY, 10 * MINUTE).done] == ["anne"]


def test_escalating_by_hand_goes_to_the_next_until_nobody_is_left() -> None:
    life = pass_time(Life(), DUTY, 0).life
    wish = Act(kind=ActKind.ESCALATE, by="anne")
    life = step(act(life, wish, DUTY, 1))
    assert life.asked == ("anne", "bob")
    assert act(life, wish, DUTY, 2) is Refusal.NOBODY_LEFT


@pytest.mark.parametrize("until", [None, 0, 5, 5 + 8 * 86_400_000])
def test_a_pause_has_an_end_that_is_near(until: int | None) -> None:
    assert act(Life(), Act(kind=ActKind.PAUSE, by="a", until=until), DUTY, 5) is Refusal.BAD_TIME


def test_who_has_it_is_reminded_once_if_it_goes_on() -> None:
    life = step(act(Life(), Act(kind=ActKind.TAKE, by="anne"), DUTY, 0))
    first = pass_time(life, DUTY, 30 * MINUTE)
    assert first.done == (Done(kind=ActKind.REMINDED, person="anne", tell=True),)
    assert pass_time(first.life, DUTY, 300 * MINUTE) == Step(life=first.life)


class Nights(RuleBasedStateMachine):
    """Whatever people and hours do, the record stays one that can be read and asks somebody."""

    def __init__(self) -> None:
        super().__init__()
        self.life, self.now = Life(), 0
        self.chain: tuple[str, ...] | None = ("anne", "bob")

    @property
    def duty(self) -> Duty:
        return Duty(chain=self.chain, wait_ms=10 * MINUTE, remind_ms=30 * MINUTE)

    @rule(
        kind=st.sampled_from([ActKind.TAKE, ActKind.PAUSE, ActKind.RESUME, ActKind.GIVE, ActKind.ESCALATE]),
        by=st.sampled_from(PEOPLE),
        person=st.sampled_from(PEOPLE),
        minutes=st.integers(-5, 90),
        behind=st.integers(0, 1),
    )
    def somebody_acts(self, kind: ActKind, by: str, person: str, minutes: int, behind: int) -> None:
        before, until = self.life, self.now + minutes * MINUTE
        wish = Act(kind=kind, by=by, person=person, until=until, version=before.version - behind)
        found = act(before, wish, self.duty, self.now)
        if isinstance(found, Refusal):
            return
        assert behind == 0 and before.state is not AlertState.RESOLVED
        assert found.life.version == before.version + 1
        assert len(found.done) == 1 and found.done[0].by == by
        self.life = found.life

    @rule(minutes=st.integers(0, 45))
    def time_passes(self, minutes: int) -> None:
        for _ in range(minutes + 1):
            found = pass_time(self.life, self.duty, self.now)
            assert found.life.version == self.life.version
            again = pass_time(found.life, self.duty, self.now)
            self.life = found.life
            if again.life == found.life:
                assert again.done == ()
            self.now += MINUTE

    @rule(chain=st.one_of(st.none(), st.permutations(PEOPLE).map(tuple), st.just(())))
    def the_shift_changes(self, chain: tuple[str, ...] | None) -> None:
        self.chain = chain

    @precondition(lambda self: self.life.state is not AlertState.RESOLVED)
    @rule(quiet=st.booleans())
    def its_rule_resolves_it(self, quiet: bool) -> None:
        if quiet:
            self.life = resolve(self.life)

    @invariant()
    def the_record_is_whole(self) -> None:
        life = self.life
        assert (life.until is not None) == (life.state is AlertState.PAUSED)
        if life.state in (AlertState.OPEN,):
            assert life.by is None and life.taken is None
        if life.state in (AlertState.ACKNOWLEDGED, AlertState.PAUSED):
            assert life.by in PEOPLE and life.given is None
        if life.state is AlertState.RESOLVED:
            assert life.due is None
            assert pass_time(life, self.duty, self.now) == Step(life=life)
        assert len(set(life.asked)) == len(life.asked)
        assert NOBODY not in life.asked[:-1]

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """An open alert under a rota always has an hour at which something happens, at most a wait away."""
        after = pass_time(self.life, self.duty, self.now).life
        if after.state is AlertState.OPEN and self.chain is not None:
            assert after.due is not None
            assert after.due <= self.now + max(self.duty.wait_ms, LOOK_AGAIN_MS)


TestNights = Nights.TestCase
