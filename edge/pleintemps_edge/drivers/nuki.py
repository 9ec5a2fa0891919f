"""Nuki smart lock over its own MQTT (API 1.4), and its door sensor as a contact.

Topics ``nuki/ID/...``, values as text: ``state``, ``connected`` (its last will), ``timestamp`` and others are
retained; commands go to ``lockAction`` (1 unlock, 2 lock, 3 unlatch), one at a time, each answered on
``commandResponse`` (0 done, else an error of the BLE API). Source: Nuki MQTT API specification 1.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import Quantity, SeriesKind

from .base import ContactChanged, Emit, Sampled, SeriesSpec
from .health import HealthReporter
from .lock_states import (
    Answered,
    Bolt,
    Counted,
    Fact,
    Habits,
    Noted,
    Reachable,
    Reported,
    Wish,
)
from .mqtt_lock import UNREADABLE, Message, MqttLock, building_of
from .registry import Context, DeviceConfig, driver

LockId = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{1,16}$")]
TopicPart = Annotated[str, Meta(pattern=r"^[^+#\x00-\x1f/][^+#\x00-\x1f]{0,99}$")]
"""Text that may stand in a topic: no wildcard."""

_STATES: Final[Mapping[int, tuple[Bolt, str]]] = {
    0: (Bolt.FAULT, "not calibrated"),
    1: (Bolt.LOCKED, ""),
    2: (Bolt.MOVING, ""),
    3: (Bolt.UNLOCKED, ""),
    4: (Bolt.MOVING, ""),
    5: (Bolt.UNLOCKED, ""),
    6: (Bolt.UNLOCKED, ""),
    7: (Bolt.MOVING, ""),
    253: (Bolt.FAULT, "starting"),
    254: (Bolt.FAULT, "motor blocked"),
    255: (Bolt.FAULT, "state undefined"),
}
_LOCK: Final = 2
_BATTERIES: Final[Mapping[str, str]] = {
    "batteryCritical": "battery critical",
    "keypadBatteryCritical": "keypad's battery critical",
    "doorsensorBatteryCritical": "door sensor's battery critical",
}
_BOOLEANS: Final = {b"true": True, b"false": False}


class NukiConfig(DeviceConfig, frozen=True, kw_only=True):
    """``release`` lets the door be opened: ``unlatch`` draws bolt and latch, ``unlock`` the bolt only."""

    lock_id: LockId
    base: TopicPart = "nuki"
    release: Literal["unlatch", "unlock"] = "unlatch"
    confirm_s: Annotated[float, Meta(ge=1, le=60)] = 12.0

    def throws_bolt(self) -> bool:
        return True

    def needs_building(self) -> bool:
        return True


def _number(payload: bytes) -> int | None:
    """0 to 255 in plain digits; None for what is none."""
    number = int(payload) if payload.isdigit() and len(payload) <= 3 else 256
    return number if number <= 255 else None


def _instant(payload: bytes) -> float | None:
    """Unix seconds of an ISO 8601 time; None for what is none."""
    try:
        return datetime.fromisoformat(payload.decode("ascii")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class NukiSpeech:
    """``state`` is the last one heard, ``kept`` whether the broker kept it; ``stamp`` the ``timestamp`` of
    this line, ``newest`` the newest of all lines before.
    """

    prefix: str
    release: int
    state: int | None = None
    kept: bool = False
    connected: bool = False
    stamp: float | None = None
    newest: float | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        names = ("connected", "timestamp", "state", "commandResponse", "doorsensorState", *_BATTERIES)
        return tuple(f"{self.prefix}/{name}" for name in names)

    def hear(self, topic: str, payload: bytes, retained: bool) -> tuple["NukiSpeech", tuple[Fact, ...]]:
        name = topic[len(self.prefix) + 1 :]
        if name == "connected" and payload in _BOOLEANS:
            heard = replace(self, connected=_BOOLEANS[payload])
            return heard, (Reachable(heard.connected, kept=retained), *heard._report(kept=True))
        if name == "state" and (state := _number(payload)) is not None:
            heard = replace(self, state=state, kept=retained)
            return heard, heard._report(retained)
        if name == "timestamp" and (stamp := _instant(payload)) is not None:
            heard = replace(self, stamp=stamp)
            waited = self.kept and not self._fresh
            return heard, heard._report(kept=True) if waited else ()
        if name == "commandResponse" and (code := _number(payload)) is not None:
            # one that the broker kept answers nothing of ours
            return self, () if retained else (Answered(code == 0, f"refused with error {code}"),)
        if name == "doorsensorState" and (door := _number(payload)) is not None:
            return self, (Noted(name, "door sensor tampered with" if door == 240 else ""),)
        if name in _BATTERIES and payload in _BOOLEANS:
            return self, (Noted(name, _BATTERIES[name] if _BOOLEANS[payload] else ""),)
        return self, (Counted(UNREADABLE),)

    @property
    def _fresh(self) -> bool:
        """A kept state behind a time heard before is old news: the broker came back from a copy."""
        return self.newest is None or (self.stamp is not None and self.stamp >= self.newest)

    def _report(self, kept: bool) -> tuple[Fact, ...]:
        if self.state is None or not self.connected or (self.kept and not self._fresh):
            return ()
        bolt, words = _STATES.get(self.state, (Bolt.FAULT, f"unknown state {self.state}"))
        return (Reported(bolt, words, kept=kept),)

    def order(self, wish: Wish) -> tuple["NukiSpeech", tuple[Message, ...]]:
        action = self.release if wish is Wish.RELEASE else _LOCK
        return self, (Message(f"{self.prefix}/lockAction", b"%d" % action),)

    def ask(self) -> tuple["NukiSpeech", tuple[Message, ...]]:
        """A Nuki cannot be asked."""
        return self, ()

    def lost(self) -> "NukiSpeech":
        stamps = [stamp for stamp in (self.stamp, self.newest) if stamp is not None]
        return replace(self, state=None, connected=False, stamp=None, newest=max(stamps, default=None))


@driver("nuki", NukiConfig, serves="lock")
class Nuki(MqttLock):
    """Lock, unlock and unlatch by motor; it stays where it is without orders."""

    throws_bolt = True

    def __init__(self, config: NukiConfig, context: Context) -> None:
        action = 3 if config.release == "unlatch" else 1
        habits = Habits(
            confirm_ms=round(config.confirm_s * 1000),
            goals={Wish.RELEASE: Bolt.UNLOCKED, Wish.SECURE: Bolt.LOCKED},
            shy=True,
            one_at_a_time=True,
        )
        super().__init__(
            config.device, context, NukiSpeech(f"{config.base}/{config.lock_id}", action), habits
        )


# --- the door sensor --------------------------------------------------------------------------------------

_DOOR: Final[Mapping[int, str]] = {
    1: "door sensor switched off",
    4: "door sensor does not know",
    5: "door sensor calibrates",
    16: "door sensor not calibrated",
    240: "door sensor tampered with",
    255: "door sensor does not know",
}


class NukiContactConfig(DeviceConfig, frozen=True, kw_only=True):
    """The door sensor of the lock with ``lock_id``; ``space`` is behind the door."""

    space: Slug
    lock_id: LockId
    base: TopicPart = "nuki"
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 45

    def needs_building(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class DoorView:
    """What is known of the sensor: ``door`` is its last number, None before the first on this line."""

    line: bool = False
    connected: bool = False
    door: int | None = None

    def heard(self, name: str, payload: bytes) -> "DoorView":
        """With one message; what cannot be read changes nothing."""
        if name == "connected" and payload in _BOOLEANS:
            return replace(self, connected=_BOOLEANS[payload])
        number = _number(payload) if name == "doorsensorState" else None
        return self if number is None else replace(self, door=number)

    @property
    def health(self) -> tuple[Health, str] | None:
        if not self.line:
            return Health.SILENT, "no line to the building's broker"
        if not self.connected:
            return Health.SILENT, "not on the building's broker"
        if self.door is None:
            return None
        if self.door in (2, 3):
            return Health.OK, ""
        return Health.ERROR, _DOOR.get(self.door, f"unknown door state {self.door}")

    @property
    def open(self) -> bool | None:
        """None while it cannot be said."""
        health = self.health
        return self.door == 3 if health is not None and health[0] is Health.OK else None


@driver("nuki_contact", NukiContactConfig, serves="contact")
class NukiContact:
    """Open and closed as the lock's own sensor reports them."""

    def __init__(self, config: NukiContactConfig, context: Context) -> None:
        self.device = config.device
        self.series = (
            SeriesSpec(
                series=config.device,
                device=config.device,
                space=config.space,
                quantity=Quantity.CONTACT,
                kind=SeriesKind.STATE,
                max_silence_s=config.max_silence_s,
            ),
        )
        self._prefix = f"{config.base}/{config.lock_id}"
        self._world = context.world
        self._building = building_of(config.device, context)
        self._view = DoorView()
        self._said: bool | None = None

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        running = True

        def hear(topic: str, payload: bytes, _retained: bool) -> None:
            if running:
                self._show(self._view.heard(topic[len(self._prefix) + 1 :], payload), emit, health)

        def watch(online: bool) -> None:
            if running:
                self._show(DoorView(line=online), emit, health)

        try:
            for name in ("connected", "doorsensorState"):
                self._building.subscribe(f"{self._prefix}/{name}", hear)
            self._building.watch(watch)
            await self._world.sleep_until(2**62)
        finally:
            running = False

    def _show(self, view: DoorView, emit: Emit, health: HealthReporter) -> None:
        self._view = view
        if view.open is not None and view.open != self._said:
            at = self._world.now()
            emit(ContactChanged(self.device, view.open, at, self._world.monotonic()))
            emit(Sampled(self.device, at, float(view.open)))
        self._said = view.open
        if view.health is not None:
            health.report(*view.health)
