"""What all locks on the building's broker have in common: the rim around :mod:`.lock_follow`."""

import asyncio
import logging
from typing import Final, NamedTuple, Protocol, Self

import msgspec

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.logs import line
from pleintemps_edge.waiting import wait_until

from .base import Building, Emit, HealthChanged, LockReported
from .lock_follow import due, health, step
from .lock_states import Ask, Fact, Follow, Habits, Line, Say, Send, Tick, Wish, Wished
from .registry import Context

MAX_BYTES: Final = 65_536
UNREADABLE: Final = "unreadable message"
"""What a payload is counted as that is not what its topic promises."""
UNDECODABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a payload that is not the JSON it should be."""
_LOG: Final = logging.getLogger(__name__)


class Message(NamedTuple):
    topic: str
    payload: bytes


class Speech(Protocol):
    """What one kind of lock says and understands: a frozen record, each method returns the next one."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Filters of what is heard."""

    def hear(self, topic: str, payload: bytes, retained: bool) -> tuple[Self, tuple[Fact, ...]]:
        """What a message means; never raises, whatever it is."""

    def order(self, wish: Wish) -> tuple[Self, tuple[Message, ...]]:
        """What tells the lock ``wish``."""

    def ask(self) -> tuple[Self, tuple[Message, ...]]:
        """What asks the lock how it is."""

    def lost(self) -> Self:
        """After the line was lost."""


def building_of(device: str, context: Context) -> Building:
    """The building's broker; raises ConfigError where none is configured."""
    if context.building is None:
        raise ConfigError(f"device {device}: needs the building's broker: set [building]")
    return context.building


class MqttLock:
    """A lock that is told by messages and tells by messages."""

    confirms = True
    series = ()

    def __init__(
        self, device: str, context: Context, speech: Speech, habits: Habits, frees_when_idle: bool = False
    ) -> None:
        self.device = device
        self.frees_when_idle = frees_when_idle
        self.confirm_ms = habits.confirm_ms
        self._world = context.world
        self._building = building_of(device, context)
        self._speech = speech
        wish = Wish.IDLE if context.idle else Wish.SECURE
        patience = self._world.monotonic() + habits.confirm_ms
        self._state = Follow(habits, wish=wish, unmet=wish in habits.goals, waits_until=patience)
        self._changed = asyncio.Event()
        self._emit: Emit | None = None
        self._health: tuple[Health, str] | None = None

    def release(self) -> None:
        """Let the door be opened; confirmed by a LockReported within ``confirm_ms``, or a fault is."""
        self._take(Wished(Wish.RELEASE))

    def secure(self) -> None:
        """Keep the door shut; confirmed as a release is."""
        self._take(Wished(Wish.SECURE))

    def idle(self) -> None:
        """Energise nothing; a motor lock begins no movement any more and stays where it is."""
        self._take(Wished(Wish.IDLE))

    def close(self) -> None:
        """There is no pin to give back: the last wish went out when it was made."""

    async def run(self, emit: Emit) -> None:
        """Follow the lock until cancelled."""
        self._emit = emit
        try:
            for topic in self._speech.topics:
                self._building.subscribe(topic, self._hear)
            self._building.watch(self._line)
            while True:
                self._changed.clear()
                self._take(Tick())
                await wait_until(self._world, self._changed, due(self._state))
        finally:
            self._emit = None

    def _line(self, online: bool) -> None:
        if not online:
            self._speech = self._speech.lost()
        self._take(Line(online))

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self._speech, facts = self._speech.hear(topic, payload[: MAX_BYTES + 1], retained)
        for fact in facts:
            self._take(fact)

    def _take(self, fact: Fact) -> None:
        now = self._world.monotonic()
        before = due(self._state)
        self._state, effects = step(self._state, fact, now)
        for effect in effects:
            if isinstance(effect, Say):
                if self._emit is not None:
                    self._emit(LockReported(self.device, effect.state, now))
                continue
            self._speech, messages = self._put(effect)
            for message in messages:
                self._building.publish(message.topic, message.payload)
        self._tell_health()
        if due(self._state) != before:
            self._changed.set()

    def _put(self, effect: Send | Ask) -> tuple[Speech, tuple[Message, ...]]:
        return self._speech.order(effect.wish) if isinstance(effect, Send) else self._speech.ask()

    def _tell_health(self) -> None:
        found = health(self._state)
        if found is None or found == self._health or self._emit is None:
            return
        before = self._health[0] if self._health is not None else None
        self._health = found
        if found[0] is not before:
            if found[0] is not Health.OK:
                _LOG.warning(line("device-down", device=self.device, health=found[0], detail=found[1]))
            elif before is not None:
                _LOG.info(line("device-back", device=self.device))
        self._emit(HealthChanged(self.device, *found))
