"""Door locks behind Zigbee2MQTT.

``BASE/NAME/set`` takes ``{"state":"LOCK"}`` and ``{"state":"UNLOCK"}``, ``BASE/NAME/get`` ``{"state":""}``;
``BASE/NAME`` carries the device's whole cached state at each change of any part of it, so only changes of the
lock mean something. Source: zigbee-herdsman-converters 26.112.0 (converters ``lock``,
``lock_operation_event``, ``lock_programming_event``) and Zigbee2MQTT's MQTT topics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from .lock_states import Bolt, Counted, Fact, Habits, Noted, Reachable, Reported, Wish
from .mqtt_lock import UNDECODABLE, UNREADABLE, Message, MqttLock
from .nuki import TopicPart
from .registry import Context, DeviceConfig, driver

_STATES: Final[Mapping[str, Bolt]] = {"LOCK": Bolt.LOCKED, "UNLOCK": Bolt.UNLOCKED}
_ORDERS: Final[Mapping[Wish, bytes]] = {
    Wish.RELEASE: b'{"state":"UNLOCK"}',
    Wish.SECURE: b'{"state":"LOCK"}',
}
_WRONG_CODES: Final = frozenset(
    {
        "lock_failure_invalid_pin_or_id",
        "lock_failure_invalid_schedule",
        "unlock_failure_invalid_pin_or_id",
        "unlock_failure_invalid_schedule",
    }
)
_CODES_CHANGED: Final = frozenset(
    {
        "master_code_changed",
        "pin_code_added",
        "pin_code_deleted",
        "pin_code_changed",
        "rfid_code_added",
        "rfid_code_deleted",
    }
)


class Zigbee2MqttConfig(DeviceConfig, frozen=True, kw_only=True):
    """``name`` is the lock's friendly name, ``base`` the base topic of this Zigbee2MQTT."""

    name: TopicPart
    base: TopicPart = "zigbee2mqtt"
    confirm_s: Annotated[float, Meta(ge=1, le=60)] = 12.0

    def throws_bolt(self) -> bool:
        return True

    def needs_building(self) -> bool:
        return True


class _Cached(msgspec.Struct, frozen=True):
    """What matters of a device's cached state."""

    state: str | None = None
    lock_state: str | None = None
    action: str | None = None
    battery_low: bool | None = None


class _Word(msgspec.Struct, frozen=True):
    state: str


def _there(payload: bytes) -> bool | None:
    """``online`` or ``offline``, in JSON or, from older versions, plain; None for anything else."""
    word = payload.decode("ascii", "replace")
    if word.startswith("{"):
        try:
            word = msgspec.json.decode(payload, type=_Word).state
        except UNDECODABLE:
            return None
    return {"online": True, "offline": False}.get(word)


@dataclass(frozen=True, slots=True)
class Zigbee2MqttSpeech:
    """``absent`` holds the topics that say offline: that of the bridge, that of the device."""

    base: str
    name: str
    absent: frozenset[str] = field(default_factory=frozenset)

    @property
    def topics(self) -> tuple[str, ...]:
        return (f"{self.base}/bridge/state", f"{self._own}/availability", self._own)

    @property
    def _own(self) -> str:
        return f"{self.base}/{self.name}"

    def hear(
        self, topic: str, payload: bytes, retained: bool
    ) -> tuple["Zigbee2MqttSpeech", tuple[Fact, ...]]:
        if topic != self._own:
            there = _there(payload)
            if there is None:
                return self, (Counted(UNREADABLE),)
            absent = self.absent - {topic} if there else self.absent | {topic}
            return replace(self, absent=absent), (Reachable(not absent, kept=retained),)
        try:
            cached = msgspec.json.decode(payload, type=_Cached)
        except UNDECODABLE:
            return self, (Counted(UNREADABLE),)
        return self, tuple(_facts(cached, retained))

    def order(self, wish: Wish) -> tuple["Zigbee2MqttSpeech", tuple[Message, ...]]:
        return self, (Message(f"{self._own}/set", _ORDERS[wish]),)

    def ask(self) -> tuple["Zigbee2MqttSpeech", tuple[Message, ...]]:
        return self, (Message(f"{self._own}/get", b'{"state":""}'),)

    def lost(self) -> "Zigbee2MqttSpeech":
        return replace(self, absent=frozenset())


def _facts(cached: _Cached, retained: bool) -> list[Fact]:
    facts: list[Fact] = []
    if cached.lock_state == "not_fully_locked":
        # ordinary while the bolt runs, a fault when it stays so
        facts.append(Reported(Bolt.FAULT, "not fully locked", passing=True, kept=retained))
    elif cached.state is not None:
        bolt = _STATES.get(cached.state)
        facts.append(Counted(UNREADABLE) if bolt is None else Reported(bolt, kept=retained))
    if cached.battery_low is not None:
        facts.append(Noted("battery_low", "battery low" if cached.battery_low else ""))
    if retained or cached.action is None:
        return facts  # what the broker kept is no event of now
    if cached.action in _WRONG_CODES:
        facts.append(Counted("wrong code at the lock's own keypad"))
    elif cached.action in _CODES_CHANGED:
        facts.append(Noted("codes", "codes were changed at the lock"))
    return facts


@driver("zigbee2mqtt", Zigbee2MqttConfig, serves="lock")
class Zigbee2MqttLock(MqttLock):
    """A motor lock; it stays where it is without orders."""

    throws_bolt = True

    def __init__(self, config: Zigbee2MqttConfig, context: Context) -> None:
        habits = Habits(
            confirm_ms=round(config.confirm_s * 1000),
            goals={Wish.RELEASE: Bolt.UNLOCKED, Wish.SECURE: Bolt.LOCKED},
            asks=True,
        )
        super().__init__(config.device, context, Zigbee2MqttSpeech(config.base, config.name), habits)
