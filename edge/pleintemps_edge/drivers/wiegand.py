"""Wiegand keypad that sends one frame a key: two pins."""

import asyncio
from typing import Any

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_edge.sensing.wiegand import (
    LATE_MS,
    MAX_EDGES,
    QUIET_MS,
    Edge,
    Key,
    KeyBits,
    complete,
    decode,
)

from .base import Emit, KeyPressed, Unreadable
from .gpio import PinNumber, Pull, edges, open_input
from .health import HealthReporter
from .registry import Context, DeviceConfig, driver


class WiegandConfig(DeviceConfig, frozen=True, kw_only=True):
    """``bits`` is the length of a key's frame; ``swap_star_hash`` is for readers that swap the two."""

    d0: PinNumber
    d1: PinNumber
    bits: KeyBits = 4
    swap_star_hash: bool = False
    pull: Pull = "up"

    def __post_init__(self) -> None:
        if self.d0 == self.d1:
            raise ValueError("`d0` and `d1` are the same pin")

    def pins(self) -> tuple[int, ...]:
        return (self.d0, self.d1)


@driver("wiegand", WiegandConfig, serves="readers")
class Wiegand:
    """Keys, and what came and was none. A key is said 25 ms after its last edge, in real time."""

    series = ()

    def __init__(self, config: WiegandConfig, context: Context) -> None:
        self.device = config.device
        self._config = config
        self._world = context.world
        self._line = context.line
        self._d0 = open_input(config.device, config.d0, config.pull, context.pin_factory)
        try:
            self._d1 = open_input(config.device, config.d1, config.pull, context.pin_factory)
        except ConfigError:
            self._d0.close()
            raise
        self._edges: list[Edge] = []
        self._origin: Any = None
        self._arrived_at = 0
        self._pressed_at = 0
        self._arrived = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        try:
            with (
                edges(self._d0, "falling", lambda ticks, _level: self._take(ticks, 0, health)),
                edges(self._d1, "falling", lambda ticks, _level: self._take(ticks, 1, health)),
            ):
                health.report(Health.OK)
                while True:
                    await self._arrived.wait()
                    await self._silence()
                    self._say(emit)
                    health.report(Health.OK)
        finally:
            self._d0.close()
            self._d1.close()

    def _take(self, ticks: Any, bit: int, health: HealthReporter) -> None:
        if not self._edges:
            self._origin = ticks
        if len(self._edges) <= MAX_EDGES:  # one more than allowed says that there were too many
            self._edges.append(Edge(self._since_origin_us(ticks), bit))
            if len(self._edges) > MAX_EDGES:
                health.report(Health.ERROR, "pulses without a pause")
        self._arrived_at = self._line.monotonic()
        self._pressed_at = self._world.monotonic()
        self._arrived.set()

    def _since_origin_us(self, ticks: Any) -> int:
        # ticks may wrap and the edge may be older than the first that arrived: the shorter way round is true
        ticks_diff = self._d0.pin_factory.ticks_diff
        after, before = ticks_diff(ticks, self._origin), ticks_diff(self._origin, ticks)
        seconds: float = after if abs(after) <= abs(before) else -before
        return round(1_000_000 * seconds)

    async def _silence(self) -> None:
        """Return when no edge has come for so long that none is missing or none will come."""
        for quiet_ms in (QUIET_MS, LATE_MS):
            while (due := self._arrived_at + quiet_ms) > self._line.monotonic():
                await self._line.sleep_until(due)
            if complete(self._edges, self._config.bits):
                return

    def _say(self, emit: Emit) -> None:
        found = decode(self._edges, self._config.bits, self._config.swap_star_hash)
        self._edges = []
        self._arrived.clear()
        for result in found:
            if isinstance(result, Key):
                emit(KeyPressed(self.device, result.key, self._pressed_at))
            else:
                emit(Unreadable(self.device, result.reason, self._pressed_at))
