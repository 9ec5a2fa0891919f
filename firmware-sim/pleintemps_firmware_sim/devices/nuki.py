"""Nuki smart lock with its own MQTT (API 1.4): motor, latch, door sensor; values as text, QoS 0.

All its topics but ``commandResponse`` and ``lockActionEvent`` are retained and published at each connection.
It does one command at a time: what comes meanwhile is answered busy. What is retained on ``lockAction`` it
obeys like any other command.
"""

from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from .mqtt_core import Said
from .mqtt_device import sooner

RESPONSE_MS: Final = 300
TRAVEL_MS: Final = 2_000
LATCH_MS: Final = 3_000
BUSY: Final = 69
"""K_ERROR_BUSY of the BLE API."""
_EPOCH_S: Final = 1_700_000_000


class State(IntEnum):
    UNCALIBRATED = 0
    LOCKED = 1
    UNLOCKING = 2
    UNLOCKED = 3
    LOCKING = 4
    UNLATCHED = 5
    UNLATCHING = 7
    BOOT = 253
    BLOCKED = 254
    UNDEFINED = 255


class Action(IntEnum):
    UNLOCK = 1
    LOCK = 2
    UNLATCH = 3


class Trigger(IntEnum):
    SYSTEM = 0
    MANUAL = 1
    BUTTON = 2
    MQTT = 172


class DoorSensor(IntEnum):
    OFF = 1
    CLOSED = 2
    OPEN = 3
    UNKNOWN = 4
    TAMPERED = 240


class NukiLock:
    """``lose_answers``: that many of the next answers are lost on the way; ``deaf``: it hears no command."""

    def __init__(self, lock_id: str, *, base: str = "nuki", state: State = State.LOCKED) -> None:
        self.prefix = f"{base}/{lock_id}"
        self.state = state
        self.door = DoorSensor.CLOSED
        self.battery_critical = False
        self.jammed = False
        self.deaf = False
        self.lose_answers = 0
        self.heard: list[int] = []
        """Every command that it has taken, in order."""
        self._busy = False
        self._steps: list[tuple[int, State]] = []
        self._out: list[tuple[int, Said]] = []

    @property
    def will(self) -> Said:
        return self._topic("connected", b"false")

    @property
    def filters(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}/{name}" for name in ("lockAction", "lock", "unlock"))

    def connected(self, now: int) -> None:
        values = {
            "deviceType": b"4",
            "name": b"Nuki",
            "firmware": b"4.5.1",
            "mode": b"2",
            "batteryCritical": str(self.battery_critical).lower().encode(),
            "batteryChargeState": b"80",
            "doorsensorState": b"%d" % self.door,
            "doorsensorBatteryCritical": b"false",
            "keypadBatteryCritical": b"false",
            "state": b"%d" % self.state,
            "timestamp": self._stamp(now),
            "connected": b"true",
        }
        self._out += [(now, self._topic(name, value)) for name, value in values.items()]

    def receive(self, topic: str, payload: bytes, now: int) -> None:
        self._advance(now)
        name = topic.rpartition("/")[2]
        simple = {"lock": Action.LOCK, "unlock": Action.UNLOCK}
        action: int | None = None
        if name == "lockAction" and payload in (b"1", b"2", b"3"):
            action = int(payload)
        elif name in simple and payload == b"true":
            action = simple[name]
        if action is None or self.deaf:
            return
        self.heard.append(action)
        if self._busy:
            self._answer(BUSY, now)
            return
        self._busy = True
        self._event(action, Trigger.MQTT, now)
        self._answer(0, now)
        self._move(Action(action), now + RESPONSE_MS)

    def turn(self, locked: bool, now: int) -> None:
        """Somebody turns the knob or the key by hand."""
        self._advance(now)
        action = Action.LOCK if locked else Action.UNLOCK
        self._event(action, Trigger.MANUAL, now)
        self._become(State.LOCKED if locked else State.UNLOCKED, now)

    def swing(self, door: DoorSensor, now: int) -> None:
        """The door sensor sees this from now on."""
        self.door = door
        self._out.append((now, self._topic("doorsensorState", b"%d" % door)))

    def drain(self, now: int) -> None:
        """The battery becomes critical."""
        self.battery_critical = True
        self._out.append((now, self._topic("batteryCritical", b"true")))

    def become(self, state: State, now: int) -> None:
        """It comes into ``state`` by itself: boot, lost calibration."""
        self._steps.clear()
        self._busy = False
        self._become(state, now)

    def transmit(self, now: int) -> list[Said]:
        self._advance(now)
        return sooner(self._out, now)

    def due(self) -> int | None:
        times = [at for at, _ in self._out] + [at for at, _ in self._steps]
        return min(times, default=None)

    def _move(self, action: Action, start: int) -> None:
        """Motor and latch as a list of states to come."""
        arrive = start + TRAVEL_MS
        if action is Action.LOCK:
            moving, reached = State.LOCKING, State.LOCKED
        elif action is Action.UNLOCK:
            moving, reached = State.UNLOCKING, State.UNLOCKED
        else:
            moving, reached = State.UNLATCHING, State.UNLATCHED
        if self.state is reached:
            self._steps = [(start, reached)]
            return
        self._steps = [(start, moving), (arrive, reached)]
        if action is Action.UNLATCH:
            self._steps.append((arrive + LATCH_MS, State.UNLOCKED))

    def _advance(self, now: int) -> None:
        while self._steps and self._steps[0][0] <= now:
            at, state = self._steps.pop(0)
            moving = state in (State.LOCKING, State.UNLOCKING, State.UNLATCHING)
            if self.jammed and not moving and state is not self.state:
                state = State.BLOCKED
                self._steps.clear()
            if not self._steps:
                self._busy = False
            if state is not self.state:
                self._become(state, at)

    def _become(self, state: State, at: int) -> None:
        self.state = state
        self._out.append((at, self._topic("state", b"%d" % state)))
        self._out.append((at, self._topic("timestamp", self._stamp(at))))

    def _answer(self, code: int, now: int) -> None:
        if self.lose_answers:
            self.lose_answers -= 1
            return
        self._out.append((now + RESPONSE_MS, Said(f"{self.prefix}/commandResponse", b"%d" % code)))

    def _event(self, action: int, trigger: Trigger, now: int) -> None:
        text = f"{action},{trigger:d},0,0,0".encode()
        self._out.append((now, Said(f"{self.prefix}/lockActionEvent", text)))

    def _topic(self, name: str, value: bytes) -> Said:
        return Said(f"{self.prefix}/{name}", value, retain=True)

    def _stamp(self, now: int) -> bytes:
        """ISO 8601; its clock starts with the monotonic one."""
        return datetime.fromtimestamp(_EPOCH_S + now / 1000, UTC).isoformat(timespec="seconds").encode()
