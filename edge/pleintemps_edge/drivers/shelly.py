"""Shelly relay of the second generation (RPC over MQTT) that energises a strike or a magnet.

Requests go to ``PREFIX/rpc`` and are answered on ``SRC/rpc`` with their id; ``PREFIX/events/rpc``
carries NotifyStatus, which names only what changed; ``PREFIX/online`` is the last will. QoS 1: anything may
come twice. Source: shelly-api-docs.shelly.cloud, gen2, RPCProtocol, Notifications and Switch.

A strike is energised with ``toggle_after``: the relay itself lets go when the agent does not renew it. A
magnet is never switched with it: nothing may put a magnet back to work by itself.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from .lock_states import (
    Answered,
    Bolt,
    Complained,
    Counted,
    Fact,
    Habits,
    Noted,
    Reachable,
    Reported,
    Wish,
)
from .mqtt_lock import UNDECODABLE, UNREADABLE, Message, MqttLock
from .nuki import TopicPart
from .registry import Context, DeviceConfig, driver
from .supply import Cut, refuse_if_it_could_lock_in

POLL_MS: Final = 15_000
_DOUBLE_S: Final = 60.0
"""Older by less than this, a notification is one that came twice; by more, the relay's clock was set."""

Wiring = Literal["energise-to-unlock", "energise-to-lock"]


class ShellyConfig(DeviceConfig, frozen=True, kw_only=True):
    """``prefix`` is the relay's topic prefix, ``switch`` the number of its output.

    ``supply_cut_by`` as for a strike. ``hold_s`` is after how long a released strike falls back by itself if
    the agent does not renew it.
    """

    prefix: TopicPart
    switch: Annotated[int, Meta(ge=0, le=7)] = 0
    wiring: Wiring = "energise-to-unlock"
    supply_cut_by: tuple[Cut, ...] = ()
    hold_s: Annotated[float, Meta(ge=3, le=60)] = 10.0
    confirm_s: Annotated[float, Meta(ge=1, le=60)] = 3.0

    def __post_init__(self) -> None:
        refuse_if_it_could_lock_in(
            holds_by_current=self.wiring == "energise-to-lock", cut_by=self.supply_cut_by
        )

    def needs_building(self) -> bool:
        return True


class _Error(msgspec.Struct, frozen=True):
    code: int


class _Frame(msgspec.Struct, frozen=True):
    """An answer (``result`` or ``error``) or a notification (``method`` and ``params``)."""

    id: int | None = None
    method: str | None = None
    params: dict[str, msgspec.Raw] = field(default_factory=dict)
    result: dict[str, msgspec.Raw] | None = None
    error: _Error | None = None


class _Switch(msgspec.Struct, frozen=True):
    output: bool | None = None
    errors: list[str] | None = None


