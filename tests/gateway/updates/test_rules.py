"""Waves as laws: over fleets in which agents take a release, do not, fall ill, go silent or are away."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_gateway.updates.rules import (
    AgentFact,
    Pace,
    Rollout,
    Told,
    advance,
    halt,
    judge,
    offer_to,
    start,
    waves_of,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 1_795_400_000_000
OLD, NEW = "1.2.0", "1.3.0"
PACE = Pace(soak=6 * HOUR, patience=2 * HOUR, silent=10 * MINUTE)
STEP = 20 * MINUTE


@dataclass(frozen=True)
class Fate:
    """What becomes of one agent once it has its offer, in steps of the clock."""

    takes_after: int
    ill_after: int
    how: str  # fault, silent, left
    away: bool

    def fact(self, offered: int | None, now: int) -> AgentFact:
        if self.away:
            return AgentFact(OLD, False, NOW - HOUR)
        if offered is None:
            return AgentFact(OLD, True, now, frozenset({"device radar"}))
        taken = now >= offered + self.takes_after * STEP
        ill = now >= offered + self.ill_after * STEP
        version = NEW if taken else OLD
        if not ill:
            return AgentFact(version, True, now, frozenset({"device radar"}))
        if self.how == "silent":
            return AgentFact(version, False, offered + self.ill_after * STEP)
        if self.how == "left":
            return AgentFact(OLD, True, now)
        return AgentFact(version, True, now, frozenset({"device radar", "storage"}))


FATES = st.builds(
    Fate,
    takes_after=st.sampled_from([0, 1, 3, 1_000]),
    ill_after=st.sampled_from([1_000, 1_000, 1_000, 1, 8, 40]),
    how=st.sampled_from(["fault", "silent", "left"]),
    away=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(FATES, min_size=1, max_size=7),
    st.integers(1, 2),
    st.sampled_from([(1.0,), (0.25, 1.0), (0.1, 0.5, 1.0)]),
)
def test_nobody_has_an_offer_before_those_before_were_well(
    fates: list[Fate], canaries: int, shares: tuple[float, ...]
) -> None:
    fleet = {f"agent-{index}": fate for index, fate in enumerate(fates)}
    waves = waves_of(sorted(fleet)[:canaries], sorted(fleet), shares)
    assert sorted(agent for wave in waves for agent in wave) == sorted(fleet)
    now, numbers = NOW, dict.fromkeys(fleet, -1)
    offered: dict[str, int] = {}

    def facts() -> dict[str, AgentFact]:
        return {agent: fate.fact(offered.get(agent), now) for agent, fate in fleet.items()}

    rollout = start(7, NEW, waves, facts(), now)
    for _ in range(100):
        for part in rollout.parts:
            offered.setdefault(part.agent, part.at)
        told = {agent: offer_to(rollout, agent, facts()[agent]) for agent in fleet}
        _hold(rollout, fleet, told, offered, now)
        for agent, each in told.items():
            assert each.number >= numbers[agent] or each.action == "stay"
            numbers[agent] = max(numbers[agent], each.number)
        before, now = rollout, now + STEP
        rollout = advance(rollout, facts(), PACE, now)
        ill = [part for part in before.parts if judge(part, facts()[part.agent], NEW, PACE, now).ill]
        if before.state == "running":
            assert (rollout.state == "halted") == bool(ill)
        else:
            assert rollout == before
    present = [agent for agent, fate in fleet.items() if not fate.away]
    if rollout.state == "done":
        assert {part.agent for part in rollout.parts} == set(fleet)
        assert all(fleet[agent].takes_after < 1_000 for agent in present)
    if all(fate.takes_after < 1_000 and fate.ill_after == 1_000 and not fate.away for fate in fates):
        assert rollout.state == "done"


def _hold(
    rollout: Rollout, fleet: dict[str, Fate], told: dict[str, Told], offered: dict[str, int], now: int
) -> None:
    allowed = {agent for wave in rollout.waves[: rollout.wave + 1] for agent in wave}
    for agent, each in told.items():
        if each.action == "install":
            assert agent in allowed and rollout.state != "halted"
        if each.action == "back":
            assert rollout.state == "halted" and fleet[agent].fact(offered[agent], now).version == NEW
    for wave in range(1, rollout.wave + 1):
        begun = min(offered[agent] for agent in rollout.waves[wave])
        for earlier in rollout.waves[wave - 1]:
            if not fleet[earlier].away:
                assert begun - offered[earlier] >= PACE.soak
                assert fleet[earlier].takes_after < 1_000
        assert not any(fleet[agent].away for agent in rollout.waves[0])


def test_waves_are_shares_of_those_that_are_no_canaries() -> None:
    agents = [f"a{number}" for number in range(10)]
    assert waves_of(["a3"], agents, (0.25, 1.0)) == (
        ("a3",),
        ("a0", "a1", "a2"),
        ("a4", "a5", "a6", "a7", "a8", "a9"),
    )
    assert waves_of(["a0"], ["a0"], (0.25, 1.0)) == (("a0",),)
    assert waves_of(["a0"], ["a0", "a1"], (0.25, 1.0)) == (("a0",), ("a1",))


def test_halted_by_hand_those_who_have_it_go_back() -> None:
    facts = {"a": AgentFact(NEW, True, NOW), "b": AgentFact(OLD, True, NOW), "c": AgentFact(OLD, True, NOW)}
    rollout = start(7, NEW, (("a", "b"), ("c",)), {}, NOW)
    assert [offer_to(rollout, agent, facts[agent]).action for agent in "abc"] == [
        "install",
        "install",
        "stay",
    ]
    halted = halt(rollout, "by hand")
    assert [offer_to(halted, agent, facts[agent]).action for agent in "abc"] == ["back", "stay", "stay"]
    assert halt(halted, "again") == halted
    assert advance(halted, facts, PACE, NOW + HOUR) == halted


@pytest.mark.parametrize(
    ("fact", "ill"),
    [
        (AgentFact(OLD, True, NOW + HOUR), ""),
        (AgentFact(OLD, True, NOW + 3 * HOUR), "has not taken it"),
        (AgentFact(OLD, False, NOW - HOUR), ""),  # it was away all the time
        (AgentFact(OLD, False, NOW + HOUR), "is silent since it had the offer"),
        (AgentFact(NEW, False, NOW + HOUR), "is silent since it had the offer"),
        (AgentFact(NEW, True, NOW + 3 * HOUR, frozenset({"door hall"})), "new faults: door hall"),
        (AgentFact(NEW, True, NOW + 3 * HOUR), ""),
    ],
)
def test_who_is_ill(fact: AgentFact, ill: str) -> None:
    part = start(7, NEW, (("a",),), {"a": AgentFact(OLD, True, NOW)}, NOW).parts[0]
    verdict = judge(part, fact, NEW, PACE, (fact.seen or 0) if fact.online else NOW + 3 * HOUR)
    assert ill in str(verdict.ill) and bool(ill) == (verdict.ill is not None)
