"""Rows of several sites in one statement: the same rows, in fewer statements."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event, insert

from pleintemps_gateway.store.changes import last_known, record_changes
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import journals, reigns
from pleintemps_gateway.store.together import table_of, together
from tests.support.stores import make_store

SITES = ("creche", "ecole", "mairie")
NOW = 1_795_400_000_000


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    make_store(store_url)
    engine = open_engine(store_url)
    with write_transaction(engine, SITES) as conn:
        for number, site in enumerate(SITES):
            conn.execute(insert(reigns).values(site=site, epoch=1, revision=0, started=NOW))
            record_changes(conn, site, [("events", str(each)) for each in range(number)], NOW)
            for each in range(number):
                mark = {"stream": "events", "agent": "entrance", "through": each, "lost": 0, "duplicates": 0}
                conn.execute(insert(journals).values(site=site, journal=f"j{each}", **mark))
    yield engine
    engine.dispose()


def test_the_rows_are_those_of_each_site_and_one_statement_asks_for_all(engine: Engine) -> None:
    said: list[str] = []
    with engine.connect() as conn:
        alone = {site: set(table_of(conn, site, journals)) for site in (*SITES, "other")}
        known = {site: last_known(conn, site) for site in SITES}
        event.listen(engine, "before_cursor_execute", lambda *event: said.append(event[2]))
        with together(conn, SITES):
            for site in SITES:
                assert set(table_of(conn, site, journals)) == alone[site]
                assert last_known(conn, site) == known[site]
            assert len(said) == 2
            assert not table_of(conn, "other", journals)
            assert len(said) == 3
        assert set(table_of(conn, "ecole", journals)) == alone["ecole"]
        assert len(said) == 4
    assert known == {"creche": 0, "ecole": 1, "mairie": 2}
    assert [len(alone[site]) for site in SITES] == [0, 1, 2]
