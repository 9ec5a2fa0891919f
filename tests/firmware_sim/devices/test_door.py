"""A door opens when it is released or forced, and in no other way."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pleintemps_firmware_sim.devices.door import CLOSER_MS, DoorMechanics, Push, reed_edges


def test_a_strike_lets_go_while_it_is_energised() -> None:
    door = DoorMechanics("strike")
    assert door.push(0) is Push.HELD
    door.energise(True)
    assert door.push(1) is Push.OPENED
    door.energise(False)
    assert door.push(2) is Push.ALREADY_OPEN


def test_a_magnet_lets_go_without_current() -> None:
    door = DoorMechanics("maglock")
    assert not door.released
    door.energise(False)
    assert door.push(0) is Push.OPENED


def test_the_bolt_is_home_while_the_lock_holds_a_shut_door() -> None:
    for door in (DoorMechanics("strike"), DoorMechanics("maglock")):
        assert door.bolted
        door.force(0)
        assert not door.bolted
        door.advance(CLOSER_MS)
        assert door.bolted
    magnet = DoorMechanics("maglock")
    magnet.energise(False)
    assert not magnet.bolted


def test_the_closer_shuts_it_unless_it_is_held() -> None:
    door = DoorMechanics("strike")
    door.force(0)
    door.hold(True, 0)
    assert door.due() is None
    assert not door.advance(60_000)
    door.hold(False, 60_000)
    assert door.due() == 60_000 + CLOSER_MS
    assert door.advance(63_000)
    assert not door.open
    assert door.push(63_001) is Push.HELD


def test_the_reed_bounces_and_comes_to_rest() -> None:
    assert reed_edges(1)[-1][1] == 1
    assert reed_edges(0)[-1][1] == 0
    assert all(after < 1_000_000 for after, _ in reed_edges(1))


class Burglary(RuleBasedStateMachine):
    """Whatever happens, a shut door that was neither released nor forced stays shut."""

    def __init__(self) -> None:
        super().__init__()
        self.door = DoorMechanics("strike")
        self.now = 0
        self.may_be_open = False

    @rule(on=st.booleans())
    def energise(self, on: bool) -> None:
        self.door.energise(on)

    @rule()
    def push(self) -> None:
        if self.door.push(self.now) is Push.OPENED:
            assert self.door.released
            self.may_be_open = True

    @rule()
    def force(self) -> None:
        self.door.force(self.now)
        self.may_be_open = True

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.door.hold(held, self.now)

    @rule(passed=st.integers(0, 5_000))
    def wait(self, passed: int) -> None:
        self.now += passed
        if self.door.advance(self.now):
            self.may_be_open = False

    @invariant()
    def shut_unless_opened(self) -> None:
        assert self.door.open == self.may_be_open


TestBurglary = Burglary.TestCase
