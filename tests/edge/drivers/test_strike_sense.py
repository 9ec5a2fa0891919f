"""A strike or magnet that sees its own bolt: every movement is answered, and nothing is hoped."""

import asyncio
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.onvif import LockPhysicalState
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import LockReported
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.strike import ANSWER_MS, SensedStrike, Strike
from pleintemps_edge.sensing.debounce import STABLE_MS, STEADY_MS, UNSETTLED_MS
from pleintemps_firmware_sim.devices.door import DoorMechanics

from .running import Seen, built, running

LOCK: dict[str, Any] = {"device": "hall-strike", "driver": "strike", "pin": 27, "bolt_pin": 22}
MAGNET = LOCK | {"wiring": "energise-to-lock", "supply_cut_by": ["exit", "fire"]}
LOCKED, UNLOCKED, UNKNOWN = (
    LockPhysicalState.LOCKED,
    LockPhysicalState.UNLOCKED,
    LockPhysicalState.UNKNOWN,
)


def states(seen: Seen) -> list[LockPhysicalState]:
    return [report.state for report in seen.of(LockReported)]


class Door:
    """A door whose bolt contact closes to ground, on the mock pins."""

    def __init__(self, pins: MockFactory, magnet: bool = False) -> None:
        self.mechanics = DoorMechanics("maglock" if magnet else "strike")
        self._pins = pins

    def settle(self) -> None:
        """The bolt follows the output."""
        self.mechanics.energise(bool(self._pins.pin(27).state))
        pin = self._pins.pin(22)
        (pin.drive_low if self.mechanics.bolted else pin.drive_high)()


@pytest.mark.parametrize("magnet", [False, True])
def test_each_movement_is_answered_when_the_bolt_has_followed(
    context: Context, world: ManualWorld, pins: MockFactory, magnet: bool
) -> None:
    async def main() -> None:
        lock = built(context, SensedStrike, **(MAGNET if magnet else LOCK))
        assert lock.confirms
        assert lock.frees_when_idle == magnet
        door = Door(pins, magnet)
        door.settle()
        async with running(lock) as seen:
            await world.advance(STABLE_MS)
            assert states(seen) == [LOCKED]
            for move, state in [(lock.release, UNLOCKED), (lock.secure, LOCKED), (lock.idle, None)]:
                await world.advance(5_000)
                before = len(states(seen))
                move()
                await world.advance(20)
                door.settle()
                await world.advance(STABLE_MS)
                wanted = state or (UNLOCKED if magnet else LOCKED)
                assert states(seen)[before:] == [wanted]
            await world.advance(10 * ANSWER_MS)
            assert len(states(seen)) == 4
        lock.close()

    asyncio.run(main())


def test_a_bolt_that_is_there_already_answers_at_once(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        lock = built(context, SensedStrike, **LOCK)
        Door(pins).settle()
        async with running(lock) as seen:
            await world.advance(STABLE_MS)
            lock.secure()
            await world.advance(0)
            assert seen.of(LockReported) == [LockReported("hall-strike", LOCKED, STABLE_MS)] * 2

    asyncio.run(main())


def test_a_bolt_that_does_not_follow_answers_with_where_it_is(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        lock = built(context, SensedStrike, **LOCK)
        Door(pins).settle()
        async with running(lock) as seen:
            await world.advance(STABLE_MS)
            lock.release()
            await world.advance(ANSWER_MS - 1)
            assert states(seen) == [LOCKED]
            await world.advance(1)
            assert states(seen) == [LOCKED, LOCKED]
            pins.pin(22).drive_high()  # late, but it comes
            await world.advance(STABLE_MS)
            assert states(seen) == [LOCKED, LOCKED, UNLOCKED]

    asyncio.run(main())


def test_a_bolt_that_moves_by_itself_is_said(context: Context, world: ManualWorld, pins: MockFactory) -> None:
    async def main() -> None:
        door = Door(pins)
        lock = built(context, SensedStrike, **LOCK)
        door.settle()
        async with running(lock) as seen:
            await world.advance(STABLE_MS)
            door.mechanics.force(0)
            door.settle()
            await world.advance(STABLE_MS)
        assert states(seen) == [LOCKED, UNLOCKED]

    asyncio.run(main())


def test_a_cut_wire_is_not_taken_for_locked(context: Context, world: ManualWorld, pins: MockFactory) -> None:
    async def main() -> None:
        async with running(built(context, SensedStrike, **LOCK)) as seen:
            await world.advance(STABLE_MS)
        assert states(seen) == [UNLOCKED]
        async with running(built(context, SensedStrike, **LOCK | {"pin": 17}, locked_when="high")) as seen:
            await world.advance(STABLE_MS)
        assert states(seen) == [LOCKED]

    asyncio.run(main())


def test_where_a_flapping_bolt_is_nobody_knows(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        pin = pins.pin(22)
        lock = built(context, SensedStrike, **LOCK)
        pin.drive_low()
        async with running(lock) as seen:
            await world.advance(STABLE_MS)
            for n in range(2 * UNSETTLED_MS // 5):
                (pin.drive_high if n % 2 == 0 else pin.drive_low)()
                await world.advance(5)
            assert states(seen) == [LOCKED, UNKNOWN]
            await world.advance(STEADY_MS)
        assert states(seen) == [LOCKED, UNKNOWN, LOCKED]
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]

    asyncio.run(main())


@pytest.mark.parametrize("energise", ["high", "low"])
@pytest.mark.parametrize(("wiring", "secured"), [("energise-to-unlock", False), ("energise-to-lock", True)])
@pytest.mark.parametrize("idle", [False, True])
def test_an_output_goes_to_its_first_level_and_nowhere_else(
    world: ManualWorld,
    context: Context,
    pins: MockFactory,
    energise: str,
    wiring: str,
    secured: bool,
    idle: bool,
) -> None:
    """A fire that is not confirmed as over starts a magnet without current; no level is passed through."""
    context = Context(world=world, base=context.base, line=world, pin_factory=pins, idle=idle)
    pin = pins.pin(27)
    first = (secured and not idle) == (energise == "high")
    pin._state = first
    pin.clear_states()
    lock = built(context, SensedStrike, **MAGNET | {"energise": energise, "wiring": wiring})
    lock.close()
    assert [state.state for state in pin.states] == [first]
    assert pin.function == "input"


def test_what_a_strike_cannot_be(context: Context, pins: MockFactory) -> None:
    for table, words in [
        (MAGNET | {"supply_cut_by": []}, "a magnetic lock needs the exit button and the fire panel"),
        (MAGNET | {"supply_cut_by": ["fire"]}, "a magnetic lock needs the exit button and the fire panel"),
        (LOCK | {"bolt_pin": 27}, "`pin` and `bolt_pin` are the same pin"),
        ({**LOCK, "bolt_pin": None, "locked_when": "high"}, "go with `bolt_pin`"),
        (LOCK | {"bolt_pin": 50}, "pin 50"),
    ]:
        with pytest.raises(ConfigError, match=f"device hall-strike: .*{words}"):
            built(context, SensedStrike, **table)
    assert isinstance(built(context, Strike, device="hall-strike", driver="strike", pin=27), Strike)
