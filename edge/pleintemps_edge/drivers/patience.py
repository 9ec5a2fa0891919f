"""Waiting for bytes on a line: in the World's time, but never less than half a second of real time.

A simulated clock may run a hundred times faster; bytes, kernels and schedulers do not.
"""

from typing import Final

from .registry import Context

MIN_REAL_MS: Final = 500


class Patience:
    """Runs out ``limit_ms`` after the last :meth:`renew`."""

    def __init__(self, context: Context, limit_ms: int) -> None:
        self._world = context.world
        self._line = context.line
        self._limit_ms = limit_ms
        self._least_ms = min(limit_ms, MIN_REAL_MS)
        self.renew()

    def renew(self) -> None:
        """Start to wait afresh."""
        self._world_due = self._world.monotonic() + self._limit_ms
        self._line_due = self._line.monotonic() + self._least_ms

    async def out(self) -> None:
        """Return when it has run out."""
        while self._world.monotonic() < self._world_due or self._line.monotonic() < self._line_due:
            await self._world.sleep_until(self._world_due)
            await self._line.sleep_until(self._line_due)
