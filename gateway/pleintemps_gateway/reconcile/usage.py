"""One booking beside what was measured: a state machine without I/O.

expected -> arrived -> in-use -> left -> ended        arrived -> expected when they went before the start
expected -> no-show -> arrived                         left -> in-use when they come back
anything -> cancelled
"""

from typing import Final, NamedTuple

from pleintemps_contract.gateway_messages import Occupancy

from .records import Booking, UsageChanged, UsageState

SETTLED_MS: Final = 60_000
"""Present for this long (or ``left_after`` if that is less), and the booking has begun: in use."""
MAX_OVERSTAY_MS: Final = 12 * 3_600_000
"""A record is closed at the latest this long after the booking's end."""
SETTLE_MS: Final = 60_000
"""A closed record is worked out anew this long after nothing can change it: samples are on their way."""


class Observed(NamedTuple):
    """What is believed about the space of the booking."""

    state: Occupancy
    since: int


class Margins(NamedTuple):
    """The site's rules in milliseconds."""

    lead: int
    tail: int
    no_show_after: int
    overstay_after: int
    left_after: int


_PRESENT: Final = frozenset({UsageState.ARRIVED, UsageState.IN_USE})


class Usage:
    """A usage record in the making. ``limit`` is when the next booking of the space starts."""

    def __init__(self, booking: Booking, margins: Margins, since: int) -> None:
        self.booking = booking
        self._margins = margins
        self.state = UsageState.EXPECTED
        self.since = since
        self.arrived_at: int | None = None
        self.left_at: int | None = None
        self.occupied_ms = 0
        self.unknown_ms = 0
        self.overstay_ms = 0
        self.vacant_ms = 0
        self.closed_at: int | None = None
        self.counted_to = booking.start - margins.lead
        self.limit: int | None = None
        self.code_used = False

    @property
    def present(self) -> bool:
        return self.state in _PRESENT

    @property
    def overstaying(self) -> bool:
        return self.present and self.closed_at is None and self.overstay_ms > 0

    def row(self) -> UsageChanged:
        return UsageChanged(
            booking=self.booking.booking,
            space=self.booking.space,
            state=self.state,
            since=self.since,
            arrived_at=self.arrived_at,
            left_at=self.left_at,
            occupied_ms=self.occupied_ms,
            unknown_ms=self.unknown_ms,
            overstay_ms=self.overstay_ms,
            closed_at=self.closed_at,
            booked_from=self.booking.start,
            booked_to=self.booking.end,
            due=None if self.closed_at is None else self._due(self.closed_at),
        )

    def _due(self, closed_at: int) -> int:
        return max(closed_at, self.booking.end + self._margins.tail) + SETTLE_MS

    def take_over(self, row: UsageChanged) -> None:
        """Go on from a stored row."""
        self.state, self.since = row.state, row.since
        self.arrived_at, self.left_at = row.arrived_at, row.left_at
        self.occupied_ms, self.unknown_ms = row.occupied_ms, row.unknown_ms
        self.overstay_ms, self.closed_at = row.overstay_ms, row.closed_at

    def has_times(self, booking: Booking) -> bool:
        """Whether it is of these times still."""
        return (self.booking.start, self.booking.end) == (booking.start, booking.end)

    def correct(self, other: "Usage") -> None:
        """Take what ``other`` has found out of the same booking with late data, and go on from there."""
        self.take_over(other.row())
        self.vacant_ms, self.counted_to = other.vacant_ms, other.counted_to

    def reschedule(self, booking: Booking, now: int) -> None:
        """The booking has new times: still to come, it starts afresh; already on, it keeps what fits."""
        self.booking = booking
        if booking.start > now:
            self.state, self.since = UsageState.EXPECTED, now
            self.arrived_at = self.left_at = None
            self.occupied_ms = self.unknown_ms = self.overstay_ms = self.vacant_ms = 0
            return
        room = max(0, min(now, booking.end) - booking.start)
        self.occupied_ms = min(self.occupied_ms, room)
        self.unknown_ms = min(self.unknown_ms, room - self.occupied_ms)
        self.vacant_ms = min(self.vacant_ms, room - self.occupied_ms - self.unknown_ms)

    # --- sums -----------------------------------------------------------------------------------------

    def count(self, until: int, state: Occupancy) -> None:
        """The space was in ``state`` from where counting stands until ``until``."""
        if until > self.counted_to:
            self._add(self.counted_to, until, state, 1)
            self.counted_to = until

    def recount(self, since: int, was: Occupancy, state: Occupancy) -> None:
        """What was counted after ``since`` as ``was`` was ``state`` in truth."""
        since = max(since, self.booking.start - self._margins.lead)
        if since < self.counted_to:
            self._add(since, self.counted_to, was, -1)
            self._add(since, self.counted_to, state, 1)

    def _add(self, start: int, end: int, state: Occupancy, sign: int) -> None:
        within = max(0, min(end, self.booking.end) - max(start, self.booking.start))
        if state is Occupancy.OCCUPIED:
            self.occupied_ms += sign * within
            last = end if self.limit is None else min(end, self.limit)
            if self.present:
                self.overstay_ms = max(
                    0, self.overstay_ms + sign * max(0, last - max(start, self.booking.end))
                )
        elif state is Occupancy.VACANT:
            self.vacant_ms += sign * within
        else:
            self.unknown_ms += sign * within

    # --- states ---------------------------------------------------------------------------------------

    def _enter(self, state: UsageState, at: int) -> None:
        self.state, self.since = state, at

    def _close(self, state: UsageState, at: int) -> None:
        if self.state is not state:
            self._enter(state, at)
        self.closed_at = at

    def cancel(self, now: int) -> None:
        self._close(UsageState.CANCELLED, now)

    def move(self, now: int, seen: Observed, arrivals_from: int) -> None:
        """Follow the space up to ``now``; people seen before ``arrivals_from`` belong to another booking."""
        booking, margins = self.booking, self._margins
        occupied = seen.state is Occupancy.OCCUPIED
        if occupied and self.state in (UsageState.EXPECTED, UsageState.NO_SHOW):
            arrived = max(seen.since, arrivals_from)
            if arrived <= now and arrived < booking.end:
                self.arrived_at, self.left_at = arrived, None
                self._enter(UsageState.ARRIVED, arrived)
        if occupied and self.state is UsageState.LEFT and now < booking.end:
            self.left_at = None
            self._enter(UsageState.IN_USE, max(seen.since, self.since))
        if occupied and self.state is UsageState.ARRIVED and self.arrived_at is not None:
            settled = max(booking.start, self.arrived_at + min(SETTLED_MS, margins.left_after))
            if now >= settled:
                self._enter(UsageState.IN_USE, settled)
        gone = seen.state is Occupancy.VACANT and now - seen.since >= margins.left_after
        if gone and self.present:
            if self.state is UsageState.ARRIVED and seen.since < booking.start:
                self.arrived_at = None
                self._enter(UsageState.EXPECTED, now)
            else:
                self.left_at = seen.since
                self._enter(UsageState.LEFT, now)
        if (
            self.state is UsageState.EXPECTED
            and self.vacant_ms >= margins.no_show_after
            and now > booking.start
        ):
            self._enter(UsageState.NO_SHOW, now)
        if now >= booking.end:
            self._end(now, seen)

    def _end(self, now: int, seen: Observed) -> None:
        booking, margins = self.booking, self._margins
        if self.state is UsageState.NO_SHOW:
            self._close(UsageState.NO_SHOW, now)
        elif self.state is UsageState.EXPECTED:
            # a booking shorter than the rule: vacant for most of it is a no-show too, unknown is not
            enough = min(margins.no_show_after, (booking.end - booking.start) // 2)
            self._close(UsageState.NO_SHOW if self.vacant_ms >= max(1, enough) else UsageState.ENDED, now)
        elif self.state is UsageState.LEFT:
            self._close(UsageState.ENDED, now)
        else:
            followed = self.limit is not None and now >= self.limit
            if seen.state is Occupancy.OCCUPIED and not followed and now < booking.end + MAX_OVERSTAY_MS:
                return
            patience = booking.end + max(margins.tail, margins.overstay_after)
            if seen.state is Occupancy.VACANT and not followed and now < patience:
                return  # vacant for less than left_after: they may only sit still
            if seen.state is Occupancy.VACANT:
                self.left_at = max(seen.since, self.arrived_at or 0)
            self._close(UsageState.ENDED, now)
