"""Laws of the leases: whatever fails, pauses or joins, one rules a site and its tokens only grow."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from pleintemps_gateway.leases.rules import (
    LIVES_MS,
    Gateway,
    Term,
    Todo,
    View,
    decide,
    is_alive,
    is_free,
    next_token,
    shares,
)

SITES = tuple(f"site-{number}" for number in range(7))
NAMES = ("a", "b", "c", "d")

held_by = st.dictionaries(st.sampled_from(SITES), st.sampled_from(NAMES))
living = st.sets(st.sampled_from(NAMES), min_size=1)


def holdings(held: Mapping[str, str], names: set[str]) -> dict[str, set[str]]:
    return {name: {site for site, holder in held.items() if holder == name} for name in names}


@given(held_by, living)
def test_shares_are_equal_and_as_few_sites_move_as_can_be(held: dict[str, str], names: set[str]) -> None:
    holds = holdings(held, names)
    plan = shares(SITES, holds)
    assert plan.keys() == set(SITES)
    counts = sorted(list(plan.values()).count(name) for name in names)
    assert counts[-1] - counts[0] <= 1
    # the best that equal shares allow: the largest shares go to those who hold most
    each, more = divmod(len(SITES), len(names))
    have = sorted((len(own) for own in holds.values()), reverse=True)
    stay = sum(min(count, each + (place < more)) for place, count in enumerate(have))
    assert sum(plan[site] == holder for site, holder in held.items() if holder in names) == stay
    assert shares(SITES, holdings(plan, names)) == plan  # and then nothing moves


def test_nobody_shares_nothing() -> None:
    assert shares(SITES, {}) == {}


def view(now: int, alive: Mapping[str, str], terms: Mapping[str, Term] | None = None) -> View:
    gateways = {name: Gateway(f"{name}1", now + LIVES_MS, mark) for name, mark in alive.items()}
    return View(now, gateways, terms or {})


def test_who_knows_other_sites_is_left_alone() -> None:
    terms = {"site-0": Term("b", "b1", 7)}
    todo = decide("a", "a1", SITES, view(0, {"a": "old", "b": "new"}, terms), {})
    assert set(todo.take) == set(SITES) - {"site-0"}


def test_a_gateway_without_a_sign_of_life_takes_nothing() -> None:
    seen = view(0, {"a": "x"}, {"site-0": Term("a", "a1", 3)})
    late = seen._replace(now=LIVES_MS)
    assert decide("a", "a1", SITES, late, {"site-0": 3}) == Todo()
    assert decide("z", "z1", SITES, seen, {"site-1": 3}) == Todo(lost=("site-1",))


def test_the_first_look_after_a_start_takes_back_what_the_process_before_held() -> None:
    seen = view(0, {"a": "x", "b": "x"}, {site: Term("a", "a0", 3) for site in SITES[:3]})
    assert is_free(seen.terms["site-0"], seen.gateways, seen.now)
    assert len(decide("a", "a1", SITES, seen, {}).take) == 4


class Machine:
    """One gateway process as it thinks it is."""

    def __init__(self, name: str, run: str) -> None:
        self.name = name
        self.run = run
        self.holding: dict[str, int] = {}
        self.todo = Todo()
        self.until = 0


class Leases(RuleBasedStateMachine):
    """A store and gateways that look, act, pause, die and come back in any order."""

    machines = Bundle("machines")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.gateways: dict[str, Gateway] = {}
        self.terms: dict[str, Term] = {}
        self.last: dict[str, int] = {}
        self.wrote: dict[str, int] = {}
        self.all: list[Machine] = []

    @rule(target=machines, name=st.sampled_from(NAMES))
    def start(self, name: str) -> Machine:
        machine = Machine(name, f"{name}{len(self.all)}")
        self.all.append(machine)
        self.gateways[name] = Gateway(machine.run, self.now + LIVES_MS, "x")
        machine.until = self.now + LIVES_MS
        return machine

    @rule(ms=st.integers(1, 2 * LIVES_MS))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule(machine=machines)
    def renew(self, machine: Machine) -> None:
        mine = self.gateways.get(machine.name)
        if mine is None or mine.run != machine.run:
            machine.holding.clear()  # another process has the name
            machine.todo, machine.until = Todo(), 0
            return
        self.gateways[machine.name] = mine._replace(expires=self.now + LIVES_MS)
        machine.until = self.now + LIVES_MS
        seen = View(self.now, dict(self.gateways), dict(self.terms))
        machine.todo = decide(machine.name, machine.run, SITES, seen, machine.holding)
        for site in machine.todo.lost:
            del machine.holding[site]

    @rule(machine=machines)
    def act(self, machine: Machine) -> None:
        """What it has decided, perhaps long ago."""
        todo, machine.todo = machine.todo, Todo()
        for site in todo.give:
            token = machine.holding.pop(site, None)
            if token is not None and self.terms.get(site) == Term(machine.name, machine.run, token):
                del self.terms[site]
        for site in todo.take:
            mine = self.gateways.get(machine.name)
            if mine is None or mine.run != machine.run or not is_alive(mine, self.now):
                continue
            if not is_free(self.terms.get(site), self.gateways, self.now):
                continue
            token = next_token(self.last.get(site), self.now)
            assert token > self.last.get(site, 0)
            self.last[site] = token
            self.terms[site] = Term(machine.name, machine.run, token)
            machine.holding[site] = token

    @rule(machine=machines, site=st.sampled_from(SITES))
    def write(self, machine: Machine, site: str) -> None:
        """Let through only with the youngest token: the writer's fence."""
        token = machine.holding.get(site)
        if token is not None and token == self.last.get(site):
            assert token >= self.wrote.get(site, 0)
            self.wrote[site] = token

    @invariant()
    def one_may_write(self) -> None:
        for site, last in self.last.items():
            assert sum(machine.holding.get(site) == last for machine in self.all) <= 1

    @invariant()
    def one_may_speak(self) -> None:
        """By its own watch a holder stops before anybody else may begin."""
        for site in SITES:
            speak = [each for each in self.all if site in each.holding and self.now < each.until]
            # a process whose name another one has on purpose: the token alone tells these apart
            assert sum(self.gateways[each.name].run == each.run for each in speak) <= 1

    def teardown(self) -> None:
        """When nothing fails any more every site has one ruler, in equal shares, within a few looks."""
        alive = {each.name: each for each in self.all if self.gateways[each.name].run == each.run}
        if not alive:
            return
        for _ in range(4):
            for machine in alive.values():
                self.renew(machine)
        self.now += LIVES_MS // 2
        for _ in range(3):
            for machine in alive.values():
                self.renew(machine)
                self.act(machine)
        counts = [len(machine.holding) for machine in alive.values()]
        assert sum(counts) == len(SITES)
        assert max(counts) - min(counts) <= 1


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
