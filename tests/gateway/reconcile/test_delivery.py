"""Facts of a booking in any order, in pieces, more than once: the same record; only its revisions differ."""

from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Column, SamplesBatch
from pleintemps_contract.topics import Channel
from pleintemps_gateway.ingest.late import REST_MS
from tests.gateway.house import HOUR, build
from tests.gateway.player import BOOT
from tests.gateway.test_ingest_site import Site

from .test_settling import EXTRA, MINUTE, START, Evening, book, told

PIECES = 12
PIECE = 10 * MINUTE
DAY = 24 * HOUR


def batch(place: int, journal: int) -> SamplesBatch:
    """What a PIR said in ten minutes from half an hour before START on; people from START to minute 40."""
    base = START - 30 * MINUTE + place * PIECE
    times = range(0, PIECE, 30_000)
    there = [START <= base + dt < START + 40 * MINUTE and dt % MINUTE == 0 for dt in times]
    column = Column(dt=list(times), value=[float(each) for each in there])
    return SamplesBatch(
        journal=f"{journal:032x}", first=1, seq=1, boot=BOOT, base=base, trusted=True, series={"pir": column}
    )


def record(order: list[int], restart_at: int, days_late: int) -> tuple[dict[str, Any], int]:
    """The record after the pieces were delivered in this order, and how often it was corrected."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        house = build(folder, f"sqlite:///{folder / 'house.db'}", extra=EXTRA)
        try:
            book(house, START, START + HOUR)
            evening, journals = Evening(house), count(1)
            evening.site.wait(1000)
            for late in range(6):
                house.world.move(START + late * 15 * MINUTE - house.world.now())
                evening.site.wait(1000)
            evening.settle()
            house.world.move(days_late * DAY)
            for turn, place in enumerate(order):
                evening.site.hear(Channel.SAMPLES, batch(place, next(journals)))
                if turn == restart_at:  # in the middle of it all; what was due is worked out at once
                    evening.site = Site(house)
                    evening.site.wait(REST_MS)
                    evening.settle()
            for _ in range(3):
                evening.site.wait(REST_MS)
                evening.settle()
            row = evening.record()
            assert row["due"] is None and row["settled_at"] is not None
            return told(row), row["revision"]
        finally:
            house.engine.dispose()


@cache
def in_time() -> dict[str, Any]:
    return record(list(range(PIECES)), -1, 0)[0]


@settings(max_examples=3, deadline=None)
@given(
    order=st.permutations(range(PIECES)),
    again=st.lists(st.integers(0, PIECES - 1), max_size=3),
    restart_at=st.integers(0, PIECES - 1),
    days=st.sampled_from([0, 3]),
)
def test_any_order_any_repeats_any_restart_end_in_one_record(
    order: list[int], again: list[int], restart_at: int, days: int
) -> None:
    in_order = in_time()
    assert in_order["state"] == "ended" and in_order["unknown_ms"] == 0
    assert 38 * MINUTE <= in_order["occupied_ms"] <= 50 * MINUTE
    mixed, revisions = record([*order, *again], restart_at, days)
    assert mixed == in_order
    assert revisions >= 1  # it had been told as unknown before
