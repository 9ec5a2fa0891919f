"""What is seen as it happens and what is worked out afterwards are one, where everything came in time."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_gateway.engine import Booking, UsageChanged
from pleintemps_gateway.ingest.facts import margins_of
from pleintemps_gateway.reconcile.replay import STEP_MS, Case, Facts, Replay, Sample
from tests.gateway.rules.building import HOUR, MINUTE, NOON, PIR, SITE, Day, booking

from .test_replay import NOISE, PIR_KEY

START = NOON + 2 * HOUR
MINE = booking(START, START + HOUR)


def live(bookings: Sequence[Booking], spans: Sequence[tuple[int, int]]) -> tuple[UsageChanged, list[Sample]]:
    """A room with a PIR that moves in ``spans`` (minutes from START), lived through; the last row of MINE."""
    day = Day([PIR], now=START - 90 * MINUTE, tick_ms=STEP_MS)
    day.engine.on_bookings(bookings)
    day.say("hall-pir", 0)
    for at in range(-90, 120):
        there = any(first <= at < last for first, last in spans)
        for half in range(2):
            day.say("hall-pir", int(there and not half))
            day.run(30_000)
    rows = [row for row in day.of(UsageChanged) if row.booking == MINE.booking]
    samples = [Sample(at, PIR_KEY, "a" * 32, n, value) for n, (_, at, value) in enumerate(day.told)]
    return rows[-1], samples


@settings(max_examples=4, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(-40, 80), st.integers(3, 60)), max_size=3),
    beside=st.sampled_from([None, (-60, 0), (60, 100), (30, 90), (-30, 20), (70, 100)]),
)
def test_what_was_seen_is_what_is_worked_out(
    spans: list[tuple[int, int]], beside: tuple[int, int] | None
) -> None:
    others = [] if beside is None else [booking(START + beside[0] * MINUTE, START + beside[1] * MINUTE, "2")]
    row, samples = live([MINE, *others], [(first, first + length) for first, length in spans])
    asked = Case(MINE, others, margins_of(SITE), NOISE, {PIR_KEY: PIR})
    replay = Replay(asked)
    replay.feed(Facts(samples))
    done = replay.run(START + 2 * HOUR)
    assert done is (row.closed_at is not None)
    if not done:
        return
    found = replay.record()
    assert found.state is row.state
    for seen, worked in ((row.arrived_at, found.arrived_at), (row.left_at, found.left_at)):
        assert (seen is None) is (worked is None)
        assert abs((seen or 0) - (worked or 0)) <= 2 * STEP_MS
    slack = 2 * STEP_MS * (2 * len(spans) + 2)
    for name in ("occupied_ms", "unknown_ms", "overstay_ms"):
        assert abs(getattr(row, name) - getattr(found, name)) <= slack, name
