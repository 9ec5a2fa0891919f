"""Many rows in one statement are the rows that one by one would be."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, select

from pleintemps_gateway.ingest.pending import Pending
from pleintemps_gateway.store.bulk import Bulk
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, minutes, sample_batches, series
from pleintemps_gateway.store.upsert import upsert


@pytest.fixture
def postgres(empty_postgres: Engine) -> Engine:
    return empty_postgres


def minute(start: int, **values: float) -> dict[str, Any]:
    row = {"site": "ecole", "agent": "entrance", "series": "hall-level", "minute": start, "count": 1}
    return row | {"total": 1.0, "energy": 1.0, "low": 1.0, "high": 1.0} | values


def stored(conn: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(select(minutes).order_by(minutes.c.minute)).mappings()]


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
finite = st.floats(allow_nan=False, allow_infinity=False)
rows_of_series = st.lists(
    st.fixed_dictionaries(
        {
            "site": st.just("ecole"),
            "agent": st.just("entrance"),
            "series": texts,
            "space": texts,
            "quantity": st.sampled_from(["level", "motion"]),
            "kind": st.just("level"),
            "device": texts,
            "max_silence_s": st.integers(0, 2**31 - 1),
            "last_at": st.none() | st.integers(-(2**63), 2**63 - 1),
            "last_value": st.none() | finite,
        }
    ),
    min_size=2,
    max_size=6,
    unique_by=lambda row: row["series"],
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of_series)
def test_rows_are_what_they_were(postgres: Engine, rows: list[dict[str, Any]]) -> None:
    with postgres.connect() as conn, conn.begin() as transaction:
        assert Bulk(series).put(conn, rows)
        found = [
            dict(each) for each in conn.execute(select(*(series.c[name] for name in rows[0]))).mappings()
        ]
        transaction.rollback()
    assert {each["series"]: each for each in found} == {each["series"]: each for each in rows}


def test_what_is_finite_goes_in_one_statement_also_where_the_sum_is_not(postgres: Engine) -> None:
    most = 1.7976931348623157e308
    with write_transaction(postgres, ["ecole"]) as conn:
        rows = [minute(start, total=most) for start in (0, 60_000)]
        assert Bulk(minutes).put(conn, rows)
        assert [row["total"] for row in stored(conn)] == [most, most]
        assert not Bulk(minutes).put(conn, [minute(120_000, total=math.inf), minute(180_000)])


def test_what_was_there_is_added_to(postgres: Engine) -> None:
    pending = Pending(minutes=[minute(0), minute(60_000, low=-3.5)])
    again = Pending(minutes=[minute(60_000, total=0.1, energy=0.2, low=-9.25, high=7.0), minute(120_000)])
    with write_transaction(postgres, ["ecole"]) as conn:
        pending.write(conn, "ecole", 1)
        again.write(conn, "ecole", 2)
        assert stored(conn) == [
            minute(0),
            minute(60_000, count=2, total=1.1, energy=1.2, low=-9.25, high=7.0),
            minute(120_000),
        ]


@pytest.mark.parametrize(
    "rows",
    [
        [minute(0), minute(0, low=-1.0)],
        [minute(0), minute(60_000, high=float("inf"))],
        [minute(0), minute(60_000, low=float("nan"))],
        [minute(0), minute(60_000, count=2.0)],
        [minute(0)],
    ],
)
def test_what_cannot_go_together_goes_one_by_one(postgres: Engine, rows: list[dict[str, Any]]) -> None:
    with write_transaction(postgres, ["ecole"]) as conn:
        assert not Bulk(minutes).put(conn, rows)
        assert stored(conn) == []
        upsert(conn, minutes, rows)
        for row, found in zip({row["minute"]: row for row in rows}.values(), stored(conn), strict=True):
            assert all(repr(float(row[name])) == repr(float(found[name])) for name in list(row)[3:])


def test_bytes_are_no_text(postgres: Engine) -> None:
    row = {"site": "ecole", "journal": "a" * 32, "agent": "entrance", "base": 1, "readings": 1, "body": b"1"}
    with write_transaction(postgres, ["ecole"]) as conn:
        assert not Bulk(sample_batches).put(conn, [row | {"seq": 1}, row | {"seq": 2}])


def test_only_what_is_said_is_changed(postgres: Engine) -> None:
    key = [{"site": "ecole", "agent": name} for name in ("entrance", "hall")]
    with write_transaction(postgres, ["ecole"]) as conn:
        rows = [each | {"presence": "never", "command_counter": 7} for each in key]
        conn.execute(insert(agents).values(rows))
        said = {"presence": "online"}
        upsert(
            conn,
            agents,
            [key[0] | said | {"clock_trusted": True}, key[1] | said | {"clock_trusted": None}],
        )
        found = conn.execute(select(agents).order_by(agents.c.agent)).all()
    assert [(row.presence, row.command_counter, row.clock_trusted) for row in found] == [
        ("online", 7, True),
        ("online", 7, None),
    ]
