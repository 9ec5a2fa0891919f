"""Late data make hours due: none is forgotten, and what is noted already is not written again."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import delete, select

from pleintemps_gateway.ingest.hours import AFTER_MS, AGAIN_MS, REST_MS, HourBook
from pleintemps_gateway.matrix.lanes import HOUR_MS
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import hours_due
from tests.gateway.house import NOW, House, build

SPACE = "hall"
AGO = st.one_of(st.integers(30_000, 300_000), st.integers(30_000, 5 * HOUR_MS))


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url)
    yield made
    made.engine.dispose()


def dues(house: House) -> dict[int, int]:
    """When each hour is due."""
    with house.engine.connect() as conn:
        found = conn.execute(select(hours_due.c.hour, hours_due.c.due).where(hours_due.c.space == SPACE))
        return {int(hour): int(due) for hour, due in found}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3_000), AGO, st.integers(0, 60_000)), min_size=1, max_size=12))
def test_each_late_hour_is_due_when_what_came_has_rested(house: House, told: list[tuple[int, ...]]) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(delete(hours_due))
    book, now = HourBook(house.site), NOW
    for pause, ago, length in told:
        now += pause
        first, last = now - ago - length, now - ago
        book.late(SPACE, first, last)
        with write_transaction(house.engine, ["ecole"]) as conn:
            book.flush(conn, now)
        found = dues(house)
        end = min(last + AFTER_MS, now)
        hours = [hour for hour in found if hour + HOUR_MS > first and hour < max(end, first + 1)]
        assert min(hours) <= first and max(hours) + HOUR_MS >= end
        assert len(hours) == (max(hours) - min(hours)) // HOUR_MS + 1
        assert all(found[hour] > now + REST_MS - AGAIN_MS for hour in hours), "nobody is at work on it yet"


def test_a_journal_that_comes_in_pieces_notes_its_hours_once_a_second(house: House) -> None:
    book, seen = HourBook(house.site), set()
    for piece in range(100):
        now = NOW + 50 * piece
        book.late(SPACE, NOW - 4 * HOUR_MS, NOW - 4 * HOUR_MS + 60_000)
        with write_transaction(house.engine, ["ecole"]) as conn:
            book.flush(conn, now)
        seen.add(max(dues(house).values()))
    assert len(seen) == 5


def test_what_was_undone_is_noted_again(house: House) -> None:
    book = HourBook(house.site)
    book.late(SPACE, NOW - HOUR_MS, NOW)
    with pytest.raises(LookupError), write_transaction(house.engine, ["ecole"]) as conn:
        book.flush(conn, NOW)
        raise LookupError
    with house.engine.connect() as conn:
        book.load(conn)
    book.late(SPACE, NOW - HOUR_MS, NOW)
    with write_transaction(house.engine, ["ecole"]) as conn:
        book.flush(conn, NOW)
    assert dues(house)
