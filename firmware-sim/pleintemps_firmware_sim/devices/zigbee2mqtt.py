"""Zigbee2MQTT with one door lock behind it, as its users see it on MQTT.

A command gives no optimistic state: what the lock reports by radio is merged into a cached state, and the
whole cache is published at each report of any part of it, old values included. Radio takes its time and may
lose things.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from .mqtt_core import Said
from .mqtt_device import sooner

RADIO_MS: Final = 150
TRAVEL_MS: Final = 1_500
NOT_FULLY_LOCKED: Final = 0
LOCKED: Final = 1
UNLOCKED: Final = 2
"""LockState of the Zigbee cluster closuresDoorLock."""
CODES: Final = 250
"""Places for codes that the lock has, from 0 on."""
_USER_STATUS: Final = {0: "available", 1: "enabled", 3: "disabled"}
LOW_PERCENT: Final = 15
_WORDS: Final = ("not_fully_locked", "locked", "unlocked")


class Zigbee2MqttLock:
    """The bridge and its lock. ``deaf``: the lock's radio is out of reach, the bridge does not know yet."""

    def __init__(
        self,
        name: str,
        *,
        base: str = "zigbee2mqtt",
        lock_state: int = LOCKED,
        via_between: bool = False,
        expose_pin: bool = False,
    ) -> None:
        """``via_between``: the lock reports not_fully_locked while its bolt runs, as some do. ``expose_pin``:
        the bridge shows codes.
        """
        self.base = base
        self.name = name
        self.lock_state = lock_state
        self.via_between = via_between
        self.jammed = False
        self.deaf = False
        self.keeps_cleared = False
        """A fault: it calls a code's place available and goes on taking the code."""
        self.codes: dict[int, tuple[int, str]] = {}
        """Status (1 enabled, 3 disabled) and digits of the codes in the lock."""
        self._expose_pin = expose_pin
        self._cleared: set[int] = set()
        self.heard: list[str] = []
        """Every command that the lock has taken, in order."""
        self._cache: dict[str, Any] = {"battery": 87, "linkquality": 96}
        self._merge_lock(lock_state)
        self._steps: list[tuple[int, int]] = []
        self._out: list[tuple[int, Said]] = []

    @property
    def will(self) -> Said:
        return Said(f"{self.base}/bridge/state", b'{"state":"offline"}', retain=True, qos=1)

    @property
    def filters(self) -> tuple[str, ...]:
        return (f"{self.base}/{self.name}/set", f"{self.base}/{self.name}/get")

    def connected(self, now: int) -> None:
        self._out.append((now, Said(f"{self.base}/bridge/state", b'{"state":"online"}', retain=True, qos=1)))
        self.available(True, now)

    def receive(self, topic: str, payload: bytes, now: int) -> None:
        self._advance(now)
        try:
            asked = json.loads(payload)
        except ValueError:
            return
        if not isinstance(asked, dict) or self.deaf:
            return
        if "pin_code" in asked:
            self._code(asked["pin_code"], topic.endswith("/get"), now + RADIO_MS)
        if "state" not in asked:
            return
        if topic.endswith("/get"):
            self._report(now + RADIO_MS, {})
            return
        word = str(asked["state"]).upper()
        if word not in ("LOCK", "UNLOCK"):
            return
        self.heard.append(word)
        target = LOCKED if word == "LOCK" else UNLOCKED
        start = now + RADIO_MS
        if target == self.lock_state and not self._steps:
            return  # nothing moves and no attribute changes: no report
        self._steps = [(start + TRAVEL_MS, NOT_FULLY_LOCKED if self.jammed else target)]
        if self.via_between:
            self._steps.insert(0, (start, NOT_FULLY_LOCKED))

    def turn(self, locked: bool, now: int) -> None:
        """Somebody turns the knob by hand: an operation event and the attribute's report."""
        self._advance(now)
        self._action("manual_lock" if locked else "manual_unlock", now)
        self._become(LOCKED if locked else UNLOCKED, now)

    def wrong_code(self, now: int) -> None:
        """A wrong code at the lock's own keypad."""
        self._action("unlock_failure_invalid_pin_or_id", now, action_user=65_535, action_source=0)

    def program(self, now: int) -> None:
        """Somebody adds a code at the lock."""
        self._action("pin_code_added", now, action_user=3, action_source=0)

    def battery(self, percent: int, now: int) -> None:
        """The battery reports, and the whole cache with it."""
        low = percent < LOW_PERCENT
        # a lock that has never been low says nothing of it
        told = {"battery_low": low} if low or "battery_low" in self._cache else {}
        self._report(now, {"battery": percent, **told})

    def available(self, online: bool, now: int) -> None:
        """What the bridge has found out about the lock's radio."""
        state = b'{"state":"online"}' if online else b'{"state":"offline"}'
        topic = f"{self.base}/{self.name}/availability"
        self._out.append((now, Said(topic, state, retain=True, qos=1)))

    def transmit(self, now: int) -> list[Said]:
        self._advance(now)
        return sooner(self._out, now)

    def due(self) -> int | None:
        return min([at for at, _ in self._out] + [at for at, _ in self._steps], default=None)

    def _advance(self, now: int) -> None:
        while self._steps and self._steps[0][0] <= now:
            at, lock_state = self._steps.pop(0)
            self._become(lock_state, at)

    def _become(self, lock_state: int, at: int) -> None:
        self.lock_state = lock_state
        if not self.deaf:
            self._merge_lock(lock_state)
            self._report(at, {})

    def _code(self, wanted: Any, asked: bool, at: int) -> None:
        """Set, clear or read the code of a user; one that the lock has no place for changes nothing."""
        user = wanted.get("user") if isinstance(wanted, dict) else None
        if asked and user is None:
            self._tell_codes(range(CODES), at)
        elif isinstance(user, bool) or not isinstance(user, int) or not 0 <= user < CODES:
            return
        elif asked:
            self._tell_codes((user,), at)
        elif wanted.get("pin_code") is None:
            self._cleared.add(user)
            if not self.keeps_cleared:
                self.codes.pop(user, None)
        else:
            # a number has lost its leading zeros before it came here
            enabled = wanted.get("user_enabled") in (None, True)
            self.codes[user] = (1 if enabled else 3, str(wanted["pin_code"]))
            self._cleared.discard(user)

    def _tell_codes(self, users: Iterable[int], at: int) -> None:
        told = {}
        for user in users:
            status, digits = self.codes.get(user, (0, "")) if user not in self._cleared else (0, "")
            told[str(user)] = {"status": _USER_STATUS[status]}
            if self._expose_pin and digits:
                told[str(user)]["pin_code"] = digits
        self._report(at, {"users": {**self._cache.get("users", {}), **told}})

    def _merge_lock(self, lock_state: int) -> None:
        """As the converter does: anything but locked is UNLOCK."""
        self._cache["state"] = "LOCK" if lock_state == LOCKED else "UNLOCK"
        self._cache["lock_state"] = _WORDS[lock_state]

    def _report(self, at: int, news: dict[str, Any]) -> None:
        self._cache.update(news)
        payload = json.dumps(self._cache, separators=(",", ":")).encode()
        self._out.append((at, Said(f"{self.base}/{self.name}", payload, qos=0)))

    def _action(self, action: str, at: int, **more: int) -> None:
        """Published with the cache, kept out of it."""
        payload = json.dumps({**self._cache, "action": action, **more}, separators=(",", ":")).encode()
        self._out.append((at, Said(f"{self.base}/{self.name}", payload, qos=0)))