@dataclass(frozen=True, slots=True)
class ShellySpeech:
    """``set_id``, ``status_id`` and ``config_id`` are the questions that wait for their answers.

    ``full`` is whether a full status was had on this line, ``ts`` the time of the last notification.
    """

    prefix: str
    source: str
    switch: int
    wiring: Wiring
    hold_s: float
    last_id: int = 0
    set_id: int | None = None
    status_id: int | None = None
    config_id: int | None = None
    full: bool = False
    ts: float | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        return (f"{self.source}/rpc", f"{self.prefix}/online", f"{self.prefix}/events/rpc")

    def hear(self, topic: str, payload: bytes, retained: bool) -> tuple["ShellySpeech", tuple[Fact, ...]]:
        if topic == f"{self.prefix}/online":
            there = {b"true": True, b"false": False}.get(payload)
            if there is None:
                return self, (Counted(UNREADABLE),)
            return replace(self, full=False, ts=None), (Reachable(there, kept=retained),)
        if retained:
            return self, ()  # answers and notifications are of their moment
        try:
            frame = msgspec.json.decode(payload, type=_Frame)
            if topic == f"{self.source}/rpc":
                return self._answer(frame)
            return self._notified(frame)
        except UNDECODABLE:
            return self, (Counted(UNREADABLE),)

    def _answer(self, frame: _Frame) -> tuple["ShellySpeech", tuple[Fact, ...]]:
        if frame.id is None:
            return self, (Counted(UNREADABLE),)
        if frame.id == self.set_id:
            answered = replace(self, set_id=None)
            if frame.error is not None:
                return answered, (Answered(False, f"refused with error {frame.error.code}"),)
            return answered, (Answered(True),)
        if frame.id == self.status_id and frame.result is not None:
            return replace(self, status_id=None, full=True), self._reports(frame.result)
        if frame.id == self.config_id and frame.result is not None:
            return replace(self, config_id=None), (_complaint(frame.result),)
        return self, ()  # of an older question, or a second time

    def _notified(self, frame: _Frame) -> tuple["ShellySpeech", tuple[Fact, ...]]:
        if frame.method not in ("NotifyStatus", "NotifyFullStatus"):
            return self, ()
        ts = msgspec.json.decode(frame.params["ts"], type=float) if "ts" in frame.params else None
        if ts is not None and self.ts is not None and 0 < self.ts - ts < _DOUBLE_S:
            return self, ()
        full = self.full or frame.method == "NotifyFullStatus"
        heard = replace(self, ts=ts if ts is not None else self.ts, full=full)
        # a change has to lie over a full status; one is asked for at each return
        return heard, heard._reports(frame.params) if full else ()

    def _reports(self, components: dict[str, msgspec.Raw]) -> tuple[Fact, ...]:
        raw = components.get(f"switch:{self.switch}")
        if raw is None:
            return ()
        switch = msgspec.json.decode(raw, type=_Switch)
        facts: list[Fact] = []
        if switch.output is not None:
            locks = switch.output == (self.wiring == "energise-to-lock")
            facts.append(Reported(Bolt.LOCKED if locks else Bolt.UNLOCKED))
        if switch.errors is not None:
            facts.append(Noted("errors", f"relay says {', '.join(switch.errors)}" if switch.errors else ""))
        return tuple(facts)

    def order(self, wish: Wish) -> tuple["ShellySpeech", tuple[Message, ...]]:
        on = wish is (Wish.RELEASE if self.wiring == "energise-to-unlock" else Wish.SECURE)
        params: dict[str, object] = {"id": self.switch, "on": on}
        if on and self.wiring == "energise-to-unlock":
            params["toggle_after"] = self.hold_s
        speech, message = self._request("Switch.Set", params)
        return replace(speech, set_id=speech.last_id), (message,)

    def ask(self) -> tuple["ShellySpeech", tuple[Message, ...]]:
        speech, status = self._request("Shelly.GetStatus")
        speech = replace(speech, status_id=speech.last_id)
        if self.full:
            return speech, (status,)
        speech, config = speech._request("Switch.GetConfig", {"id": self.switch})
        return replace(speech, config_id=speech.last_id), (status, config)

    def lost(self) -> "ShellySpeech":
        return replace(self, set_id=None, status_id=None, config_id=None, full=False, ts=None)

    def _request(
        self, method: str, params: dict[str, object] | None = None
    ) -> tuple["ShellySpeech", Message]:
        number = self.last_id + 1
        request: dict[str, object] = {"id": number, "src": self.source, "method": method}
        if params is not None:
            request["params"] = params
        return replace(self, last_id=number), Message(f"{self.prefix}/rpc", msgspec.json.encode(request))


class _SwitchConfig(msgspec.Struct, frozen=True):
    initial_state: str = ""
    auto_on: bool = False


def _complaint(result: dict[str, msgspec.Raw]) -> Complained:
    """A relay that comes on by itself moves a lock by itself."""
    config = msgspec.convert(
        {key: msgspec.json.decode(raw) for key, raw in result.items()}, type=_SwitchConfig
    )
    if config.initial_state != "off":
        return Complained("the relay's power-on default is not off")
    return Complained("the relay has a timer that switches it on" if config.auto_on else "")


@driver("shelly", ShellyConfig, serves="lock")
class ShellyRelay(MqttLock):
    """A strike or magnet behind the relay; what is reported is the relay, a bolt it does not see."""

    def __init__(self, config: ShellyConfig, context: Context) -> None:
        magnet = config.wiring == "energise-to-lock"
        source = f"pleintemps-{config.device}-{context.world.new_id()[:8]}"
        habits = Habits(
            confirm_ms=round(config.confirm_s * 1000),
            goals={
                Wish.RELEASE: Bolt.UNLOCKED,
                Wish.SECURE: Bolt.LOCKED,
                Wish.IDLE: Bolt.UNLOCKED if magnet else Bolt.LOCKED,
            },
            asks=True,
            poll_ms=POLL_MS,
            renew_ms=None if magnet else round(config.hold_s * 500),
        )
        speech = ShellySpeech(config.prefix, source, config.switch, config.wiring, config.hold_s)
        super().__init__(config.device, context, speech, habits, frees_when_idle=magnet)
