"""All bookings of a site: which are near, which are measured, who is expected where."""

import heapq
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import AlertKind

from .records import Booking, UsageChanged, UsageState
from .usage import Margins, Observed, Usage

PROGRESS_MS: Final = 60_000
"""Sums of a record that is open are stored at most this often."""
_DAY_MS: Final = 86_400_000
_TAKEN_BACK: Final = frozenset({UsageState.CANCELLED, UsageState.NO_SHOW})


class Ledger:
    """Follows every booking from ``lead`` before its start until its record is closed.

    Bookings of ``stores`` (lockers, objects that are lent) have no record: nobody is expected there.
    """

    def __init__(
        self,
        margins: Margins,
        passages: frozenset[str],
        alerts: AlertBook,
        now: int,
        stores: frozenset[str] = frozenset(),
    ) -> None:
        self._margins = margins
        self._passages = passages
        self._stores = stores
        self._alerts = alerts
        self._from = now
        self._bookings: dict[str, Booking] = {}
        self._waiting: list[tuple[int, str]] = []
        self._near: dict[str, dict[str, Booking]] = {}
        self._open: dict[str, Usage] = {}
        self._closed: dict[str, UsageState] = {}
        self._ended: dict[str, int] = {}  # the latest end of a booking of the space whose record is closed
        self._rows: dict[str, UsageChanged] = {}
        self._emitted: dict[str, UsageChanged] = {}
        self._emitted_at: dict[str, int] = {}
        self._seen: dict[str, Observed] = {}
        self._history: dict[str, list[Observed]] = {}
        self._gone: dict[str, tuple[Booking, int]] = {}  # whose people were the last to leave, and when
        self._outputs: list[UsageChanged] = []

    def restore(
        self, usage: Iterable[UsageChanged], history: dict[str, list[Observed]], alive_at: int
    ) -> None:
        """Rows that a predecessor stored; ``history`` is each space's states in order of time."""
        self._from = alive_at
        self._history = history
        for row in usage:
            if row.closed_at is not None:
                self._closed[row.booking] = row.state
                if row.state is UsageState.ENDED and row.booked_to is not None:
                    self.was_over(row.space, row.booked_to)
            else:
                self._rows[row.booking] = row

    # --- what arrives ---------------------------------------------------------------------------------

    def bookings(self, bookings: Sequence[Booking], now: int) -> None:
        """New and changed bookings; those not named stay as they are."""
        for booking in bookings:
            known = self._bookings.get(booking.booking)
            if known == booking:
                continue
            closed = self._closed.get(booking.booking)
            if closed in _TAKEN_BACK and not booking.cancelled and booking.end > now:
                del self._closed[booking.booking]  # the cancellation, or the release
            elif closed is not None:
                self._forget(booking.booking)
                if not booking.cancelled and booking.end + self._margins.tail > now:
                    self._follow(booking)
                continue
            self._forget(booking.booking)
            usage = self._open.get(booking.booking)
            if booking.cancelled:
                if booking.space not in self._stores or usage is not None:
                    self._cancel(booking, usage, now)
            elif usage is not None and usage.booking.space == booking.space:
                usage.reschedule(booking, now)
                self._follow(booking)
            else:
                self._open.pop(booking.booking, None)
                if booking.end > self._from or booking.booking in self._rows:
                    self._follow(booking)

    def _follow(self, booking: Booking) -> None:
        self._bookings[booking.booking] = booking
        heapq.heappush(self._waiting, (booking.start - self._margins.lead, booking.booking))

    def _forget(self, booking: str) -> None:
        known = self._bookings.pop(booking, None)
        if known is not None:
            self._near.get(known.space, {}).pop(booking, None)

    def _cancel(self, booking: Booking, usage: Usage | None, now: int) -> None:
        if usage is None:
            if booking.end <= self._from and booking.booking not in self._rows:
                return
            usage = Usage(booking, self._margins, now)
            row = self._rows.pop(booking.booking, None)
            if row is not None:
                usage.take_over(row)
        usage.cancel(now)
        self._finish(usage, now)

    def code_used(self, booking: str) -> None:
        """The booking's code opened a door: presence from its lead on is this booking's."""
        usage = self._open.get(booking)
        if usage is not None:
            usage.code_used = True

    def was_over(self, space: str, end: int) -> None:
        """A booking of ``space`` that nobody follows here ended at ``end``."""
        self._ended[space] = max(self._ended.get(space, 0), end)

    def usage(self, booking: str) -> Usage | None:
        """The record that is being made."""
        return self._open.get(booking)

    def correct(self, found: Usage) -> None:
        """What late data have shown of a booking that is not over, if it still has the same times."""
        usage = self._open.get(found.booking.booking)
        if (
            usage is not None
            and usage.booking.space == found.booking.space
            and usage.has_times(found.booking)
        ):
            usage.correct(found)

    def observe(self, space: str, seen: Observed) -> None:
        """The state of ``space`` changed at ``seen.since``."""
        was = self._seen.get(space)
        self._seen[space] = seen
        for usage in self._open.values():
            if usage.booking.space == space and was is not None:
                if seen.since < usage.counted_to:
                    usage.recount(seen.since, was.state, seen.state)
                else:
                    usage.count(seen.since, was.state)

    # --- who is expected ------------------------------------------------------------------------------

    def current(self, space: str, now: int) -> Booking | None:
        """The booking that is on in ``space``, the latest started if several."""
        on = [b for b in self._near.get(space, {}).values() if b.start <= now < b.end]
        return max(on, key=lambda b: (b.start, b.booking), default=None)

    def expected(self, space: str) -> bool:
        """Whether people may be in ``space``: a booking with its margins or an overstay that is already
        known."""
        if space in self._passages and (
            any(self._near.values()) or any(u.overstaying for u in self._open.values())
        ):
            return True
        if self._near.get(space):
            return True
        return any(u.booking.space == space and u.overstaying for u in self._open.values())

    def gone(self) -> dict[str, tuple[Booking, int]]:
        """By space the booking whose people have left last, and when; not for long after its end."""
        return self._gone

    def awaited(self, space: str, besides: str | None) -> bool:
        """Whether a booking of ``space`` other than ``besides`` is on, margins included."""
        return any(name != besides for name in self._near.get(space, {}))

    # --- time -----------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Let every booking that is near follow its space up to ``now``."""
        while self._waiting and self._waiting[0][0] <= now:
            begins, name = heapq.heappop(self._waiting)
            booking = self._bookings.get(name)
            if booking is not None and begins == booking.start - self._margins.lead:
                self._near.setdefault(booking.space, {})[name] = booking
                if name not in self._open and name not in self._closed and booking.space not in self._stores:
                    self._begin(booking, now)
        for usage in list(self._open.values()):
            self._move(usage, now)
        for near in self._near.values():
            for name in [n for n, b in near.items() if now >= b.end + self._margins.tail]:
                del near[name]
                if name not in self._open:
                    self._bookings.pop(name, None)
        for space, (booking, left_at) in list(self._gone.items()):
            if now > max(booking.end, left_at) + self._margins.tail + _DAY_MS:
                del self._gone[space]

    def _begin(self, booking: Booking, now: int) -> None:
        usage = Usage(booking, self._margins, now)
        row = self._rows.pop(booking.booking, None)
        if row is not None:
            usage.take_over(row)
            self._emitted[booking.booking] = row
        history = self._history.get(booking.space)
        if history:
            usage.occupied_ms = usage.unknown_ms = usage.overstay_ms = usage.vacant_ms = 0
            for earlier, later in pairwise(history):
                usage.count(later.since, earlier.state)
        else:
            usage.counted_to = max(usage.counted_to, self._from if row is not None else now)
        self._open[booking.booking] = usage

    def _move(self, usage: Usage, now: int) -> None:
        booking = usage.booking
        seen = self._seen.get(booking.space, Observed(Occupancy.UNKNOWN, now))
        others = [b for b in self._near.get(booking.space, {}).values() if b.booking != booking.booking]
        usage.limit = min((max(b.start, booking.end) for b in others if b.end > booking.end), default=None)
        usage.count(now, seen.state)
        arrivals_from = self._arrivals_from(usage, others, seen.since)
        if now >= arrivals_from:
            usage.move(now, seen, arrivals_from)
        if usage.present:
            self._gone.pop(booking.space, None)
        elif usage.left_at is not None:
            self._gone[booking.space] = (booking, usage.left_at)
        self._judge(usage, now)
        if usage.closed_at is not None:
            self._finish(usage, now)
        else:
            self._emit(usage, now)

    def _arrivals_from(self, usage: Usage, others: list[Booking], since: int) -> int:
        """Presence before this is an earlier booking's, unless this one's code was used."""
        booking = usage.booking
        earliest = booking.start - self._margins.lead
        if usage.code_used:
            return earliest
        ends = [other.end for other in others if other.start < booking.start]
        for end in (*ends, self._ended.get(booking.space, 0)):
            stayed = since < end  # without a break since then: nobody can tell them apart
            earliest = max(earliest, booking.start if stayed else min(end, booking.start))
        return earliest

    def _judge(self, usage: Usage, now: int) -> None:
        """Open and resolve the alerts of one booking."""
        booking = usage.booking
        if usage.state is UsageState.NO_SHOW and usage.closed_at is None:
            self._alerts.open(
                AlertKind.NO_SHOW,
                booking.booking,
                now,
                {"title": booking.title, "start": booking.start},
                space=booking.space,
                booking=booking.booking,
            )
        else:
            self._alerts.resolve(AlertKind.NO_SHOW, booking.booking, now)
        late = now >= booking.end + self._margins.overstay_after and usage.overstaying
        seen = self._seen.get(booking.space)
        if late and seen is not None and seen.state is Occupancy.OCCUPIED:
            self._alerts.open(
                AlertKind.OVERSTAY,
                booking.booking,
                now,
                {"title": booking.title, "end": booking.end},
                space=booking.space,
                booking=booking.booking,
            )

    def _finish(self, usage: Usage, now: int) -> None:
        name = usage.booking.booking
        self._alerts.resolve(AlertKind.NO_SHOW, name, now)
        self._alerts.resolve(AlertKind.OVERSTAY, name, now)
        self._outputs.append(usage.row())
        self._open.pop(name, None)
        self._emitted.pop(name, None)
        self._emitted_at.pop(name, None)
        self._closed[name] = usage.state
        if usage.state is UsageState.ENDED:
            self._ended[usage.booking.space] = max(self._ended.get(usage.booking.space, 0), usage.booking.end)
        if name in self._bookings and now >= usage.booking.end + self._margins.tail:
            self._forget(name)

    def _emit(self, usage: Usage, now: int) -> None:
        name, row = usage.booking.booking, usage.row()
        last = self._emitted.get(name)
        if row == last:
            return
        moved = last is None or (last.state, last.arrived_at, last.left_at) != (
            row.state,
            row.arrived_at,
            row.left_at,
        )
        if moved or now - self._emitted_at.get(name, 0) >= PROGRESS_MS:
            self._emitted[name], self._emitted_at[name] = row, now
            self._outputs.append(row)

    def take(self) -> list[UsageChanged]:
        """Rows that changed since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs
