"""Shelly relay of the second generation on MQTT: RPC, notifications of changes, a timer that switches back.

QoS 1 throughout, so a message may come twice. ``rpc_ntf``, ``enable_rpc`` and ``status_ntf`` are the settings
of its MQTT component; a device whose RPC is off answers nothing.
"""

import json
from typing import Any, Final

from .mqtt_core import Said
from .mqtt_device import sooner

ANSWER_MS: Final = 40
_EPOCH_S: Final = 1_700_000_000
_NO_METHOD: Final = 404
_BAD_PARAMS: Final = -105


class ShellyRelay:
    """One output. ``twice`` sends all twice; ``deaf``: it hears nothing; ``lose_answers`` counts down."""

    def __init__(
        self,
        prefix: str,
        *,
        initial_state: str = "off",
        rpc_ntf: bool = True,
        enable_rpc: bool = True,
        status_ntf: bool = False,
    ) -> None:
        self.prefix = prefix
        self.output = initial_state == "on"
        self.initial_state = initial_state
        self.rpc_ntf = rpc_ntf
        self.enable_rpc = enable_rpc
        self.status_ntf = status_ntf
        self.twice = False
        self.deaf = False
        self.lose_answers = 0
        self.heard: list[dict[str, Any]] = []
        """The parameters of every Switch.Set that it has carried out, in order."""
        self._timer_at: int | None = None
        self._out: list[tuple[int, Said]] = []

    @property
    def will(self) -> Said:
        return Said(f"{self.prefix}/online", b"false", retain=True, qos=1)

    @property
    def filters(self) -> tuple[str, ...]:
        return (f"{self.prefix}/rpc", f"{self.prefix}/command")

    def connected(self, now: int) -> None:
        self._say(f"{self.prefix}/online", b"true", now, retain=True)
        if self.rpc_ntf:
            self._notify("NotifyFullStatus", now, self._status())

    def receive(self, topic: str, payload: bytes, now: int) -> None:
        self._advance(now)
        if not topic.endswith("/rpc") or self.deaf or not self.enable_rpc:
            return
        try:
            request = json.loads(payload)
        except ValueError:
            return
        if not isinstance(request, dict) or not isinstance(request.get("src"), str):
            return
        answer = {
            "id": request.get("id"),
            "src": self.prefix,
            "dst": request["src"],
            **self._do(request, now),
        }
        if self.lose_answers:
            self.lose_answers -= 1
            return
        self._say(f"{request['src']}/rpc", json.dumps(answer).encode(), now + ANSWER_MS)

    def power_cycle(self, now: int) -> None:
        """It starts anew: the output is what it is set up to be, timers are gone."""
        self._timer_at = None
        self._switch(self.initial_state == "on", now, "init")

    def press(self, on: bool, now: int) -> None:
        """Somebody uses its button or its application."""
        self._advance(now)
        self._timer_at = None
        self._switch(on, now, "button")

    def transmit(self, now: int) -> list[Said]:
        self._advance(now)
        return sooner(self._out, now)

    def due(self) -> int | None:
        times = [at for at, _ in self._out]
        return min([*times, self._timer_at] if self._timer_at is not None else times, default=None)

    def _do(self, request: dict[str, Any], now: int) -> dict[str, Any]:
        method, params = request.get("method"), request.get("params") or {}
        if method == "Shelly.GetStatus":
            return {"result": self._status()}
        if method == "Switch.GetConfig":
            config = {"id": 0, "initial_state": self.initial_state, "auto_on": False, "auto_off": False}
            return {"result": config}
        if method != "Switch.Set":
            return {"error": {"code": _NO_METHOD, "message": f"No handler for {method}"}}
        if params.get("id") != 0 or not isinstance(params.get("on"), bool):
            return {"error": {"code": _BAD_PARAMS, "message": "Argument 'id' or 'on'"}}
        self.heard.append(params)
        was_on, after = self.output, params.get("toggle_after")
        # every order ends the timer of the one before
        self._timer_at = None if after is None else now + round(float(after) * 1000)
        self._switch(params["on"], now, "MQTT")
        return {"result": {"was_on": was_on}}

    def _advance(self, now: int) -> None:
        if self._timer_at is not None and self._timer_at <= now:
            at, self._timer_at = self._timer_at, None
            self._switch(not self.output, at, "timer")

    def _switch(self, on: bool, at: int, source: str) -> None:
        if on == self.output:
            return
        self.output = on
        if self.rpc_ntf:
            self._notify("NotifyStatus", at, {"switch:0": {"id": 0, "output": on, "source": source}})
        if self.status_ntf:
            self._say(f"{self.prefix}/status/switch:0", json.dumps(self._status()["switch:0"]).encode(), at)

    def _status(self) -> dict[str, Any]:
        return {
            "sys": {"uptime": 1},
            "switch:0": {"id": 0, "output": self.output, "source": "MQTT", "temperature": {"tC": 40.1}},
        }

    def _notify(self, method: str, at: int, components: dict[str, Any]) -> None:
        params = {"ts": _EPOCH_S + at / 1000, **components}
        frame = {"src": self.prefix, "dst": f"{self.prefix}/events", "method": method, "params": params}
        self._say(f"{self.prefix}/events/rpc", json.dumps(frame).encode(), at)

    def _say(self, topic: str, payload: bytes, at: int, retain: bool = False) -> None:
        said = Said(topic, payload, retain=retain, qos=1)
        self._out += [(at, said)] * (2 if self.twice and not retain else 1)
