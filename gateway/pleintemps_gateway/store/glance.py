"""Whether looking at the store again can show anything new."""

from typing import Final

from pleintemps_contract.world import World

from .writer import Writer

ALL_THE_SAME_MS: Final = 10_000
"""What is due by time alone is looked for this often where nothing is written."""


class Glance:
    """Of one who looks again and again. Where other processes write too, every look may find something."""

    def __init__(self, writer: Writer, world: World) -> None:
        self._writer = writer
        self._world = world
        self._seen = -1
        self._looked = 0

    def is_due(self) -> bool:
        """Whether to look now."""
        if not self._writer.alone:
            return True
        now = self._world.monotonic()
        if self._writer.groups == self._seen and now < self._looked + ALL_THE_SAME_MS:
            return False
        self._seen, self._looked = self._writer.groups, now
        return True
