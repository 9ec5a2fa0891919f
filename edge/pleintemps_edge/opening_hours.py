"""Tells each door of its free openings: at the start, at a new table, where a window begins or ends."""

from collections.abc import Callable, Mapping
from typing import Final

from pleintemps_contract.world import World

from .access.grants import FreeOpenings
from .door import FreeOpening, opening
from .keeper import Keeper

LOOK_MS: Final = 5_000
"""So often it is seen that the table is new, or the time trusted again."""
CLOSE_MS: Final = 1_000
"""Closer moments are one: wall time is slewed against monotonic time, and must not open a door once more."""


class OpeningHours:
    """The free openings of one agent. Without trusted time none begins, and what runs ends in its time."""

    def __init__(
        self,
        doors: Mapping[str, Keeper],
        openings: Callable[[], FreeOpenings],
        trusted_now: Callable[[], int | None],
        world: World,
    ) -> None:
        """``trusted_now`` is wall time (Unix ms) or None."""
        self._doors = doors
        self._openings = openings
        self._trusted_now = trusted_now
        self._world = world
        self._told: dict[str, FreeOpening] = {}

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._world.sleep_until(self.tell())

    def tell(self) -> int:
        """Tell every door what is new for it; when to look again, monotonic ms."""
        openings, now, monotonic = self._openings(), self._trusted_now(), self._world.monotonic()
        next_look = monotonic + LOOK_MS
        for name, keeper in self._doors.items():
            windows, first_person = openings.get(name, ((), False))
            if now is None and windows:
                continue
            due = opening(windows, first_person, now or 0, monotonic)
            if due.boundary is not None:
                next_look = min(next_look, max(due.boundary, monotonic + 1))
            if self._is_news(name, due.event, monotonic):
                self._told[name] = due.event
                keeper.happen(due.event, monotonic)
        return next_look

    def _is_news(self, door: str, event: FreeOpening, monotonic: int) -> bool:
        told = self._told.get(door, FreeOpening(None))
        if event.until is None:
            return told.until is not None
        if event.until - monotonic < CLOSE_MS:
            return False
        far = told.until is None or abs(event.until - told.until) >= CLOSE_MS
        return far or event.first_person is not told.first_person
