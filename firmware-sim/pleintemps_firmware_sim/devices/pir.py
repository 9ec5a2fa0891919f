"""HC-SR501 passive infrared sensor: warm-up, hold time, block time. Times in monotonic milliseconds."""

from typing import Final

WARM_UP_MS: Final = 60_000
HOLD_MS: Final = 15_000
BLOCK_MS: Final = 2_500
_WARM_UP_PULSE_MS: Final = 1_000


class Pir:
    """Output high for ``hold_ms`` after motion, then blind for ``block_ms``.

    ``retriggerable`` (jumper H): motion during the hold prolongs it. While it warms up the output follows
    its own mind: ``false_pulses`` (0-3) of one second, spread evenly, and no motion is seen.
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
    ) -> None:
        if not 0 <= false_pulses <= 3:
            raise ValueError(f"{false_pulses} pulses during the warm-up, 0 to 3 allowed")
        self._hold = hold_ms
        self._block = block_ms
        self._retriggerable = retriggerable
        self._warm_at = now + warm_up_ms
        step = warm_up_ms // (false_pulses + 1)
        self._false = [now + step * (place + 1) for place in range(false_pulses)]
        self._high_until = now
        self._blind_until = now

    def motion(self, now: int) -> None:
        """Something warm moves in the field of view."""
        if now < self._warm_at:
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
