"""What came late: which usage records it touches, and when they are to be worked out anew."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, or_, update

from pleintemps_contract.agent_messages import DoorPhysicalChanged, Event
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.reconcile.replay import WARM_MS
from pleintemps_gateway.store.schema import usage

LATE_MS: Final = 30_000
"""What is older when it comes has missed its moment: the filter puts younger samples in order itself."""
REST_MS: Final = 30_000
"""Records wait until nothing late has come for so long: a journal of hours is worked in once."""


class LateBook:
    """Of one site; the writer's thread alone uses it."""

    def __init__(self, config: SiteConfig) -> None:
        self._site = config.site
        self._tail = round(config.rules.tail_s * 1000)
        windows = [round(space.noise.window_s * 1000) for space in config.spaces]
        self._early = round(config.rules.lead_s * 1000) + max([WARM_MS, *windows])
        self._sides = {door.door: (door.from_, door.to) for door in config.doors}
        self._spans: dict[str, tuple[int, int]] = {}
        self._bookings: set[str] = set()
        self._open: dict[str, int] = {}

    def told(self, space: str, first: int, last: int, now: int) -> None:
        """Something of ``space`` from ``first`` to ``last`` has come at ``now``."""
        if first >= now - LATE_MS:
            return
        known = self._spans.get(space, (first, last))
        self._spans[space] = (min(known[0], first), max(known[1], min(last, now)))

    def happened(self, event: Event, at: int, now: int) -> None:
        """A record of an agent's journal: a door that moved may have let somebody in."""
        if isinstance(event, DoorPhysicalChanged):
            for space in self._sides.get(event.door, ()):
                self.told(space, at, at, now)

    def changed(self, bookings: Collection[str]) -> None:
        """These bookings, or what is known of their codes, have changed."""
        self._bookings.update(bookings)

    def flush(self, conn: Connection, now: int) -> None:
        """Say in the store which closed records are to be worked out, so that a restart forgets none."""
        row = usage.c
        closed = (row.site == self._site) & row.closed_at.is_not(None)
        for space, (first, last) in self._spans.items():
            over = or_(row.closed_at >= first, row.booked_to >= first - self._tail)
            touched = (row.space == space) & over & (row.booked_from <= last + self._early)
            conn.execute(update(usage).where(closed, touched).values(due=now + REST_MS))
            self._open[space] = now + REST_MS
        names = sorted(self._bookings)
        for start in range(0, len(names), 500):
            some = row.booking.in_(names[start : start + 500]) & row.settled_at.is_not(None)
            conn.execute(update(usage).where(closed, some).values(due=now))
        self._spans.clear()
        self._bookings.clear()

    def take_open(self, now: int) -> list[str]:
        """Spaces in which late data have come to rest: what is open there can be worked out as well."""
        ready = [space for space, due in self._open.items() if due <= now]
        for space in ready:
            del self._open[space]
        return ready
