"""What pages read of a year, a month and a night is found by an index: no query passes over a whole table
that grows."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, event

from pleintemps_gateway.matrix.grid import Period
from pleintemps_gateway.matrix.reading import load_sums
from pleintemps_gateway.store import reading
from pleintemps_gateway.web.space_series import axis_of, load_series

from .house import NOW, House, build

GROWING: Final = ("bookings", "events", "hours", "minutes", "occupancy", "sample_batches", "usage")
DAY_MS: Final = 86_400_000
YEAR: Final = 365 * DAY_MS
Read = Callable[[Connection, House], object]


def _matrix(conn: Connection, house: House) -> object:
    period = Period(date(2025, 11, 24), date(2026, 11, 23))
    return load_sums(conn, house.site, house.site.spaces, period, frozenset(range(24)))


def _space(range_: Any) -> Read:
    def read(conn: Connection, house: House) -> object:
        return load_series(conn, house.site, house.site.spaces[0], axis_of(range_, house.site.zone, NOW))

    return read


READS: Final[dict[str, Read]] = {
    "matrix of a year": _matrix,
    "a room's evening": _space("evening"),
    "a room's month": _space("month"),
    "a room's year": _space("year"),
    "search of a year": lambda conn, house: reading.find_bookings(
        conn, ["ecole"], NOW - YEAR, NOW, space=house.site.spaces[0].space
    ),
    "usage of a night": lambda conn, _: reading.usage(conn, ["ecole"], NOW - DAY_MS, NOW),
    "beliefs of a night": lambda conn, _: reading.occupancy(conn, ["ecole"], NOW - DAY_MS, NOW),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("plans")
    made = build(folder, f"sqlite:///{folder / 'store.db'}")
    yield made
    made.engine.dispose()


@pytest.mark.sqlite
@pytest.mark.parametrize("name", READS)
def test_no_page_passes_over_a_table_that_grows(house: House, name: str) -> None:
    asked: list[tuple[str, Any]] = []

    def note(*found: Any) -> None:
        asked.append((found[2], found[3]))

    with house.engine.connect() as conn:
        event.listen(house.engine, "before_cursor_execute", note)
        try:
            READS[name](conn, house)
        finally:
            event.remove(house.engine, "before_cursor_execute", note)
        plans = [conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all() for text, values in asked]
    steps = [str(step[3]) for plan in plans for step in plan]
    assert any(step.startswith("SEARCH") for step in steps)
    passed = [step for step in steps if step.startswith("SCAN") and step.split()[1] in GROWING]
    assert passed == []
