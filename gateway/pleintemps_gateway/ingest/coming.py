"""When the next booking of each space begins."""

from bisect import bisect_right, insort
from collections.abc import Iterable

from pleintemps_gateway.engine import Booking


class Coming:
    """Starts of the bookings that lie ahead, by space; what has begun is forgotten."""

    def __init__(self, bookings: Iterable[Booking] = ()) -> None:
        self._starts: dict[str, list[tuple[int, str]]] = {}
        self._known: dict[str, tuple[str, int]] = {}
        self.change(bookings)

    def change(self, bookings: Iterable[Booking]) -> None:
        """Bookings that are new, moved or cancelled."""
        for booking in bookings:
            if known := self._known.pop(booking.booking, None):
                space, start = known
                self._starts[space].remove((start, booking.booking))
            if not booking.cancelled:
                self._known[booking.booking] = (booking.space, booking.start)
                insort(self._starts.setdefault(booking.space, []), (booking.start, booking.booking))

    def next_start(self, space: str, now: int) -> int | None:
        """The first start after ``now`` (Unix ms); time does not go back by this."""
        starts = self._starts.get(space, [])
        begun = bisect_right(starts, (now, "\uffff"))
        for _, booking in starts[:begun]:
            del self._known[booking]
        del starts[:begun]
        return starts[0][0] if starts else None
