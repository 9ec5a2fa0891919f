"""Electric strike or magnetic lock behind a relay: one output, and its bolt contact where it has one."""

import asyncio
from typing import Final, Literal

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.onvif import LockPhysicalState
from pleintemps_edge.sensing.debounce import Changed, Effect, Flap
from pleintemps_edge.waiting import wait_until

from .base import Emit, LockReported
from .contact import follow
from .gpio import Level, PinNumber, Pull, give_back, open_input, open_output, put
from .health import HealthReporter
from .registry import Context, DeviceConfig, driver
from .supply import Cut, refuse_if_it_could_lock_in

ANSWER_MS: Final = 1_000
"""A bolt that has not followed by then answers with where it is."""


class StrikeConfig(DeviceConfig, frozen=True, kw_only=True):
    """``energise`` is the level that energises the lock, ``wiring`` what an energised lock does.

    ``supply_cut_by`` names the contacts that stand in series with its supply and free it by themselves. A
    lock that needs current to hold, and has not both, could lock somebody in: it is refused.

    ``bolt_pin`` reads where the bolt is (a magnet: whether its armature sticks), ``locked_when`` is its level
    then. With the contact between pin and ground and ``bolt_pull`` up a cut wire is never taken for locked.
    """

    pin: PinNumber
    energise: Level = "high"
    wiring: Literal["energise-to-unlock", "energise-to-lock"] = "energise-to-unlock"
    supply_cut_by: tuple[Cut, ...] = ()
    bolt_pin: PinNumber | None = None
    locked_when: Level = "low"
    bolt_pull: Pull = "up"

    def __post_init__(self) -> None:
        if self.bolt_pin == self.pin:
            raise ValueError("`pin` and `bolt_pin` are the same pin")
        refuse_if_it_could_lock_in(
            holds_by_current=self.wiring == "energise-to-lock", cut_by=self.supply_cut_by
        )
        if self.bolt_pin is None and (self.locked_when, self.bolt_pull) != ("low", "up"):
            raise ValueError("`locked_when` and `bolt_pull` go with `bolt_pin`")

    def pins(self) -> tuple[int, ...]:
        return (self.pin,) if self.bolt_pin is None else (self.pin, self.bolt_pin)


class Strike:
    """A lock that a level holds. Made secured: the output goes straight to the level that secures."""

    confirms = False

    def __init__(self, config: StrikeConfig, context: Context) -> None:
        self.device = config.device
        self._locks_on = config.wiring == "energise-to-lock"
        self._resting = self._locks_on and not context.idle
        self._output = open_output(
            config.device, config.pin, config.energise, self._resting, context.pin_factory
        )

    @property
    def frees_when_idle(self) -> bool:
        """A magnet that holds by current lets go without it."""
        return self._locks_on

    def release(self) -> None:
        """Let the door be opened."""
        put(self.device, self._output, not self._locks_on)

    def secure(self) -> None:
        """Keep the door shut."""
        self._resting = self._locks_on
        put(self.device, self._output, self._locks_on)

    def idle(self) -> None:
        """Energise nothing."""
        self._resting = False
        put(self.device, self._output, False)

    def close(self) -> None:
        """Give the pin back at rest; from then on the board's own resistor holds the level."""
        give_back(self._output, self._resting)


class SensedStrike:
    """A strike that sees its own bolt: it answers each movement, and says what the bolt does by itself.

    The answer comes when the bolt is where it was wanted, at once where it is there already, and after a
    second wherever it is then. A bolt contact that flaps is an error, and where the bolt is nobody knows.
    """

    confirms = True
    series = ()

    def __init__(self, config: StrikeConfig, bolt_pin: int, context: Context) -> None:
        self.device = config.device
        self._strike = Strike(config, context)
        self._locked_level = config.locked_when == "high"
        self._world = context.world
        try:
            self._bolt = open_input(config.device, bolt_pin, config.bolt_pull, context.pin_factory)
        except ConfigError:
            self._strike.close()
            raise
        self._settled = LockPhysicalState.UNKNOWN
        self._state = LockPhysicalState.UNKNOWN
        self._wanted = LockPhysicalState.UNKNOWN
        self._answer_by: int | None = None
        self._moved = asyncio.Event()

    @property
    def frees_when_idle(self) -> bool:
        return self._strike.frees_when_idle

    def release(self) -> None:
        self._strike.release()
        self._ask(LockPhysicalState.UNLOCKED)

    def secure(self) -> None:
        self._strike.secure()
        self._ask(LockPhysicalState.LOCKED)

    def idle(self) -> None:
        self._strike.idle()
        self._ask(LockPhysicalState.UNLOCKED if self.frees_when_idle else LockPhysicalState.LOCKED)

    def close(self) -> None:
        self._strike.close()
        self._bolt.close()

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        health.report(Health.OK)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    follow(self._bolt, self._world, lambda effect: self._take(effect, emit, health))
                )
                group.create_task(self._answer(emit))
        finally:
            self._bolt.close()

    def _ask(self, wanted: LockPhysicalState) -> None:
        self._wanted = wanted
        self._answer_by = self._world.monotonic() + ANSWER_MS
        self._moved.set()

    def _take(self, effect: Effect, emit: Emit, health: HealthReporter) -> None:
        if isinstance(effect, Changed):
            locked = effect.level == self._locked_level
            self._settled = LockPhysicalState.LOCKED if locked else LockPhysicalState.UNLOCKED
            self._say(self._settled, emit)
        elif effect is Flap.FLAPPING:
            health.report(Health.ERROR, "bolt contact flapping")
            self._say(LockPhysicalState.UNKNOWN, emit)
        else:
            health.report(Health.OK)
            if self._state is not self._settled:
                self._say(self._settled, emit)

    def _say(self, state: LockPhysicalState, emit: Emit) -> None:
        self._state = state
        if state is self._wanted:
            self._answer_by = None
        emit(LockReported(self.device, state, self._world.monotonic()))

    async def _answer(self, emit: Emit) -> None:
        while True:
            self._moved.clear()
            due = self._answer_by
            if due is not None and (self._state is self._wanted or self._world.monotonic() >= due):
                self._answer_by = None
                self._say(self._state, emit)
            await wait_until(self._world, self._moved, self._answer_by)


@driver("strike", StrikeConfig, serves="lock")
def make(config: StrikeConfig, context: Context) -> Strike | SensedStrike:
    """The strike of ``config``: one that sees its bolt where a pin reads it."""
    if config.bolt_pin is None:
        return Strike(config, context)
    return SensedStrike(config, config.bolt_pin, context)
