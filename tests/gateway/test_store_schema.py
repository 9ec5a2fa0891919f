"""Migrations make what the schema says, on both kinds of store."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from pleintemps_gateway import store
from pleintemps_gateway.errors import SchemaError, SettingsError
from pleintemps_gateway.store.changes import last_change, prune_changes, record_change
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.schema import metadata

from .feed import changes_after


def test_the_migrated_store_is_the_schema(store_url: str) -> None:
    first = migrate(store_url)
    assert migrate(store_url) == first  # again does nothing
    engine = open_engine(store_url)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_store_of_the_first_version_is_brought_along(store_url: str) -> None:
    engine = open_engine(store_url)
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    with write_transaction(engine, ["*"]) as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        names = "site, door, agent, mode, physical, lock, alarm"
        values = "'a', 'gate', 'entrance', 'Locked', 'Closed', 'Locked', 'Normal'"
        conn.execute(text(f"INSERT INTO doors ({names}) VALUES ({values})"))
        conn.execute(text("INSERT INTO agents (site, agent, presence) VALUES ('a', 'entrance', 'online')"))
    migrate(store_url)
    with engine.connect() as conn:
        assert conn.execute(select(metadata.tables["doors"].c.fire)).scalar_one() is False
        row = conn.execute(select(metadata.tables["agents"])).one()
        assert (row.presence, row._mapping["keys"], row.config) == ("online", None, None)
    engine.dispose()


def test_two_processes_may_migrate_at_once(store_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(migrate, [store_url] * 4))) == 1


def test_a_newer_store_is_refused_in_one_line(store_url: str) -> None:
    migrate(store_url)
    engine = open_engine(store_url)
    with write_transaction(engine, ["*"]) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SchemaError, match="newer"):
        migrate(store_url)


@pytest.mark.parametrize("url", ["mysql://here/there", "nonsense", ""])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="database_url"):
        open_engine(url)


@pytest.mark.sqlite
def test_sqlite_commits_reach_the_disk(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as conn:
        assert conn.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert conn.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert conn.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    engine.dispose()


def test_the_order_of_the_feed_is_the_order_of_commits(store_url: str) -> None:
    """Two writers at once; a reader who has seen ``seq`` never meets a smaller one later."""
    migrate(store_url)
    engine = open_engine(store_url)
    seen: list[int] = []

    def write(name: str) -> None:
        for number in range(25):
            with write_transaction(engine, ["a"]) as conn:
                record_change(conn, "a", "bookings", f"{name}/{number}", number)
                record_change(conn, "a", "grants", f"{name}/{number}", number)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, name) for name in ("x", "y")]
        while not all(writer.done() for writer in writers) or not seen or seen[-1] < 100:
            with engine.connect() as conn:
                seen += [seq for seq, _, _ in changes_after(conn, "a", seen[-1] if seen else 0)]
            for writer in writers:
                if writer.done():
                    writer.result()
    assert seen == list(range(1, 101))
    engine.dispose()


def test_pruning_keeps_the_youngest_and_the_count(store_url: str) -> None:
    migrate(store_url)
    engine = open_engine(store_url)

    def inside(work: Callable[[Connection], None]) -> None:
        with write_transaction(engine, ["a"]) as conn:
            work(conn)

    for number in range(10):
        inside(lambda conn, n=number: record_change(conn, "a", "spaces", str(n), n))  # type: ignore[misc]
    with write_transaction(engine, ["a"]) as conn:
        assert prune_changes(conn, "a", keep=3) == 7
        assert prune_changes(conn, "a", keep=0) == 2
        record_change(conn, "a", "spaces", "last", 1)
        assert last_change(conn, "a") == 11
        assert last_change(conn, "b") == 0
    engine.dispose()
