"""Tells each door of its free openings: at the start, at a new table, where a window begins or ends.

That somebody has locked one by hand is kept with the end of its window: no restart opens it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from pleintemps_contract.world import World

from .access.grants import FreeOpenings
from .door import FreeOpening, opening
from .keeper import Commits, Keeper

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
        journal: Commits,
        kept: Callable[[str], bytes | None],
    ) -> None:
        """``trusted_now`` is wall time (Unix ms) or None, ``kept`` what ``journal`` keeps under a key."""
        self._doors = doors
        self._openings = openings
        self._trusted_now = trusted_now
        self._world = world
        self._journal = journal
        self._told: dict[str, FreeOpening] = {}
        self._ends: dict[str, int] = {}
        self._dismissed = {door: _time(kept(_key(door))) for door in doors}
        for door, keeper in doors.items():
            keeper.watch(partial(self._changed, door))

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
            if due.event.until is not None and now is not None:
                self._ends[name] = now + due.event.until - monotonic
            if self._is_news(name, due.event, monotonic):
                self._told[name] = due.event
                dismissed = now is not None and now < self._dismissed[name]
                keeper.happen(replace(due.event, dismissed=dismissed), monotonic)
        return next_look

    def _changed(self, door: str, keeper: Keeper) -> None:
        end = self._ends.get(door, 0)
        if keeper.dismissed and self._dismissed[door] < end:
            self._dismissed[door] = end
            self._journal.append([], {_key(door): b"%d" % end})

    def _is_news(self, door: str, event: FreeOpening, monotonic: int) -> bool:
        told = self._told.get(door, FreeOpening(None))
        if event.until is None:
            return told.until is not None
        if event.until - monotonic < CLOSE_MS:
            return False
        far = told.until is None or abs(event.until - told.until) >= CLOSE_MS
        return far or event.first_person is not told.first_person


def _key(door: str) -> str:
    return f"dismissed:{door}"


def _time(kept: bytes | None) -> int:
    return int(kept) if kept is not None and kept.isdigit() else 0
