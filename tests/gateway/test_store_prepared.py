"""Statements whose text is made once do what the ordinary way does."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, bindparam, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import panels, reigns
from pleintemps_gateway.store.upsert import upsert

pytestmark = pytest.mark.sqlite

PUT = Prepared(insert(reigns))
NUMBER = st.integers(0, 2**53)


def reign(site: str, epoch: int = 1) -> dict[str, object]:
    return {"site": site, "epoch": epoch, "revision": 0, "started": 7}


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    migrate(sqlite_url)
    made = open_engine(sqlite_url)
    yield made
    made.dispose()


def test_rows_are_put_and_found(engine: Engine) -> None:
    of_some = Prepared(
        select(reigns.c.epoch)
        .where(reigns.c.site.in_(["a", "b"]), reigns.c.epoch <= bindparam("most"))
        .order_by(reigns.c.epoch)
    )
    with write_transaction(engine, ["a"]) as conn:
        PUT.put(conn, [reign("a", 3), reign("b", 2), reign("c", 1)])
        found = of_some.first(conn, {"most": 9})
        assert found is not None and tuple(found) == (2,)
        assert of_some.first(conn, {"most": 1}) is None
    assert of_some.finds(engine, {"most": 3})
    assert not of_some.finds(engine, {"most": 1})


def test_what_is_put_belongs_to_the_transaction(engine: Engine) -> None:
    with pytest.raises(KeyError), write_transaction(engine, ["a"]) as conn:
        PUT.put(conn, [reign("a")])
        PUT.put(conn, [reign("b"), {"site": "c"}])
    with engine.connect() as conn:
        PUT.put(conn, [reign("a")])  # and without one begins one, which nobody commits
    with engine.connect() as conn:
        assert conn.execute(select(reigns)).all() == []


def test_a_fault_is_sqlalchemys_and_shows_no_values(engine: Engine) -> None:
    with pytest.raises(IntegrityError) as twice, write_transaction(engine, ["a"]) as conn:
        PUT.put(conn, [reign("secret"), reign("secret")])
    assert "secret" not in str(twice.value)
    with write_transaction(engine, ["a"]), pytest.raises(OperationalError), engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout=0")
        other.rollback()
        other.execution_options(pleintemps_write=True).begin()


ROWS = st.lists(
    st.fixed_dictionaries({"state": st.text(max_size=8), "ready": st.none() | st.booleans(), "at": NUMBER}),
    min_size=1,
    max_size=5,
)


@settings(max_examples=20)
@given(ROWS)
def test_rows_are_as_by_the_ordinary_way(made: list[dict[str, object]]) -> None:
    engine = open_engine("sqlite://")
    panels.create(engine)
    rows = [{"site": "a", "panel": str(n), "agent": "b", **row} for n, row in enumerate(made)]
    with engine.begin() as conn:
        conn.execute(insert(panels), rows)
        ordinary = conn.exec_driver_sql("SELECT * FROM panels").all()
        upsert(conn, panels, [{**row, "state": "unknown"} for row in rows])
        assert conn.execute(select(panels.c.state)).scalars().all() == ["unknown"] * len(rows)
        upsert(conn, panels, rows)
        assert conn.exec_driver_sql("SELECT * FROM panels").all() == ordinary
    engine.dispose()
