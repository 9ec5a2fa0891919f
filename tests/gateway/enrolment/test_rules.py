"""A token gives one key one right, until its time is over, whatever is tried."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pleintemps_gateway.enrolment.rules import LONGEST_MS, SHORTEST_MS, Verdict, invite, present

KEYS = st.sampled_from(["a", "b", "c"])


class Tokens(RuleBasedStateMachine):
    """Who shows one token when: time only goes on, keys come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.invitation = invite("ecole", "entrance", 10 * SHORTEST_MS, self.now)
        self.given: list[tuple[Verdict, str]] = []

    @rule(after=st.integers(0, 4 * SHORTEST_MS))
    def wait(self, after: int) -> None:
        self.now += after

    @rule(key=KEYS)
    def show(self, key: str) -> None:
        before = self.invitation
        self.invitation, verdict = present(before, key, self.now)
        if verdict in (Verdict.ISSUE, Verdict.AGAIN):
            assert self.now < before.expires
            self.given.append((verdict, key))
        else:
            assert self.invitation == before
            assert (verdict is Verdict.EXPIRED) is (self.now >= before.expires)

    @invariant()
    def one_key_has_it(self) -> None:
        assert len({key for _, key in self.given}) <= 1
        assert [verdict for verdict, _ in self.given].count(Verdict.ISSUE) == bool(self.given)
        assert not self.given or self.given[0][0] is Verdict.ISSUE


Tokens.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestTokens = Tokens.TestCase


@given(st.integers(-1, 2 * LONGEST_MS))
def test_no_token_is_good_for_long(valid: int) -> None:
    if SHORTEST_MS <= valid <= LONGEST_MS:
        assert invite("a", "b", valid, 7).expires == 7 + valid
    else:
        with pytest.raises(ValueError, match="a minute to seven days"):
            invite("a", "b", valid, 7)
