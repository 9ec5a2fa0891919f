"""Whether looking at the store again can show anything new."""

from collections.abc import Callable
from typing import Final

from pleintemps_contract.world import World

from .inline import InlineWriter
from .writer import Writer

ALL_THE_SAME_MS: Final = 10_000
"""What is due by time alone is looked for this often where nothing changes."""
_EMPTY_MS: Final = 600_000
"""Nor is there anything to look for where nothing stands in the table that time could make due."""


class Glance:
    """Of one who looks at ``table`` again and again. Where other processes write too, every look may find
    something.
    """

    def __init__(
        self, writer: Writer, world: World, table: str, stands: Callable[[], bool] | None = None
    ) -> None:
        """``stands``: whether ``table`` has anything that is due now or may be later; asked once a change."""
        self._writer = writer
        self._world = world
        self._table = table
        self._seen = -1
        self._looked = 0
        self._stands = stands
        self._empty = False

    def is_due(self) -> bool:
        """Whether to look now."""
        if not isinstance(self._writer, InlineWriter):
            return True
        now, changed = self._world.monotonic(), self._writer.changed[self._table]
        if changed == self._seen and (self._empty or now < self._looked + ALL_THE_SAME_MS):
            return False
        if changed != self._seen:
            self._empty = self._stands is not None and not self._stands()
        self._seen, self._looked = changed, now
        return not self._empty

    async def rest(self, step_ms: int, *, since: int | None = None, most_ms: int = _EMPTY_MS) -> None:
        """Sleep until the next look: ``step_ms`` after ``since`` (World's monotonic ms; now), or so many of
        them as can show nothing new; with ``most_ms`` to the first of these moments after so long.
        """
        now = self._world.monotonic()
        since = now if since is None else since
        writer = self._writer
        if isinstance(writer, InlineWriter):
            if writer.changed[self._table] == self._seen:
                most = now + most_ms
                rest_ms = (most if self._empty else min(self._looked + ALL_THE_SAME_MS, most)) - since
                until = since + step_ms * max(1, -(-rest_ms // step_ms))
                if not await writer.news(self._table, until - now):
                    return
            now = self._world.monotonic()
            since += (now - since) // step_ms * step_ms
        await self._world.sleep_until(since + step_ms)
