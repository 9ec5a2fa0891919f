"""Leases in a real PostgreSQL: what the rules say, under the store's locks and by its clock."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DBAPIError

from pleintemps_gateway.leases import store
from pleintemps_gateway.leases.rules import LIVES_MS, Term
from pleintemps_gateway.operation.gateways import read_gateways
from pleintemps_gateway.operation.readers import Place
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import gateways, leases, reigns
from tests.gateway.house import build
from tests.support.stores import make_store

SITES = ("ecole", "mairie")
WALL = 1_795_400_000_000


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    make_store(postgres_url)
    engine = open_engine(postgres_url)
    yield engine
    engine.dispose()


def age(engine: Engine, gateway: str) -> None:
    """As if it had shown no sign of life for long enough."""
    with engine.begin() as conn:
        mine = gateways.c.gateway == gateway
        conn.execute(update(gateways).where(mine).values(expires=gateways.c.expires - LIVES_MS))


def take(engine: Engine, site: str, gateway: str, run: str) -> int | None:
    return store.take(engine, [site], gateway, run, WALL).get(site)


def test_a_site_is_taken_once_and_its_token_is_the_epoch(engine: Engine) -> None:
    for name in ("a", "b"):
        store.join(engine, name, f"{name}1", SITES)
    with ThreadPoolExecutor(2) as pool:
        tokens = list(pool.map(lambda name: take(engine, "ecole", name, f"{name}1"), ("a", "b")))
    assert sorted(map(bool, tokens)) == [False, True]
    (token,) = (each for each in tokens if each)
    assert token == WALL // 1000
    with engine.connect() as conn:
        assert conn.execute(select(reigns.c.epoch)).scalar_one() == token


def test_the_dead_are_replaced_and_their_terms_end(engine: Engine) -> None:
    for name in ("a", "b"):
        store.join(engine, name, f"{name}1", SITES)
    first = take(engine, "ecole", "a", "a1")
    assert take(engine, "ecole", "b", "b1") is None
    age(engine, "a")
    assert take(engine, "mairie", "a", "a1") is None  # the dead take nothing
    second = take(engine, "ecole", "b", "b1")
    assert first is not None
    assert second == first + 1
    view = store.renew(engine, "a", "a1")
    assert view.terms == {"ecole": Term("b", "b1", second)}
    with engine.connect() as conn:
        rows = conn.execute(select(leases).order_by(leases.c.token)).all()
    assert [(row.gateway, row.ended is None) for row in rows] == [("a", False), ("b", True)]
    assert rows[0].ended == rows[1].taken


def test_a_process_of_the_same_name_takes_over_at_once(engine: Engine) -> None:
    store.join(engine, "a", "a1", SITES)
    first = take(engine, "ecole", "a", "a1")
    store.join(engine, "a", "a2", SITES)
    assert store.renew(engine, "a", "a1").gateways["a"].run == "a2"
    second = take(engine, "ecole", "a", "a2")
    assert first is not None
    assert second == first + 1


def test_who_goes_in_order_leaves_its_sites_free(engine: Engine) -> None:
    for name in ("a", "b"):
        store.join(engine, name, f"{name}1", SITES)
    given = take(engine, "ecole", "a", "a1")
    take(engine, "mairie", "a", "a1")
    assert given is not None
    store.release(engine, {"ecole": given})
    assert take(engine, "ecole", "b", "b1") == given + 1
    store.leave(engine, "a", "a1")
    view = store.renew(engine, "b", "b1")
    assert view.gateways.keys() == {"b"}
    assert view.terms.keys() == {"ecole"}


def test_the_doctor_sees_who_holds_what(tmp_path: Path, postgres_url: str) -> None:
    house = build(tmp_path, postgres_url)
    place = Place(house.file, house.config, house.world, house.engine)
    assert read_gateways(place).unheld == ("ecole",)
    for name in ("a", "b"):
        store.join(house.engine, name, f"{name}1", SITES)
    take(house.engine, "ecole", "a", "a1")
    facts = read_gateways(place)
    assert not facts.unheld
    assert [(each.name, each.sites, each.alive, each.alike) for each in facts.gateways] == [
        ("a", 1, True, True),
        ("b", 0, True, True),
    ]
    assert facts.gateways[0].moved is not None
    assert 0 <= facts.now - facts.gateways[0].heard < 60_000
    age(house.engine, "a")
    facts = read_gateways(place)
    assert facts.unheld == ("ecole",)
    assert [each.alive for each in facts.gateways] == [False, True]
    house.engine.dispose()


def test_who_stands_still_in_a_transaction_loses_its_locks(engine: Engine) -> None:
    """A suspended machine, or one without power, whose connection nobody has closed."""
    store.join(engine, "b", "b1", SITES)
    with pytest.raises(DBAPIError), write_transaction(engine, SITES, idle_ms=100) as conn:
        conn.execute(select(1))
        assert store.take(engine, SITES, "b", "b1", WALL).keys() == set(SITES)
        conn.execute(select(1))
