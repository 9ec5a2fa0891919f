"""What makes hours of the past due again, noted in the transaction that stores it: no restart forgets any."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.matrix.lanes import HOUR_MS, hour_of
from pleintemps_gateway.matrix.store import (
    Again,
    Moved,
    Place,
    count_moved,
    moved,
    put_due,
    shift_of,
    throughs,
)
from pleintemps_gateway.occupancy.records import OccupancyChanged, SpaceNow

REST_MS: Final = 120_000
"""Late data come in crowds: an hour is worked out this long after they began, and after it is over."""
AFTER_MS: Final = HOUR_MS
"""What came late may say something of so long after it."""
ABSENT_MS: Final = 15 * 60_000
"""Nobody looked at a space for so long: what was believed before is not known of that time."""
AGAIN_MS: Final = 1_000
"""What is noted already is not put off by less."""
KEPT_MS: Final = 7 * 86_400_000 - 2 * HOUR_MS
"""Samples are stored a little longer."""


class HourBook:
    """Of one site; the writer's thread alone uses it, but for :attr:`through`."""

    def __init__(self, config: SiteConfig) -> None:
        self.site = config.site
        shift = shift_of(config.zone)
        self.places = {s.space: Place(config.site, s.space, shift) for s in config.spaces if s.kind == "room"}
        self.through: dict[str, int] = {}
        """How far the hours of each space are there (Unix ms)."""
        self._late: dict[str, tuple[int, int]] = {}
        self._then: dict[str, int] = {}
        self._noted: dict[str, tuple[int, int, int]] = {}  # the late hours that stand there, and their due

    def load(self, conn: Connection) -> None:
        """Read how far the hours are there."""
        self.through = throughs(conn, self.site)
        self._late.clear()
        self._then.clear()
        self._noted.clear()

    def away(self, rows: Iterable[SpaceNow], now: int) -> None:
        """Spaces as they were when somebody looked last: what lies between is replayed."""
        for row in rows:
            if now - row.at > ABSENT_MS:
                self.late(row.space, row.at, now)

    def late(self, space: str, first: int, last: int) -> None:
        """Something of ``space`` from ``first`` to ``last`` has come late."""
        if space in self.places:
            known = self._late.get(space, (first, last))
            self._late[space] = (min(known[0], first), max(known[1], last))

    def believed(self, changes: Iterable[OccupancyChanged]) -> None:
        """Beliefs that may reach back into hours that are done."""
        for change in changes:
            if change.since < self.through.get(change.space, 0):
                known = self._then.get(change.space, change.since)
                self._then[change.space] = min(known, change.since)

    def moved(self, conn: Connection, names: Collection[str], now: int) -> None:
        """These bookings have changed: from now on they count as they are."""
        if names:
            self.count(conn, moved(conn, self.site, names), now)

    def count(self, conn: Connection, changes: list[Moved], now: int) -> None:
        """What these bookings held and hold of the past is due."""
        for change in changes:
            for times in (change.before, change.after):
                if times is None or (place := self.places.get(times[0])) is None:
                    continue
                last = min(times[2], self.through.get(times[0], 0))
                if times[1] < last:
                    put_due(conn, [Again(place, times[1], last, now)])
        count_moved(conn, self.site, changes)

    def flush(self, conn: Connection, now: int) -> None:
        """Write down what is due."""
        late = []
        for space, (first, last) in self._late.items():
            start, end = max(first, now - KEPT_MS), min(last + AFTER_MS, now)
            if start < end:
                due = max(now, -(-end // HOUR_MS) * HOUR_MS) + REST_MS
                if not self._stands(space, start, end, due):
                    place = self.places[space]
                    late.append(Again(place, start, end, due, replay=True))
                    stop = hour_of(end - 1, place.shift) + HOUR_MS
                    self._noted[space] = (hour_of(start, place.shift), stop, due)
        put_due(conn, late)
        put_due(
            conn,
            [Again(self.places[each], since, self.through[each], now) for each, since in self._then.items()],
        )
        self._late.clear()
        self._then.clear()

    def _stands(self, space: str, start: int, end: int, due: int) -> bool:
        """Whether it is noted already. Nobody is at work on it yet: its due is still as good as all of
        ``REST_MS`` ahead."""
        known = self._noted.get(space)
        return known is not None and known[0] <= start and end <= known[1] and due - known[2] < AGAIN_MS
