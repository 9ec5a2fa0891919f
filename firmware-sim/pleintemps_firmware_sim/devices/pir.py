"""Passive infrared sensors: warm-up, hold time, block time. Times in monotonic milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .pins_core import NS, PinEdge

WARM_UP_MS: Final = 60_000
HOLD_MS: Final = 15_000
BLOCK_MS: Final = 2_500
_WARM_UP_PULSE_MS: Final = 1_000
_LOOK_MS: Final = 200
"""How often somebody who moves on is noticed."""


@dataclass(frozen=True, slots=True)
class Model:
    """``lowest_hold_ms`` and ``highest_hold_ms`` are the ends of its trimmer, if it has one."""

    what: str
    hold_ms: int
    block_ms: int
    warm_up_ms: int
    lowest_hold_ms: int
    highest_hold_ms: int
    period_ms: int = 0
    awake_ms: int = 0
    """A node on a battery looks only in the last ``awake_ms`` of each ``period_ms``; 0 is always."""


MODELS: Final[Mapping[str, Model]] = {
    "hc-sr501": Model(
        "hold 15 s (0.3-200), block 2.5 s, warm-up 60 s", HOLD_MS, BLOCK_MS, WARM_UP_MS, 300, 200_000
    ),
    "sleepy": Model(
        "on a battery: looks 9 s of each 30 s, hold 300 s", 300_000, 0, 0, 60_000, 600_000, 30_000, 9_000
    ),
    "am312": Model("hold 2 s (fixed), block 2 s, warm-up 60 s", 2_000, 2_000, WARM_UP_MS, 2_000, 2_000),
}
"""HC-SR501: escol.com.my. AM312: tagelabs.com; its warm-up is not stated and taken from the other. The node
on a battery is as Netvox's R315.
"""


class Pir:
    """Output high for ``hold_ms`` after motion, then blind for ``block_ms``.

    ``retriggerable`` (jumper H): motion during the hold prolongs it. While it warms up the output follows
    its own mind: ``false_pulses`` (0-3) of one second, spread evenly, and no motion is seen. One that sleeps
    sees only in the last ``awake_ms`` of each ``period_ms`` since power-up.
    """

    def __init__(
        self,
        now: int,
        *,
        hold_ms: int = HOLD_MS,
        block_ms: int = BLOCK_MS,
        warm_up_ms: int = WARM_UP_MS,
        false_pulses: int = 0,
        retriggerable: bool = True,
        period_ms: int = 0,
        awake_ms: int = 0,
    ) -> None:
        if not 0 <= false_pulses <= 3:
            raise ValueError(f"{false_pulses} pulses during the warm-up, 0 to 3 allowed")
        self._hold = hold_ms
        self._block = block_ms
        self._retriggerable = retriggerable
        self._powered = now
        self._period = period_ms
        self._awake = awake_ms
        self._warm_at = now + warm_up_ms
        step = warm_up_ms // (false_pulses + 1)
        self._false = [now + step * (place + 1) for place in range(false_pulses)]
        self._high_until = now
        self._blind_until = now

    def motion(self, now: int) -> None:
        """Something warm moves in the field of view."""
        asleep = self._period and (now - self._powered) % self._period < self._period - self._awake
        if now < self._warm_at or asleep:
            return
        if now < self._high_until:
            if self._retriggerable:
                self._raise(now)
        elif now >= self._blind_until:
            self._raise(now)

    def output(self, now: int) -> int:
        """Level of the OUT pin, 0 or 1."""
        if now < self._warm_at:
            return int(any(start <= now < start + _WARM_UP_PULSE_MS for start in self._false))
        return int(now < self._high_until)

    def due(self, now: int) -> int | None:
        """When the output will next change by itself; None if only motion can change it."""
        moments = [moment for start in self._false for moment in (start, start + _WARM_UP_PULSE_MS)]
        moments.append(self._high_until)
        return min((moment for moment in moments if moment > now), default=None)

    def _raise(self, now: int) -> None:
        self._high_until = now + self._hold
        self._blind_until = self._high_until + self._block


class PirOnPin:
    """A PIR on the line ``out``, with somebody before it, or a fault: stuck high or low."""

    def __init__(self, pir: Pir, now: int) -> None:
        self._pir = pir
        self._moving_until = now
        self._stuck: Literal[0, 1] | None = None
        self._level = pir.output(now)
        self._now = now

    def move(self, now: int, milliseconds: int = 0) -> None:
        """Somebody moves now, and goes on for ``milliseconds``."""
        self._now = max(self._now, now)
        self._pir.motion(now)
        self._moving_until = now + milliseconds

    def stick(self, level: Literal[0, 1] | None) -> None:
        """Its output stays where it is put; None mends it."""
        self._stuck = level

    def power(self, pir: Pir, now: int) -> None:
        """It starts anew as ``pir``: warm-up again."""
        self._pir = pir
        self._moving_until = now

    def levels(self) -> dict[str, int]:
        return {"out": self._level}

    def edges(self, now: int) -> list[PinEdge]:
        self._now = now
        if now < self._moving_until:
            self._pir.motion(now)
        level = self._pir.output(now) if self._stuck is None else self._stuck
        if level == self._level:
            return []
        self._level = level
        return [PinEdge(now * NS, "out", level)]

    def due(self) -> int | None:
        looks = [self._now + _LOOK_MS] if self._now < self._moving_until else []
        alone = self._pir.due(self._now)
        return min([*looks, alone] if alone is not None else looks, default=None)

    def driven(self, line: str, level: int, now: int) -> None:
        """Its output is its own."""
