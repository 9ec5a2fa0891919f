"""Presence without a booking: which times of a room no booking explains."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.presence.unbooked import (
    MAX_OVERSTAY_MS,
    Booked,
    Changed,
    Margins,
    Unbooked,
    unbooked,
)

from .building import HOUR, MINUTE, NOON

MARGINS = Margins(15 * MINUTE, 10 * MINUTE, 10 * MINUTE)
NOW = NOON + 40 * HOUR


def occupied(at: int, probability: float = 0.9, evidence: str = "pir motion") -> Changed:
    return Changed(at, "occupied", probability, evidence)


def vacant(at: int) -> Changed:
    return Changed(at, "vacant", 0.1, "")


def unknown(at: int) -> Changed:
    return Changed(at, "unknown", None, "")


def found(changes: list[Changed], *booked: Booked) -> list[Unbooked]:
    return unbooked("hall", changes, booked, MARGINS, NOW)


def spans(changes: list[Changed], *booked: Booked) -> list[tuple[int, int | None]]:
    return [(each.begin, each.end) for each in found(changes, *booked)]


def test_presence_outside_all_bookings_is_a_record_with_its_evidence() -> None:
    said = [vacant(NOON), occupied(NOON + HOUR, 0.7), vacant(NOON + 2 * HOUR)]
    (record,) = found(said)
    assert (record.begin, record.end, record.evidence) == (NOON + HOUR, NOON + 2 * HOUR, "pir motion")
    assert record.confidence == 0.4
    assert spans([occupied(NOW - HOUR)]) == [(NOW - HOUR, None)]
    assert spans([occupied(NOON), vacant(NOON + 9 * MINUTE)]) == []


def test_unknown_ends_what_is_claimed() -> None:
    said = [occupied(NOON), unknown(NOON + HOUR), occupied(NOON + 2 * HOUR), vacant(NOON + 3 * HOUR)]
    assert spans(said) == [(NOON, NOON + HOUR), (NOON + 2 * HOUR, NOON + 3 * HOUR)]


def test_a_booking_explains_its_time_its_margins_and_who_stays_on() -> None:
    said = [occupied(NOON), vacant(NOON + 6 * HOUR)]
    booking = Booked(NOON + 2 * HOUR, NOON + 3 * HOUR)
    # they came long before: that alone has no booking; they stayed on after it: that is an overstay
    assert spans(said, booking) == [(NOON, NOON + 2 * HOUR - MARGINS.lead)]
    long = [occupied(NOON), vacant(NOON + 20 * HOUR)]
    end = booking.end + MAX_OVERSTAY_MS
    assert spans(long, booking)[1:] == [(end, NOON + 20 * HOUR)]
    # others who came after it had ended
    late = [occupied(booking.end + HOUR), vacant(booking.end + 2 * HOUR)]
    assert spans(late, booking) == [(booking.end + HOUR, booking.end + 2 * HOUR)]
    inside = [occupied(booking.start - 10 * MINUTE), vacant(booking.end + 9 * MINUTE)]
    assert spans(inside, booking) == []


@given(
    st.lists(st.tuples(st.integers(1, 300), st.sampled_from((occupied, vacant, unknown))), max_size=12),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 300)), max_size=5),
)
def test_records_lie_in_presence_outside_bookings_and_more_bookings_leave_less(
    steps: list[tuple[int, object]], booked: list[tuple[int, int]]
) -> None:
    at, changes = NOON, []
    for minutes, make in steps:
        at += minutes * MINUTE
        changes.append(make(at))  # type: ignore[operator]
    every = [Booked(NOON + a * MINUTE, NOON + (a + b) * MINUTE) for a, b in booked]
    before = None
    for count in range(len(every) + 1):
        records = found(changes, *every[:count])
        total = 0
        for record in records:
            end = NOW if record.end is None else record.end
            assert end - record.begin >= MARGINS.least
            total += end - record.begin
            states = [c.state for c in changes if c.since < end]
            assert states and any(c.state == "occupied" and c.since <= record.begin for c in changes)
            for each in every[:count]:
                assert end <= each.start - MARGINS.lead or record.begin >= each.end + MARGINS.tail
        assert before is None or total <= before
        before = total
