"""Beliefs of a night: the rows are those of a plain look at all of them, and what is read does not grow with
the history of a room, on both kinds of store."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Select, delete, insert, text

from pleintemps_gateway.store import beliefs, live, reading
from pleintemps_gateway.store.engine import open_engine
from pleintemps_gateway.store.schema import occupancy
from tests.support.stores import make_store

SITES: Final = ("ecole", "moulin")
ROOMS: Final = tuple((site, f"room-{number}") for site in SITES for number in range(6))
MINUTE: Final = 60_000
Row = tuple[str, str, int]


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    make_store(store_url)
    made = open_engine(store_url)
    yield made
    made.dispose()


def fill(conn: Connection, rows: list[Row]) -> None:
    conn.execute(delete(occupancy))
    told = {"state": "occupied", "probability": 0.9, "evidence": "radar"}
    if rows:
        conn.execute(
            insert(occupancy),
            [told | dict(zip(("site", "space", "since"), row, strict=True)) for row in rows],
        )


def plainly(rows: list[Row], start: int, end: float) -> list[Row]:
    in_force: dict[tuple[str, str], int] = {}
    for site, space, since in sorted(rows):
        if since <= start:
            in_force[site, space] = since
    return sorted(row for row in rows if in_force.get(row[:2]) == row[2] or start < row[2] < end)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sets(st.tuples(st.sampled_from(SITES), st.sampled_from("abcd"), st.integers(0, 30)), max_size=40),
    st.integers(0, 30),
    st.integers(-2, 20),
    st.sets(st.sampled_from(SITES)),
)
def test_the_rows_are_those_of_a_look_at_all(
    empty: Engine, drawn: set[Row], start: int, length: int, sites: set[str]
) -> None:
    with empty.begin() as conn:
        fill(conn, sorted(drawn))
        mine = [row for row in drawn if row[0] in sites]
        found = [tuple(row[:3]) for row in reading.occupancy(conn, sites, start, start + length)]
        assert found == plainly(mine, start, start + length)
        one = [tuple(row[:3]) for row in reading.occupancy(conn, sites, start, start + length, "b")]
        assert one == [row for row in found if row[1] == "b"]
        pairs = sorted({row[:2] for row in mine})
        seen = [tuple(row[:3]) for row in live.occupancy_rows(conn, pairs, start)]
        assert seen == plainly(mine, start, float("inf"))


def history(count: int) -> list[Row]:
    return [(site, space, number * MINUTE) for site, space in ROOMS for number in range(count)]


def steps(conn: Connection, query: Select[Any]) -> int:
    """Instructions that SQLite carries out for ``query``."""
    taken, driver = 0, conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    driver.set_progress_handler(step, 1)
    try:
        assert conn.execute(query).all()
    finally:
        driver.set_progress_handler(None, 0)
    return taken


def visited(conn: Connection, query: Select[Any]) -> int:
    """Rows of the table that PostgreSQL looked at for ``query``."""
    conn.execute(text("ANALYZE occupancy"))
    asked = str(query.compile(conn, compile_kwargs={"literal_binds": True}))
    told = conn.execute(text(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {asked}")).scalar_one()
    plan = told if isinstance(told, list) else json.loads(told)

    def below(node: dict[str, Any]) -> int:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        rows += node.get("Rows Removed by Index Recheck", 0)
        mine = node["Actual Loops"] * rows if node.get("Relation Name") == "occupancy" else 0
        return int(mine) + sum(below(child) for child in node.get("Plans", ()))

    return below(plan[0]["Plan"])


@pytest.mark.parametrize("known", ["sites", "pairs"])
def test_a_night_costs_the_same_however_long_the_history_is(engine: Engine, known: str) -> None:
    rooms = ROOMS if known == "sites" else ROOMS[3:9]
    asked = beliefs.spaces_of(SITES) if known == "sites" else beliefs.these(rooms)
    costs = []
    with engine.connect() as conn:
        for count in (200, 1_200):
            rows = history(count)
            fill(conn, rows)
            start, end = (count - 30) * MINUTE, (count - 20) * MINUTE
            night = beliefs.within(conn, asked, start, end)
            found = [tuple(row[:3]) for row in conn.execute(night)]
            assert found == plainly([row for row in rows if row[:2] in rooms], start, end)
            costs.append(steps(conn, night) if engine.dialect.name == "sqlite" else visited(conn, night))
    short, long = costs
    if engine.dialect.name == "sqlite":
        assert long == short
    else:
        # a row or two for each room beside its ten: which rooms there are, and what was in force
        assert short <= 16 * len(ROOMS) and long <= 16 * len(ROOMS)
