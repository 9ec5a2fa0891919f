"""What came late: which usage records it touches, and when they are to be worked out anew."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, or_, select, text, update

from pleintemps_contract.agent_messages import DoorPhysicalChanged, Event
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.reconcile.records import UsageState
from pleintemps_gateway.reconcile.replay import WARM_MS
from pleintemps_gateway.reconcile.usage import MAX_OVERSTAY_MS
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import bookings, usage
from pleintemps_gateway.store.texts import as_json

LATE_MS: Final = 30_000
"""What is older when it comes has missed its moment: the filter puts younger samples in order itself."""
REST_MS: Final = 30_000
"""Records wait until nothing late has come for so long: a journal of hours is worked in once."""

# one look at all spaces, of which nobody waits to be told
_TOUCHED_THERE: Final = Prepared(
    text(
        "UPDATE usage SET due = :then"
        " FROM json_to_recordset(CAST(:rows AS json))"
        ' AS late(of_space text, "first" bigint, "left" bigint, "last" bigint)'
        " WHERE usage.site = :of_site AND usage.closed_at IS NOT NULL AND usage.space = late.of_space"
        ' AND (usage.closed_at >= late."first" OR usage.booked_to >= late."left")'
        ' AND usage.booked_from <= late."last"'
    )
)

# made once: to build one takes longer than the store takes to answer it
_CLOSED: Final = Prepared(
    select(usage.c.space)
    .where(
        usage.c.site == bindparam("site"),
        usage.c.closed_at.is_not(None),
        usage.c.space.in_(bindparam("spaces", expanding=True)),
        or_(usage.c.closed_at >= bindparam("first"), usage.c.booked_to >= bindparam("left")),
        usage.c.booked_from <= bindparam("last"),
    )
    .distinct()
)
_TOUCHED: Final = (
    update(usage)
    .where(
        usage.c.site == bindparam("of_site"),
        usage.c.closed_at.is_not(None),
        usage.c.space == bindparam("of_space"),
        or_(usage.c.closed_at >= bindparam("first"), usage.c.booked_to >= bindparam("left")),
        usage.c.booked_from <= bindparam("last"),
    )
    .values(due=bindparam("then"))
)


class LateBook:
    """Of one site; the writer's thread alone uses it."""

    def __init__(self, config: SiteConfig) -> None:
        self._site = config.site
        self._tail = round(config.rules.tail_s * 1000)
        windows = [round(space.noise.window_s * 1000) for space in config.spaces]
        self._lead = round(config.rules.lead_s * 1000)
        self._warm = max([WARM_MS, *windows])
        self._sides = {door.door: (door.from_, door.to) for door in config.doors}
        self.spans: dict[str, tuple[int, int]] = {}
        """From when to when something has come late, by space, until it is flushed."""
        self._bookings: set[str] = set()
        self._times: set[tuple[str, int, int]] = set()
        self._beside: set[str] = set()
        self._open: dict[str, int] = {}

    def told(self, space: str, first: int, last: int, now: int) -> None:
        """Something of ``space`` from ``first`` to ``last`` has come at ``now``."""
        if first >= now - LATE_MS:
            return
        known = self.spans.get(space, (first, last))
        self.spans[space] = (min(known[0], first), max(known[1], min(last, now)))

    def happened(self, event: Event, at: int, now: int) -> None:
        """A record of an agent's journal: a door that moved may have let somebody in."""
        if isinstance(event, DoorPhysicalChanged):
            for space in self._sides.get(event.door, ()):
                self.told(space, at, at, now)

    def changed(self, bookings: Collection[str]) -> None:
        """These bookings, or what is known of their codes, have changed."""
        self._bookings.update(bookings)

    def moved(self, conn: Connection, names: Collection[str], now: int) -> None:
        """These bookings have changed: if their times did, what is beside the old or new ones is touched.

        Call it before the rules have written the new times into ``usage``.
        """
        self.changed(names)
        rows = sorted(names)
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            mine = (bookings.c.site == self._site) & bookings.c.booking.in_(some)
            measured = (usage.c.site == self._site) & usage.c.booking.in_(some)
            before = {
                row.booking: ((row.space, row.booked_from, row.booked_to), row.state)
                for row in conn.execute(select(usage).where(measured, usage.c.booked_to.is_not(None)))
            }
            for row in conn.execute(select(bookings).where(mine)):
                times = (str(row.space), int(row.start), int(row.end))
                known, state = before.get(row.booking, (None, None))
                cancelled = (row.status == "cancelled", state == UsageState.CANCELLED.value)
                if known == times and cancelled[0] == cancelled[1]:
                    continue
                self._times |= {each for each in (times, known) if each and each[1] - self._lead <= now}

    def is_beside(self, booking: str) -> bool:
        """Whether a booking beside this one has changed since it was asked last."""
        known = booking in self._beside
        self._beside.discard(booking)
        return known

    def _touch(self, conn: Connection, now: int, silences: Mapping[str, int]) -> None:
        """Records over which something late has come."""
        rows: dict[str, dict[str, Any]] = {
            space: {
                "of_site": self._site,
                "of_space": space,
                "first": first,
                "left": first - self._tail,
                "last": last + self._lead + max(self._warm, silences.get(space, 0) * 1000),
                "then": now + REST_MS,
            }
            for space, (first, last) in self.spans.items()
        }
        self._open |= dict.fromkeys(self.spans, now + REST_MS)
        if conn.dialect.name == "postgresql":
            told = {"of_site": self._site, "then": now + REST_MS, "rows": as_json(list(rows.values()))}
            _TOUCHED_THERE.put(conn, [told])
            return
        # mostly there are none, and one look is cheaper than to change nothing in each space
        around = {
            "site": self._site,
            "spaces": sorted(rows),
            "first": min(row["first"] for row in rows.values()),
            "left": min(row["left"] for row in rows.values()),
            "last": max(row["last"] for row in rows.values()),
        }
        if found := _CLOSED.all(conn, around):
            conn.execute(_TOUCHED, [rows[str(space)] for (space,) in found])

    def flush(self, conn: Connection, now: int, silences: Mapping[str, int]) -> None:
        """Say in the store which closed records are to be worked out, so that a restart forgets none.

        ``silences``: how long (s) evidence of a space may be silent; the replay of a record begins as long
        before its start at the earliest.
        """
        if self.spans:
            self._touch(conn, now, silences)
            self.spans.clear()
        if self._bookings or self._times:
            self._touch_beside(conn, now)

    def _touch_beside(self, conn: Connection, now: int) -> None:
        """Records of bookings that changed, and beside them."""
        row = usage.c
        closed = (row.site == self._site) & row.closed_at.is_not(None)
        names = sorted(self._bookings)
        for start in range(0, len(names), 500):
            some = row.booking.in_(names[start : start + 500]) & row.settled_at.is_not(None)
            conn.execute(update(usage).where(closed, some).values(due=now))
        for space, begin, end in sorted(self._times):
            reached = or_(
                row.closed_at >= begin - self._lead, row.booked_to >= begin - self._lead - self._tail
            )
            near = (row.space == space) & reached & (row.booked_from - 2 * MAX_OVERSTAY_MS < end)
            beside = closed & near & row.settled_at.is_not(None) & row.booking.not_in(names[:500])
            found = set(conn.scalars(select(row.booking).where(beside)))
            conn.execute(update(usage).where(beside).values(due=now))
            self._beside |= found
        self._bookings.clear()
        self._times.clear()

    @property
    def waits(self) -> bool:
        """Whether late data have come to a space with something open; from any thread."""
        return bool(self._open)

    def take_open(self, now: int) -> list[str]:
        """Spaces in which late data have come to rest: what is open there can be worked out as well."""
        ready = [space for space, due in self._open.items() if due <= now]
        for space in ready:
            del self._open[space]
        return ready
