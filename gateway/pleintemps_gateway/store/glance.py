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
