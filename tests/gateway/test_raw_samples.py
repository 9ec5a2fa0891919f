"""Raw samples on both stores: added once, found, forgotten; on PostgreSQL by the day."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, func, insert, select, text

from pleintemps_gateway import store
from pleintemps_gateway.store import raw
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.schema import sample_batches
from tests.support.stores import make_store

DAY = raw.DAY_MS
NOW = 1_795_400_000_000
MIDNIGHT = raw.day_of(NOW)
BODY = bytes(range(256))


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    make_store(store_url)
    engine = open_engine(store_url)
    yield engine
    engine.dispose()


def row(seq: int, base: int, site: str = "ecole") -> dict[str, object]:
    key = {"site": site, "journal": "a" * 32, "seq": seq, "agent": "entrance"}
    return {**key, "base": base, "readings": 3, "body": BODY}


def add(conn: Connection, *rows: dict[str, object]) -> None:
    raw.put(conn, rows)
    raw.put_gathered(conn)


def bases(conn: Connection) -> list[int]:
    return list(conn.scalars(select(sample_batches.c.base).order_by(sample_batches.c.base)))


def where(conn: Connection) -> dict[str, int]:
    """Rows by partition."""
    query = "SELECT tableoid::regclass::text AS part, count(*) AS count FROM sample_batches GROUP BY 1"
    return {each.part.removeprefix("pleintemps_samples."): int(each[1]) for each in conn.execute(text(query))}


def test_what_is_put_down_is_read_as_it_was(engine: Engine) -> None:
    wanted = [row(1, NOW), row(2, NOW + 1, "mairie")]
    with write_transaction(engine, ["ecole", "mairie"]) as conn:
        raw.add_days(conn, NOW)
        add(conn, *wanted)
        found = conn.execute(select(sample_batches).order_by(sample_batches.c.seq)).mappings()
        assert [dict(each) for each in found] == wanted


def test_what_an_undone_group_gathered_is_forgotten(engine: Engine) -> None:
    with pytest.raises(RuntimeError), write_transaction(engine, ["ecole"]) as conn:
        raw.put(conn, [row(1, NOW)])
        raise RuntimeError
    with write_transaction(engine, ["ecole"]) as conn:
        raw.forget_gathered(conn)
        add(conn, row(2, NOW))
        assert list(conn.scalars(select(sample_batches.c.seq))) == [2]


def test_old_samples_and_those_of_the_far_future_go(engine: Engine) -> None:
    stamps = [0, MIDNIGHT - 9 * DAY, MIDNIGHT - 6 * DAY, NOW, NOW + 30 * DAY]
    with write_transaction(engine, ["ecole"]) as conn:
        raw.add_days(conn, NOW - 9 * DAY)
        raw.add_days(conn, NOW)
        for seq, base in enumerate(stamps):
            add(conn, row(seq, base))
        raw.forget(conn, "ecole", NOW)
        raw.drop_days(conn, NOW)
        assert bases(conn) == [MIDNIGHT - 6 * DAY, NOW]


def test_each_day_has_its_partition_and_takes_its_rows_along(postgres_url: str) -> None:
    make_store(postgres_url)
    engine = open_engine(postgres_url)
    with write_transaction(engine, ["ecole"]) as conn:
        add(conn, row(1, NOW), row(2, NOW + DAY), row(3, 0))
        assert where(conn) == {"other_days": 3}
        raw.add_days(conn, NOW)
        assert where(conn) == {"other_days": 1, raw.name_of(MIDNIGHT): 1, raw.name_of(MIDNIGHT + DAY): 1}
        raw.add_days(conn, NOW)  # again does nothing
        add(conn, row(4, NOW))
        assert where(conn)[raw.name_of(MIDNIGHT)] == 2
    engine.dispose()


def test_a_day_that_somebody_reads_is_dropped_the_next_time(postgres_url: str) -> None:
    make_store(postgres_url)
    engine = open_engine(postgres_url)
    late = MIDNIGHT + 9 * DAY
    with write_transaction(engine, ["ecole"]) as conn:
        raw.add_days(conn, NOW)
        add(conn, row(1, NOW))
    with engine.connect() as reader:
        assert bases(reader) == [NOW]
        with write_transaction(engine, ["ecole"]) as conn:
            raw.drop_days(conn, late)
            assert bases(conn) == [NOW]  # and the transaction goes on
    with write_transaction(engine, ["ecole"]) as conn:
        raw.drop_days(conn, late)
        assert bases(conn) == []
    engine.dispose()


def test_samples_of_an_older_store_stay_readable(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    with write_transaction(engine, ["*"]) as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0005")
        conn.execute(insert(sample_batches), [row(1, NOW - DAY), row(2, NOW)])
    migrate(postgres_url)
    with write_transaction(engine, ["ecole"]) as conn:
        raw.add_days(conn, NOW)
        assert bases(conn) == [NOW - DAY, NOW]
        assert conn.scalar(select(func.sum(sample_batches.c.readings))) == 6
        raw.forget(conn, "ecole", NOW + 7 * DAY)
        assert bases(conn) == [NOW]
    engine.dispose()


def test_much_that_is_old_goes_in_small_steps_and_nothing_else(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "A_RUN", 2)
    old = NOW - raw.KEEP_MS - 10 * DAY  # no day of its own
    with engine.begin() as conn:
        add(conn, row(1, old), row(2, old + 1), row(3, old + 2), row(4, NOW), row(5, old, site="mairie"))
        left = []
        for _ in range(3):
            raw.forget(conn, "ecole", NOW)
            left.append(len(bases(conn)))
        assert left == [3, 2, 2]
        assert sorted(bases(conn)) == [old, NOW]
