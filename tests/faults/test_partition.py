"""Thirty days without network: the desk of an agent against an oracle that is written differently.

The town (lonely_town.py) is the truth. The agent is told of it as a gateway would (pages, schedules, sealed
keys); the oracle asks it by the minute and by the day of the week. Time is virtual; desk, throttle, tables
and offline codes are the real ones. Only argon2id is cheap: its cost is a parameter of the manifest.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_edge.access import desk as desk_module
from pleintemps_edge.access import windows as windows_module
from pleintemps_edge.access.used import UsedOnce

from . import lonely_town
from .lonely_town import (
    DAY,
    DOORS,
    MIDNIGHT,
    MINUTE,
    MONTH,
    RESTARTS,
    SPACES,
    Alone,
    Town,
    found_town,
)
from .oracle import Oracle


def attempts_of(
    town: Town, chance: random.Random, count: int, offline: float
) -> list[tuple[int, str, str, bool]]:
    """``count`` times, doors, what is typed or read, and whether it is a card; in the order of time.

    ``offline`` is the share of computed codes.
    """
    planned: list[tuple[int, str, str, bool]] = []
    typists = [right for right in town.rights if right.visits and not right.card]

    def plan(now: int, door: str, secret: str, card: bool = False) -> None:
        if 0 <= now < MONTH:
            planned.append((now, door, secret, card))

    while len(planned) < count:
        kind = chance.random()
        if kind < 0.94 - offline:
            right = chance.choice(town.rights)
            times = list(right.visits)
            for course in right.courses:
                day = chance.randrange(5) * 7 + (course.weekday - MIDNIGHT.weekday()) % 7
                minute = day * 1_440 + course.minute
                times.append((minute, minute + course.length))
            now = _moment(chance, *chance.choice(times))
            door = chance.choice(right.doors if chance.random() < 0.93 else DOORS)
            plan(now, door, right.secret, right.card)
            if right.once and chance.random() < 0.8:
                plan(now + chance.choice([0, 1, 400, DAY]), door, right.secret, right.card)
        elif kind < 0.94:
            told = chance.choice(town.told)
            doors = SPACES[told.space][0] if chance.random() < 0.9 else DOORS
            now = _moment(chance, told.first, told.after)
            for restart in RESTARTS:
                if restart // MINUTE in range(told.first, told.after) and chance.random() < 0.7:
                    now = restart + chance.randrange(30 * MINUTE)
            plan(now, chance.choice(doors), told.secret)
        elif kind < 0.985:
            digits = chance.choice([4, 8, 8, 8, 11, 12] if offline else [4, 8])
            guess = f"{chance.randrange(10**digits):0{digits}}"
            plan(chance.randrange(MONTH), chance.choice(DOORS), guess)
        else:  # somebody guesses, and somebody else wants in
            right = chance.choice(typists)
            door = chance.choice(right.doors)
            now = _moment(chance, *chance.choice(right.visits))
            for _ in range(chance.randint(6, 20)):
                now += chance.choice([0, 1_500, 3_000, 29_999, 30_000, 60_000, 300_000])
                guess = f"{chance.randrange(10**8):08}"
                plan(now, door, right.secret if chance.random() < 0.12 else guess)
    return sorted(planned[:count])


def _moment(chance: random.Random, first: int, after: int) -> int:
    """Within, at, just before or some time around a visit from minute ``first`` to ``after``."""
    if chance.random() < 0.45:
        return chance.randrange(first * MINUTE, after * MINUTE)
    edge = chance.choice([first, after]) * MINUTE
    return edge + chance.choice([0, -1, 1, 0, -1, chance.randint(-MINUTE, MINUTE), chance.randint(-DAY, DAY)])


@dataclass
class Month:
    attempts: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    false_grants: int = 0
    false_refusals: int = 0
    other_differences: int = 0

    @property
    def differences(self) -> int:
        return self.false_grants + self.false_refusals + self.other_differences

    def compare(self, expected: str, found: str) -> None:
        self.attempts += 1
        self.outcomes[found] += 1
        if expected == found:
            return
        if found.startswith("open") and not expected.startswith("open"):
            self.false_grants += 1
        elif expected.startswith("open") and not found.startswith("open"):
            self.false_refusals += 1
        else:
            self.other_differences += 1


async def live_a_month(people: int, count: int, seed: int, offline: float) -> tuple[Month, Alone]:
    chance = random.Random(seed)
    town = found_town(chance, people)
    agent, oracle, month = Alone(town), Oracle(town), Month()
    restarts = list(RESTARTS)
    for now, door, secret, card in attempts_of(town, chance, count, offline):
        while restarts and now >= restarts[0]:
            agent.world.move(restarts[0] - agent.world.monotonic())
            agent.restart()
            oracle.restart(restarts.pop(0))
        agent.world.move(now - agent.world.monotonic())
        month.compare(oracle.says(door, secret, card, now), await agent.attempt(door, secret, card))
    agent.desk.close()
    return month, agent


def tell(month: Month, agent: Alone) -> str:
    refused = ", ".join(f"{count} {reason.value}" for reason, count in agent.disk.refused.most_common())
    offline = sum(accepted.offline for accepted in agent.opened)
    return (
        f"{agent.desk.table.count} grants, {month.attempts} attempts: {dict(month.outcomes)}, "
        f"{offline} by offline code; refusals recorded: {refused}; "
        f"{month.false_grants} false grants, {month.false_refusals} false refusals, "
        f"{month.other_differences} other differences"
    )


def check(people: int, count: int, seed: int) -> None:
    month, agent = asyncio.run(live_a_month(people, count, seed, offline=0.08))
    print(tell(month, agent))
    assert month.attempts == count
    assert month.differences == 0
    assert agent.desk.table.count == people
    # every way in and every reason not to be let in was met
    assert {"open", "open, under duress", "wait", "no"} == month.outcomes.keys()
    assert sum(accepted.offline for accepted in agent.opened) > count // 100
    met = {
        RefusalReason.UNKNOWN,
        RefusalReason.NOT_YET,
        RefusalReason.EXPIRED,
        RefusalReason.WRONG_DOOR,
        RefusalReason.THROTTLED,
        RefusalReason.NO_TRUSTED_TIME,
        RefusalReason.USED,
        RefusalReason.DENIED,
    }
    assert met <= agent.disk.refused.keys()
    assert month.outcomes["open"] > month.attempts // 4


def test_a_month_alone_opens_and_refuses_rightly() -> None:
    check(people=10_000, count=5_000, seed=5)


@pytest.mark.soak
def test_a_month_alone_with_100_000_attempts() -> None:
    check(people=10_000, count=100_000, seed=6)


# --- would the oracle notice? -------------------------------------------------------------------------

Patch = Callable[[pytest.MonkeyPatch], None]
WRONG_RULES: dict[str, tuple[str, Patch]] = {
    "the end counts as inside": (
        "false_grants",
        lambda patch: patch.setattr(windows_module, "contains", lambda span, now: span[0] <= now <= span[1]),
    ),
    "the start counts as outside": (
        "false_refusals",
        lambda patch: patch.setattr(windows_module, "contains", lambda span, now: span[0] < now < span[1]),
    ),
    "one-time grants open for ever": (
        "false_grants",
        lambda patch: patch.setattr(UsedOnce, "at", lambda self, door: ()),
    ),
    "known codes count as guesses": (
        "false_refusals",
        lambda patch: patch.setattr(desk_module, "give_back", lambda throttle, before, counted: throttle),
    ),
    "nobody ever waits": (
        "false_grants",
        lambda patch: patch.setattr(desk_module, "attempt", lambda throttle, now: (throttle, True)),
    ),
    "offline codes count at once": (
        "false_grants",
        lambda patch: patch.setattr(desk_module, "ALONE_MS", 0),
    ),
    "denied offline codes open": (
        "false_grants",
        lambda patch: patch.setattr(lonely_town, "denied_of", lambda town: []),
    ),
}


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_a_wrong_rule_is_found(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, patch = WRONG_RULES[rule]
    patch(monkeypatch)
    people, count, share = (600, 250, 0.8) if "offline" in rule else (200, 2_000, 0.0)
    month, _ = asyncio.run(live_a_month(people, count, seed=7, offline=share))
    assert getattr(month, kind) > 0
