"""Whether looking at the store again can show anything new."""

from typing import Final

from pleintemps_contract.world import World

from .inline import InlineWriter
from .writer import Writer

ALL_THE_SAME_MS: Final = 10_000
"""What is due by time alone is looked for this often where nothing changes."""


class Glance:
    """Of one who looks at ``table`` again and again. Where other processes write too, every look may find
    something.
    """

    def __init__(self, writer: Writer, world: World, table: str) -> None:
        self._writer = writer
        self._world = world
        self._table = table
        self._seen = -1
        self._looked = 0

    def is_due(self) -> bool:
        """Whether to look now."""
        if not isinstance(self._writer, InlineWriter):
            return True
        now, changed = self._world.monotonic(), self._writer.changed[self._table]
        if changed == self._seen and now < self._looked + ALL_THE_SAME_MS:
            return False
        self._seen, self._looked = changed, now
        return True

    async def rest(self, step_ms: int, *, since: int | None = None, most_ms: int = ALL_THE_SAME_MS) -> None:
        """Sleep until the next look: ``step_ms`` after ``since`` (World's monotonic ms; now), or so many of
        them as can show nothing new; with ``most_ms`` to the first of these moments after so long.
        """
        now = self._world.monotonic()
        since = now if since is None else since
        writer = self._writer
        if isinstance(writer, InlineWriter):
            if writer.changed[self._table] == self._seen:
                rest_ms = min(self._looked + ALL_THE_SAME_MS, now + most_ms) - since
                until = since + step_ms * max(1, -(-rest_ms // step_ms))
                if not await writer.news(self._table, until - now):
                    return
            now = self._world.monotonic()
            since += (now - since) // step_ms * step_ms
        await self._world.sleep_until(since + step_ms)
