"""One SQLite store has one ingest: who is deposed writes and signs no more. Nothing is kept for ever."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.errors import DeposedError, SettingsError
from pleintemps_gateway.ingest.housekeeping import Housekeeper
from pleintemps_gateway.ingest.memory import take_over
from pleintemps_gateway.ingest.run import Ingest
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import events, refusals, sessions
from pleintemps_gateway.users import put_user
from tests.support.stores import make_store

from .house import NOW, build

DAY = 86_400_000


@pytest.mark.sqlite
def test_a_second_ingest_on_the_store_ends_the_first(tmp_path: Path, sqlite_url: str) -> None:
    house = build(tmp_path, sqlite_url)
    first = Ingest(house.config, ManualWorld(NOW))
    take_over(house.engine, "ecole", house.world)  # what a second process does first

    async def story() -> None:
        await asyncio.wait_for(first.run(asyncio.Event()), 20)

    with pytest.raises(DeposedError, match="'ecole'"):
        asyncio.run(story())
    house.engine.dispose()


@pytest.mark.sqlite
def test_a_deposed_ingest_stores_nothing_of_what_it_hears(tmp_path: Path, sqlite_url: str) -> None:
    house = build(tmp_path, sqlite_url)
    first = Ingest(house.config, ManualWorld(NOW))
    take_over(house.engine, "ecole", house.world)
    told = threading.Event()
    answer = first._take("pleintemps/v1/ecole/stranger/birth", b"{}", False)
    answer.add_done_callback(lambda _answer: told.set())
    assert told.wait(20)
    assert answer.exception() is not None  # so the broker is not told that it is stored
    with house.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(refusals)) == 0
    first._writer.close()
    house.engine.dispose()


def test_events_expire_by_their_arrival_not_by_the_clock_of_their_agent(
    tmp_path: Path, store_url: str
) -> None:
    house = build(tmp_path, store_url)
    stamps = {  # seq: (stamped, received)
        1: (NOW - 91 * DAY, NOW - 91 * DAY),
        2: (NOW + 4_000 * DAY, NOW - 91 * DAY),
        3: (0, NOW - DAY),
        4: (NOW - DAY, NOW - DAY),
    }
    with write_transaction(house.engine, ["ecole"]) as conn:
        for seq, (at, received) in stamps.items():
            row = {"site": "ecole", "journal": "a" * 32, "seq": seq, "agent": "entrance", "boot": "b" * 32}
            times = {"at": at, "received": received, "monotonic": 0, "trusted": False}
            conn.execute(insert(events).values(**row, **times, type="health", body="{}"))
        Housekeeper(house.site, house.world).run(conn)
        assert conn.scalars(select(events.c.seq).order_by(events.c.seq)).all() == [3, 4]
    house.engine.dispose()


def test_a_new_password_ends_the_sessions_of_the_old_one(tmp_path: Path, store_url: str) -> None:
    house = build(tmp_path, store_url)
    with write_transaction(house.engine, ["*"]) as conn:
        for name in ("anne", "bea"):
            row = {"site": "*", "token_hash": name, "name": name, "csrf": "x", "created": NOW}
            conn.execute(insert(sessions).values(**row, expires=NOW + DAY))
    put_user(house.engine, "*", "anne", "a new long password", "caretaker", house.world)
    with house.engine.connect() as conn:
        assert conn.scalars(select(sessions.c.name)).all() == ["bea"]
    house.engine.dispose()


def test_an_error_of_the_store_says_no_value(store_url: str) -> None:
    make_store(store_url)
    engine = open_engine(store_url)
    row = {
        "site": "ecole",
        "token_hash": "t",
        "name": "Madame Martin",
        "csrf": "x",
        "created": 1,
        "expires": 1,
    }
    with pytest.raises(IntegrityError) as raised, write_transaction(engine, ["ecole"]) as conn:
        conn.execute(insert(sessions).values(**row))
        conn.execute(insert(sessions).values(**row))
    assert "Madame Martin" not in str(raised.value)
    engine.dispose()


def test_a_port_that_is_no_number_is_said_without_the_password() -> None:
    with pytest.raises(SettingsError, match="port") as raised:
        open_engine("postgresql://gateway:hush@host:port/name")
    assert "hush" not in str(raised.value)
