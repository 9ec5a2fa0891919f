"""The pure parts of ingest: journals, rollups, refusals."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pleintemps_gateway.ingest.journals import Accepted, Mark, Refused, advance
from pleintemps_gateway.ingest.refusals import MAX_ROWS, RefusalCounts, reason_of
from pleintemps_gateway.ingest.rollup import MINUTE_MS, SeriesRoll, sound


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), max_size=60), st.integers(1, 40))
def test_any_interleaving_of_resends_stores_the_journal_once(
    sends: list[tuple[int, int]], total: int
) -> None:
    """Whatever comes twice or too early: the store is a prefix of the journal, in the end all of it."""
    mark: Mark | None = None
    store: list[int] = []
    for start, length in [*sends, (1, total)]:
        end = min(total, start + length - 1)
        if end < start:
            continue
        result = advance(mark, "a", 1, start, end)
        if isinstance(result, Accepted):
            store += range(max(start, result.fresh), end + 1)
            mark = result.mark
            assert mark.through == len(store)
        else:
            assert result is Refused.GAP
    assert store == list(range(1, total + 1))


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 20), st.integers(0, 20))
def test_what_a_journal_dropped_is_counted_never_waited_for(
    through: int, ahead: int, gap: int, length: int
) -> None:
    first = through + ahead
    result = advance(Mark("a", through), "a", first, first + gap, first + gap + length)
    fits = first + gap <= max(through, first - 1) + 1
    assert isinstance(result, Accepted) is fits
    if isinstance(result, Accepted):
        assert result.mark.lost == max(0, first - 1 - through)
        assert result.mark.through == max(through, first + gap + length)
        assert result.mark.through - result.mark.lost >= through


@pytest.mark.parametrize(
    ("first", "start", "end", "why"),
    [(5, 4, 6, Refused.BACKWARDS), (1, 3, 2, Refused.BACKWARDS), (1, 3, 3, Refused.GAP)],
)
def test_a_batch_that_makes_no_sense_is_refused(first: int, start: int, end: int, why: Refused) -> None:
    assert advance(Mark("a", 1), "a", first, start, end) is why


def test_a_journal_belongs_to_its_agent() -> None:
    assert advance(Mark("a", 1), "b", 1, 2, 2) is Refused.FOREIGN


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 1)), min_size=1, max_size=40))
def test_time_on_is_never_more_than_the_time(steps: list[tuple[int, int]]) -> None:
    roll = SeriesRoll("state", 60, None, None)
    at, expected = 0, 0
    samples: list[tuple[int, float]] = []
    for wait, value in steps:
        before = samples[-1][1] if samples else 0
        expected += wait if before and samples else 0
        at += wait
        samples.append((at, float(value)))
    roll.take(samples)
    assert sum(minute.total for minute in roll.minutes.values()) == expected
    assert all(minute.total <= MINUTE_MS for minute in roll.minutes.values())


def test_a_state_gone_stale_counts_no_longer() -> None:
    roll = SeriesRoll("state", 10, 0, 1.0)
    roll.take([(MINUTE_MS * 5, 1.0)])
    assert {start: minute.total for start, minute in roll.minutes.items()} == {0: 20_000, MINUTE_MS * 5: 0}


def test_levels_add_by_energy() -> None:
    roll = SeriesRoll("level", 10, None, None)
    roll.take([(0, 60.0), (1000, 70.0)])
    minute = roll.minutes[0]
    assert (minute.count, minute.low, minute.high) == (2, 60.0, 70.0)
    assert minute.energy == pytest.approx(1e6 + 1e7)


@pytest.mark.parametrize(
    ("quantity", "value", "usable"),
    [
        ("motion", 1, True),
        ("motion", 2, False),
        ("motion", 0.5, False),
        ("radar", 3, True),
        ("level", 60.5, True),
        ("LCpeak", 118.2, True),
        ("Leq-125", 60.5, True),
        ("range", 2.0, True),
        ("range", 3.0, False),
        ("range", 0.5, False),
        ("level", 1e308, False),
        ("LAeq", -41, False),
        ("radar", -1, False),
        ("motion", float("nan"), False),
        ("level", float("nan"), False),
    ],
)
def test_impossible_values_are_left_out(quantity: str, value: float, usable: bool) -> None:
    assert sound(quantity, [(1, value), (2, value)], 1) == ([(1, value)] if usable else [])


@given(st.text(max_size=300))
def test_a_reason_is_printable_bounded_and_without_figures(text: str) -> None:
    reason = reason_of(text)
    assert len(reason) <= 200
    assert reason.isprintable()
    assert not any(letter in "0123456789" for letter in reason)


def test_a_reason_names_the_field_and_hides_the_value() -> None:
    told = reason_of("Invalid enum value 'sesame' - at `$.records[12].event.door`")
    assert "sesame" not in told
    assert "$.records[N].event.door" in told


def test_kinds_of_refusals_are_bounded() -> None:
    counts = RefusalCounts()
    rows = [counts.add("a", f"topic {n}", "why", 1, n) for n in range(MAX_ROWS + 50)]
    assert len({(row["source"], row["reason"]) for row in rows}) == MAX_ROWS + 1
    assert rows[-1]["count"] == 50
